"""The kinds of scalar values: durations, sizes, rates, shares, numbers, choices, names.

A kind reads one scalar and returns a typed value, or fails with a code of `errors.CODES` and what it expected. It never
quotes the value in its message: that is left to the loader, which knows whether the value may be shown.
Durations are seconds, sizes bytes, rates per second, shares between 0 and 1, `off` is `None`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, LiteralString

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SecretStr
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from orion_gateway.config.scalars import Interpolated, resolve
from orion_gateway.config.suggest import closest

if TYPE_CHECKING:
    from collections.abc import Callable

REFERENCE_PATTERN = r"\$\{"
"""In the JSON Schema every scalar may also be text with a `${…}`, since an editor cannot know what it becomes."""


@dataclass(frozen=True, eq=False)
class Kind:
    """How one kind of scalar is called, read, and described to editors."""

    name: str
    read: Callable[[object], Any]
    schema: dict[str, Any]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        if self.schema == {"type": "string"}:
            return dict(self.schema)
        return {"anyOf": [self.schema, {"type": "string", "pattern": REFERENCE_PATTERN}]}


def fail(
    code: LiteralString, message: str, *, suggestion: str = "", hint: str = "", detail: str = ""
) -> PydanticCustomError:
    """Return the error of a kind. `detail` may quote the value and is shown only when the value may be."""
    context = {"message": message, "suggestion": suggestion, "help": hint, "detail": detail}
    return PydanticCustomError(code, "{message}", context)


def read_text(value: object, expected: str = "text") -> str:
    """Return the value when it is text."""
    if isinstance(value, str):
        return str(value)
    # A number where text belongs only lacks its quotes.
    hint = "quote this value" if isinstance(value, bool | int | float) else ""
    raise fail("E0201", f"expected {expected}", hint=hint)


def pattern_kind(name: str, pattern: str, expected: str, code: LiteralString = "E0202") -> Kind:
    """Return a kind of text that must match the whole pattern."""
    compiled = re.compile(pattern)

    def read(value: object) -> str:
        text = read_text(value, expected)
        if compiled.fullmatch(text):
            return text
        raise fail(code, f"expected {expected}")

    return Kind(name, read, {"type": "string", "pattern": f"^(?:{pattern})$"})


def choice(*choices: str) -> Kind:
    """Return a kind of text that is one of a few words."""
    listed = ", ".join(choices[:-1]) + f" or {choices[-1]}" if len(choices) > 1 else choices[0]

    def read(value: object) -> str:
        text = read_text(value, listed)
        if text in choices:
            return text
        raise fail("E0204", f"expected {listed}", suggestion=closest(text, choices))

    return Kind(" \\| ".join(f"`{word}`" for word in choices), read, {"enum": list(choices)})


def _read_integer(value: object) -> int | None:
    """Return the number, also of an interpolated scalar, or `None` when it is no whole number."""
    if isinstance(value, Interpolated):
        value = resolve(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number(low: int, high: int, *, also: str = "") -> Kind:
    """Return a kind of whole number from `low` to `high`; the word `also` is read as `None`."""
    expected = f"a whole number from {low} to {high}" + (f", or {also}" if also else "")

    def read(value: object) -> int | None:
        if also and value == also:
            return None
        found = _read_integer(value)
        if found is None:
            is_quoted = isinstance(value, str) and re.fullmatch(r"-?[0-9]+", value)
            meant = closest(value, [also]) if isinstance(value, str) and also else ""
            raise fail("E0201", f"expected {expected}", suggestion=meant, hint="remove the quotes" if is_quoted else "")
        if not low <= found <= high:
            raise fail("E0203", f"expected {expected}")
        return found

    plain = {"type": "integer", "minimum": low, "maximum": high}
    return Kind(
        f"number or `{also}`" if also else "number", read, {"anyOf": [plain, {"const": also}]} if also else plain
    )


def read_flag(value: object) -> bool:
    """Return true or false. `no` and `off` are text in YAML 1.2, and no flag."""
    if isinstance(value, Interpolated):
        value = resolve(value)
    if isinstance(value, bool):
        return value
    meant = ""
    if isinstance(value, str):
        meant = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(value.lower(), "")
        meant = meant or closest(value, ("true", "false"))
    raise fail("E0201", "expected true or false", suggestion=meant)


DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h)")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
SIZE = re.compile(r"([0-9]{1,15})(B|KiB|MiB|GiB|TiB)")
BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)%")
ALMOST = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([A-Za-z]*)")


def _guess_unit(value: object, units: dict[str, str]) -> str:
    """Return the value with the unit that was probably meant, or `""`: `5 sec` is `5s`, and `10M` is `10MiB`."""
    if isinstance(value, bool):
        return ""
    match = ALMOST.fullmatch(str(value))
    unit = units.get(match[2].lower(), "") if match else ""
    return f"{match[1]}{unit}" if match and unit else ""


def _guess_duration(value: object) -> str:
    words = {"ms": "ms", "msec": "ms", "millis": "ms", "milliseconds": "ms"}
    for unit, names in (("s", "sec secs second seconds"), ("m", "min mins minute minutes"), ("h", "hr hour hours")):
        words |= dict.fromkeys((unit, *names.split()), unit)
    return _guess_unit(value, {**words, "": "s"})


def _guess_size(value: object) -> str:
    return _guess_unit(
        value, {name: f"{name[0].upper()}iB" for unit in "kmgt" for name in (unit, unit + "b", unit + "ib")}
    )


def read_duration(value: object) -> float:
    """Return seconds of `250ms`, `5s`, `1.5m` or `2h`."""
    match = DURATION.fullmatch(value) if isinstance(value, str) else None
    if match:
        return float(match[1]) * SECONDS[match[2]]
    expected = "expected a duration such as 250ms, 5s, 1m or 2h"
    raise fail("E0202", expected, suggestion=_guess_duration(value))


def read_timeout(value: object) -> float | None:
    """Return seconds of a duration longer than nothing, or `None` for `off`."""
    if value == "off":
        return None
    match = DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        expected = "expected a duration such as 250ms, 5s, 1m or 2h, or off"
        meant = closest(value, ["off"]) if isinstance(value, str) else ""
        raise fail("E0202", expected, suggestion=meant or _guess_duration(value))
    seconds = float(match[1]) * SECONDS[match[2]]
    if not seconds:
        raise fail("E0203", "expected a duration longer than nothing", hint="write off for no limit")
    return seconds


def read_period(value: object) -> float:
    """Return seconds of a duration longer than nothing."""
    seconds = read_duration(value)
    if not seconds:
        raise fail("E0203", "expected a duration longer than nothing")
    return seconds


def _read_size(value: object, expected: str) -> int:
    count = _read_integer(value)
    match = SIZE.fullmatch(value) if isinstance(value, str) else None
    if count is None and match is None:
        raise fail("E0202", expected, suggestion=_guess_size(value))
    size = count if count is not None else int(match[1]) * BYTES[match[2]] if match else 0
    if not 0 <= size <= 1 << 60:
        raise fail("E0203", expected)
    return size


def size(low: int = 0, *, high: int = 1 << 60, off: bool = False) -> Kind:
    """Return a kind of size from `low` to `high` bytes; with `off`, that word is read as `None`."""
    expected = "expected a size such as 64KiB, 10MiB or a number of bytes" + (", or off" if off else "")

    def read(value: object) -> int | None:
        if off and value == "off":
            return None
        found = _read_size(value, expected)
        if found < low:
            raise fail("E0203", f"expected a size of at least {low} bytes")
        if found > high:
            raise fail("E0203", f"expected a size of at most {high >> 20}MiB")
        return found

    forms = [
        {"type": "integer", "minimum": low},
        {"type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB|TiB)$"},
        *([{"const": "off"}] if off else []),
    ]
    return Kind("size or `off`" if off else "size", read, {"anyOf": forms})


def read_byte_rate(value: object) -> float | None:
    """Return bytes per second of `1KiB/s`, or `None` for `off`."""
    if value == "off":
        return None
    expected = "expected a rate such as 1KiB/s, or off"
    if not isinstance(value, str) or not value.endswith("/s"):
        meant = _guess_size(value) if isinstance(value, str) and not SIZE.fullmatch(value) else value
        raise fail(
            "E0202", expected, suggestion=f"{meant}/s" if isinstance(meant, str) and SIZE.fullmatch(meant) else ""
        )
    found = _read_size(Interpolated(value.removesuffix("/s")), expected)
    if not found:
        raise fail("E0203", "expected a rate above nothing", hint="write off for no limit")
    return float(found)


def read_share(value: object) -> float:
    """Return the part of one that `20%` means."""
    match = SHARE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        is_part = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
        raise fail(
            "E0202",
            "expected a share such as 20%",
            suggestion=f"{float(value) * 100:g}%" if is_part and isinstance(value, int | float) else "",
        )
    share = float(match[1]) / 100
    if share > 1:
        raise fail("E0203", "expected a share from 0% to 100%")
    return share


def read_token(value: object) -> SecretStr:
    """Return a bearer token of at least 16 characters, wrapped so that printing it shows nothing."""
    text = read_text(value, "a token in quotes")
    if not re.fullmatch(r"[!-~]*", text):
        raise fail("E0202", "a token is made of visible ASCII characters without spaces")
    if len(text) < 16:
        raise fail("E0203", "a token needs at least 16 characters")
    return SecretStr(text)


def read_version(value: object) -> Literal[1]:
    """Return 1, the only version of the table's format that there is."""
    if _read_integer(value) == 1:
        return 1
    raise fail("E0203", "expected 1, the version of the table that this program reads")


