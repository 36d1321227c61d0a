"""The model of the filter `cors`, and the kinds of its values."""

import re
from typing import Annotated

from pydantic import Field
from pydantic_core import PydanticCustomError

from orion_gateway.config.addresses import read_origin
from orion_gateway.config.http_words import FieldName, Method, Regex
from orion_gateway.config.kinds import Duration, Flag, Kind, fail, read_text
from orion_gateway.config.table import OrAll, OrText, Table, key

OTHER_SCHEME = re.compile(r"(?!https?:)[a-z][a-z0-9+.-]*://[A-Za-z0-9._-]+(:[0-9]{1,5})?")
"""Origins of applications that show pages of their own, such as capacitor://localhost."""


def read_origin_pattern(value: object) -> str:
    """Return an origin as browsers write it, `*`, `null`, or `https://*.` and the rest of one."""
    text = read_text(value, "an origin such as https://app.example.org")
    if text in {"*", "null"} or OTHER_SCHEME.fullmatch(text):
        return text
    match = re.fullmatch(r"(https?://)\*\.(.+)", text, re.IGNORECASE)
    if match is None:
        if "*" in text:
            meant = f"https://{text}" if re.fullmatch(r"\*\.[\w-]+(\.[\w-]+)+", text) else ""
            hint = "it stands for one label at the start of the host; for more write {regex: …}"
            raise fail("E0208", "a * cannot stand here", suggestion=meant, hint=hint)
        return read_origin(text)
    try:
        scheme, _, host = read_origin(match[1] + match[2]).partition("://")
    except PydanticCustomError:
        raise fail("E0208", "expected an origin such as https://*.example.org") from None
    if host.startswith("[") or re.fullmatch(r"[0-9.]+(:[0-9]+)?", host):
        raise fail("E0208", "an address has no labels for a * to stand for")
    return f"{scheme}://*.{host}"


ORIGIN = Kind("origin", read_origin_pattern, {"type": "string"})


class OriginConfig(Table):
    """Which origins are meant; exactly one of the keys."""

    exact: Annotated[str, ORIGIN] | None = key(
        None,
        'An origin as browsers write it; `"*"` for every one, `"null"` for pages without one, `https://*.` for one '
        "more label. Text alone means the same.",
        "https://app.example.org",
    )
    regex: Regex | None = key(None, "An RE2 pattern that matches whole origins.", "https://pr-[0-9]+\\.example\\.org")


class CorsConfig(Table):
    """What pages of other origins may do. Preflights are answered by the gateway, ahead of every other filter."""

    origins: Annotated[tuple[Annotated[OriginConfig, OrText("exact", ORIGIN)], ...], OrAll()] = Field(
        min_length=1,
        description='The origins whose pages may use what is here; `"*"`: every one.',
        examples=[["https://app.example.org", "https://*.example.org"]],
    )
    methods: tuple[Method, ...] = key(
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"], "Methods that they may use.", ["GET", "POST"]
    )
    headers: Annotated[tuple[FieldName, ...], OrAll()] = key(
        "*", 'Request fields that they may set; `"*"`: whatever the browser asks for.', ["Content-Type"]
    )
    expose: Annotated[tuple[FieldName, ...], OrAll()] = key(
        [], "Response fields that they may read besides the few that they always may.", ["X-Request-Id"]
    )
    credentials: Flag = key(False, "Whether they may send cookies and other credentials of the browser.", True)
    max_age: Duration = key("10m", "How long a browser may remember the answer to a preflight.", "2h")
    private_network: Flag = key(
        False, "Whether pages of the public network may use it where it is on a private one.", True
    )
    enforce: Flag = key(
        True,
        "`false`: nothing is answered or changed; refusals that there would have been are counted and logged.",
        False,
    )
