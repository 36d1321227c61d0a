"""The model of the filters that change content: `compress` and `transform`."""

import re
from typing import Annotated, Literal

from pydantic import Field

from orion_gateway.config.json_paths import JsonMember, JsonName, JsonPathText, JsonValue
from orion_gateway.config.kinds import Kind, Size, Text, choice, fail, number, read_text, size
from orion_gateway.config.table import Table, key

COMPRESSED_TYPES = (
    "text/*",
    "+json",
    "+xml",
    "application/javascript",
    "application/json",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-javascript",
    "application/x-ndjson",
    "application/xml",
    "font/otf",
    "font/ttf",
    "image/bmp",
)
"""Types whose content is text, or else shrinks well."""

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 (RFC 9110, section 5.6.2)
_MEDIA_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}|\+{_TOKEN}")


def read_media_types(value: object) -> str:
    """Return a media type, `type/*` or `+syntax`, in lower case."""
    expected = "expected a media type such as application/json, text/* or +json"
    text = read_text(value, expected.removeprefix("expected ")).lower()
    if not _MEDIA_TYPE.fullmatch(text) or ("*" in text.removesuffix("/*")):
        meant = text.partition(";")[0].strip()
        raise fail("E0202", expected, suggestion=meant if meant != text and _MEDIA_TYPE.fullmatch(meant) else "")
    if text == "text/event-stream":
        hint = "whatever stands between would hold events back; leave it out, text/* does not mean it"
        raise fail("E0203", "event streams are never compressed", hint=hint)
    return text


Encoding = Annotated[Literal["zstd", "br", "gzip"], choice("zstd", "br", "gzip")]
MediaTypeSet = Annotated[str, Kind("media type", read_media_types, {"type": "string"})]


class CompressionLevels(Table):
    """How hard each coding tries: higher is smaller and slower. What is left out has its default."""

    # Above br 8 and zstd 9 even 16 KiB take 10 to 50 ms: those levels are for files that are compressed once.
    zstd: Annotated[int, number(1, 9)] = key(3, "Level of zstd, 1 to 9.", 5)
    br: Annotated[int, number(0, 8)] = key(4, "Level of br, 0 to 8.", 5)
    gzip: Annotated[int, number(1, 9)] = key(5, "Level of gzip, 1 to 9.", 6)


class CompressConfig(Table):
    """Compresses responses for clients that accept it."""

    encodings: tuple[Encoding, ...] = Field(
        ("zstd", "br", "gzip"),
        min_length=1,
        description="Content codings, the preferred one first. What the client prefers comes before.",
        examples=[["br", "gzip"]],
    )
    min_size: Annotated[int, size()] = key(
        "1KiB", "Content below this size is left as it is, where its length is known.", "512B"
    )
    types: tuple[MediaTypeSet, ...] = Field(
        COMPRESSED_TYPES,
        min_length=1,
        description="Media types that are compressed: one, all of a kind as `text/*`, all of a syntax as `+json`.",
        examples=[["text/*", "application/json"]],
    )
    level: CompressionLevels = Field(
        default_factory=CompressionLevels,
        description="How hard each coding tries: higher is smaller and slower.",
        examples=[{"br": 5}],
    )


class JsonEditsConfig(Table):
    """Edits of a JSON document. They are made in the order rename, drop, add, map."""

    rename: dict[JsonMember, JsonName] = key(
        {}, "Members that get another name, where they stand.", {"user.mail": "email"}
    )
    drop: tuple[JsonMember, ...] = key([], "Members that are left out.", ["debug", "items.*.internal"])
    add: dict[JsonMember, JsonValue] = key(
        {},
        "Members that get a value where they are not there; objects that are missing on the way are made.",
        {"meta.source": "gateway"},
    )
    map: dict[JsonPathText, dict[Text, JsonValue]] = key(
        {},
        "Values that are replaced by others, at paths; numbers, true, false and null stand for themselves.",
        {"status": {"1": "active", "0": "closed"}},
    )


class TransformConfig(Table):
    """Edits JSON content of requests and responses: `application/json` and what ends in `+json`."""

    request: JsonEditsConfig | None = key(None, "Edits of what clients send.", {"drop": ["role"]})
    response: JsonEditsConfig | None = key(None, "Edits of what clients get.", {"rename": {"user.mail": "email"}})
    max_size: Size = key(
        "1MiB", "Largest content that is edited; a larger request is answered 413, a larger response 502.", "256KiB"
    )
    on_error: Annotated[Literal["refuse", "pass"], choice("refuse", "pass")] = key(
        "refuse",
        "What happens to content that says it is JSON and cannot be edited: `refuse`: requests are answered 400 or "
        "415, responses 502; `pass`: it goes on as it is.",
        "pass",
    )