SAMPLED = re.compile(r"default|[1-5]xx|[1-5][0-9][0-9]")


def read_sample_key(value: object) -> str:
    """Return `default`, a class of statuses such as `2xx`, or one status."""
    text = read_text(value)
    if SAMPLED.fullmatch(text):
        return text
    known = ("default", "1xx", "2xx", "3xx", "4xx", "5xx")
    raise fail(
        "E0102", "expected default, a class such as 2xx, or a status such as 404", suggestion=closest(text, known)
    )


def read_log_path(value: object) -> str:
    """Return `stdout`, `stderr`, `off`, or the path of a file."""
    words = ("stdout", "stderr", "off")
    text = read_text(value, "stdout, stderr, off or a path")
    if text in words or ("/" in text and not text.endswith("/") and "\0" not in text):
        return text
    hint = 'a path has a "/" in it, such as ./access.log'
    raise fail("E0204", "expected stdout, stderr, off or a path", suggestion=closest(text, words), hint=hint)


def read_file_path(value: object) -> str:
    """Return the path of a file, as it is written."""
    expected = "the path of a file"
    text = read_text(value, expected)
    if not text.strip() or text.endswith("/") or "\0" in text:
        raise fail("E0202", f"expected {expected}")
    return text


def read_run_dir(value: object) -> str:
    """Return `auto` or an absolute path."""
    text = read_text(value, "auto or an absolute path")
    if text == "auto" or (text.startswith("/") and "\0" not in text):
        return text
    raise fail("E0204", "expected auto or an absolute path", suggestion=closest(text, ["auto"]))


