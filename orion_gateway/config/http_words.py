"""The kinds of HTTP words: methods, field names and values, regular expressions, redirects and templates.

Tokens are those of RFC 9110, section 5.6.2. Regular expressions are RE2's, which match in linear time.
"""

from __future__ import annotations

import re
from typing import Annotated, LiteralString

import re2

from orion_gateway.config.kinds import Kind, fail, number, read_text
from orion_gateway.config.suggest import closest
from orion_gateway.values import HOP_BY_HOP

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
FIELD_VALUE = re.compile(r"[!-~]([ \t!-~]*[!-~])?|")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
FRAMING_FIELDS = frozenset(
    ("connection", "content-length", "date", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)
REPLACEMENT_GROUP = re.compile(r"\\(?:(?P<number>[0-9]{1,2})|g<(?P<name>\w+)>)?")


def read_method(value: object) -> str:
    """Return a method as it is written; methods differ by case (RFC 9110, section 9.1)."""
    text = read_text(value, "a method such as GET")
    if not TOKEN.fullmatch(text):
        raise fail("E0207", "expected a method such as GET")
    if text == "CONNECT":
        raise fail("E0207", "CONNECT is refused by the gateway and never reaches a route")
    if text not in METHODS and (meant := closest(text.upper(), METHODS)):
        raise fail("E0207", "this is no method that anybody uses; methods are written in capitals", suggestion=meant)
    return text


def read_field_name(value: object) -> str:
    """Return a field name."""
    text = read_text(value, "a field name")
    if not TOKEN.fullmatch(text):
        hint = "letters, digits and !#$%&'*+-.^_`|~"
        meant = text.strip(": ")
        suggestion = meant if TOKEN.fullmatch(meant) else ""
        raise fail("E0207", "a field name cannot have these characters", suggestion=suggestion, hint=hint)
    return text


def read_response_field_name(value: object) -> str:
    """Return the name of a field that a fixed response may have."""
    text = read_field_name(value)
    if text.lower() in FRAMING_FIELDS:
        raise fail("E0207", "this field is written by the gateway itself")
    return text


def read_edited_field_name(value: object) -> str:
    """Return the name of a field that a filter may edit."""
    text = read_field_name(value)
    lower = re.sub(r"[_.]", "-", text.lower())
    if lower == "host":
        raise fail("E0207", "Host is not for filters", hint="`rewrite.host: upstream` sends the endpoint's own")
    if lower == "content-length" or lower in HOP_BY_HOP:
        raise fail("E0207", "this field is written by the gateway itself")
    if lower.startswith("x-orion-"):
        raise fail("E0207", "X-Orion-* is how the gateway speaks to services; nothing else may say it")
    return text


def read_field_value(value: object) -> str:
    """Return a field value of visible ASCII, with spaces and tabs only inside (RFC 9110, section 5.5)."""
    text = read_text(value)
    if not FIELD_VALUE.fullmatch(text):
        raise fail("E0207", "a field value is visible ASCII without spaces at its ends or line breaks")
    return text


def groups_of(pattern: str) -> tuple[int, frozenset[str]]:
    """Compile a regular expression as `expression` does; return how many groups it has, and their names.

    Raises:
        ValueError: RE2 refuses it; the text is RE2's.
    """
    options = re2.Options()
    # It would write to stderr what the finding says.
    options.log_errors = False
    if pattern.isascii():
        options.encoding = re2.Options.Encoding.LATIN1
    try:
        compiled = re2.compile(pattern.encode(), options)
        return int(compiled.groups), frozenset(name.decode() for name in compiled.groupindex)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        raise ValueError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from None


def read_regex(value: object) -> str:
    """Return a pattern that RE2 accepts."""
    text = read_text(value, "a regular expression")
    try:
        groups_of(text)
    except ValueError as error:
        hint = ""
        if re.search(r"\(\?[=!<]", text):
            hint = "RE2 has no look-around: it could not promise linear time"
        elif re.search(r"\\[1-9]", text):
            hint = "RE2 has no back-references in patterns: it could not promise linear time"
        raise fail("E0206", "RE2 does not accept this regular expression", hint=hint, detail=str(error)) from None
    return text


def read_replacement(value: object) -> str:
    """Return a replacement; `\\0` to `\\99` and `\\g<name>` are groups."""
    text = read_text(value, "a replacement such as /\\1")
    if re.search(r"\$[0-9]", text):
        meant = re.sub(r"\$([0-9])", r"\\\1", text)
        raise fail("E0206", "a group is written with a backslash here", suggestion=meant)
    if any(match[0] == "\\" for match in REPLACEMENT_GROUP.finditer(text)):
        raise fail("E0206", "after a backslash stands the number of a group, or g<name>")
    return text


def read_location(value: object) -> str:
    """Return where a redirect leads: an http URL or a path, with templates."""
    expected = "an http URL or a path, such as https://www.example.org${request.target}"
    text = read_text(value, expected)
    if not re.fullmatch(r"[!-~]+", text):
        raise fail("E0208", f"expected {expected}", hint="spaces and characters beyond ASCII are percent-encoded")
    if not re.match(r"https?://.|/|\$\{request\.(path|target)\}", text):
        meant = f"https://{text}" if re.match(r"[\w-]+(\.[\w-]+)+(/|\$|$)", text) else ""
        raise fail("E0208", f"expected {expected}", suggestion=meant)
    return text


def read_redirect_status(value: object) -> int:
    """Return one of the statuses that redirect (RFC 9110, section 15.4)."""
    message: LiteralString = "expected a status that redirects: 301, 302, 303, 307 or 308"
    status = number(0, 999).read(value)
    if status not in {301, 302, 303, 307, 308}:
        raise fail("E0203", message, hint="308 keeps the method and is permanent, 307 keeps it and is not")
    return int(status)


Method = Annotated[str, Kind("method", read_method, {"type": "string"})]
FieldName = Annotated[str, Kind("field name", read_field_name, {"type": "string"})]
ResponseFieldName = Annotated[str, Kind("field name", read_response_field_name, {"type": "string"})]
EditedFieldName = Annotated[str, Kind("field name", read_edited_field_name, {"type": "string"})]
FieldValue = Annotated[str, Kind("field value", read_field_value, {"type": "string"})]
Regex = Annotated[str, Kind("regular expression", read_regex, {"type": "string"})]
Replacement = Annotated[str, Kind("replacement", read_replacement, {"type": "string"})]
Location = Annotated[str, Kind("URL or path", read_location, {"type": "string"})]
RedirectStatus = Annotated[int, Kind("status", read_redirect_status, {"enum": [301, 302, 303, 307, 308]})]