DURATION_SCHEMA: dict[str, Any] = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$"}
TIMEOUT_SCHEMA: dict[str, Any] = {"anyOf": [DURATION_SCHEMA, {"const": "off"}]}
RATE_SCHEMA: dict[str, Any] = {"type": "string", "pattern": r"^([0-9]+(B|KiB|MiB|GiB|TiB)?/s|off)$"}

Duration = Annotated[float, Kind("duration", read_duration, DURATION_SCHEMA)]
Period = Annotated[float, Kind("duration", read_period, DURATION_SCHEMA)]
Timeout = Annotated[float | None, Kind("duration or `off`", read_timeout, TIMEOUT_SCHEMA)]
Size = Annotated[int, size(low=64)]
SizeOrOff = Annotated[int | None, size(off=True)]
ByteRate = Annotated[float | None, Kind("rate or `off`", read_byte_rate, RATE_SCHEMA)]
Share = Annotated[float, Kind("share", read_share, {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]+)?%$"})]
Flag = Annotated[bool, Kind("true or false", read_flag, {"type": "boolean"})]
TEXT = Kind("text", read_text, {"type": "string"})
Text = Annotated[str, TEXT]
NAME = pattern_kind(
    "name",
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}",
    'a name of up to 100 letters, digits, "-", "_" and ".", beginning with a letter or digit',
)
Name = Annotated[str, NAME]
_DOTTED = r"[^\W\d]\w*(\.[^\W\d]\w*)*"
ApplicationName = Annotated[
    str, pattern_kind("`module:factory`", rf"{_DOTTED}:{_DOTTED}", "module:factory, such as shop:make_app")
]
Token = Annotated[SecretStr, Kind("secret of at least 16 characters", read_token, {"type": "string"})]
SampleKey = Annotated[str, Kind("status", read_sample_key, {"type": "string"})]
LogPath = Annotated[str, Kind("`stdout` \\| `stderr` \\| `off` or path", read_log_path, {"type": "string"})]
FilePath = Annotated[str, Kind("path", read_file_path, {"type": "string"})]
RunDir = Annotated[str, Kind("path or `auto`", read_run_dir, {"type": "string"})]
EnvironmentName = Annotated[
    str,
    pattern_kind(
        "name", r"[A-Za-z0-9_-]{1,40}", 'a name of letters, digits, "-" and "_", such as production or development'
    ),
]
Count = Annotated[int, number(1, 1_000_000)]
QueueLength = Annotated[int, number(0, 1_000_000)]
Workers = Annotated[int | None, number(1, 1024, also="auto")]
CountOrAuto = Annotated[int | None, number(1, 1_000_000, also="auto")]
CountOrOff = Annotated[int | None, number(1, 1_000_000, also="off")]
Weight = Annotated[int, number(0, 1000)]
Priority = Annotated[int, number(-1_000_000, 1_000_000)]
ResponseStatus = Annotated[int, number(200, 599)]
Version = Annotated[Literal[1], Kind("`1`", read_version, {"const": 1})]
