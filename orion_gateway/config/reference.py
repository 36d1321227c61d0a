"""Write the reference pages that are made from the code: every key of the route table, and every code of a finding.

The pages in `docs/reference/` are what these functions return; a test says when they differ.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args, get_origin

from orion_gateway.config.errors import CODES
from orion_gateway.config.keys import strip_annotation
from orion_gateway.config.kinds import Kind
from orion_gateway.config.model import Config
from orion_gateway.config.table import OrAll, OrNone, ShortForm, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

TABLE_INTRODUCTION = """# Route table

Every key that works, made from the model by `orion_gateway.config.reference`. What the table promises, how routes are
matched, and examples stand in the commented table `config/routes.yaml`; what can be wrong is on the page of
[errors](errors.md).

- Scalars follow YAML 1.2: `no` is text, `012` is twelve. A key has a value or is left out. Tags and merge keys (`<<`)
  are refused; an alias may repeat a whole value.
- `${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `${file:/path}` work in values; `$${` is a literal `${`. The
  process environment wins over `.env.<ORION_ENV>`, that over `.env`, both beside the table.
- Durations are `250ms`, `5s`, `1m`, `2h`; sizes `64KiB`, `10MiB`, `1GiB` or a number of bytes; rates `1KiB/s`; shares
  `20%`. `off` is written where a kind says so.
- An included file has `services` and `routes` only.
"""

ERRORS_INTRODUCTION = """# Errors, warnings and notes about the route table

`orion check` reports everything that is wrong in one pass. Errors (`E`) keep a table from being loaded; warnings (`W`)
do not, unless `--strict` is given. `orion audit` adds what concerns security (`W04…`), and notes (`N`). How to use
both, and how to allow a single finding, is told in [lint](../how-to/lint.md). Made from `orion_gateway.config.errors`.

| code | meaning |
|---|---|
"""


def write_table_page() -> str:
    """Return the page of all keys, one section for each mapping of the table."""
    places: dict[type[Table], list[str]] = {}
    for path, model in sections_of(Config):
        places.setdefault(model, []).append(path)
    return TABLE_INTRODUCTION + "".join(_write_section(paths, model) for model, paths in places.items())


def write_errors_page() -> str:
    """Return the page of all codes."""
    return ERRORS_INTRODUCTION + "".join(f"| `{code}` | {meaning} |\n" for code, meaning in CODES.items())


def sections_of(model: type[Table], path: str = "") -> Iterator[tuple[str, type[Table]]]:
    """Yield a model and all below it, each with the path that leads there."""
    yield path, model
    for name, field in model.model_fields.items():
        below = _model_in(field.annotation)
        if below:
            yield from sections_of(below, f"{path}.{name}".lstrip(".") + _steps(field.annotation))


def _model_in(annotation: object) -> type[Table] | None:
    """Return the model that a field is or holds."""
    annotation = strip_annotation(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    return next((model for argument in get_args(annotation) if (model := _model_in(argument))), None)


def _steps(annotation: object) -> str:
    """Return what stands behind a field's name in the path of what it holds: `[]` for a list, `.<name>` for names."""
    origin = get_origin(strip_annotation(annotation))
    return "[]" if origin is tuple else ".<name>" if origin is dict else ""


def _write_section(paths: list[str], model: type[Table]) -> str:
    """Return what a mapping holds; `paths` are all places where it may stand."""
    rows = "".join(
        f"| `{name}` | {_name_kind(field)} | {_write_default(field)} | {_escape(field.description or '')} "
        f"| {_write_code(field.examples[0] if field.examples else '')} |\n"
        for name, field in model.model_fields.items()
    )
    title = f"`{paths[0]}`" if paths[0] else "The table"
    others = f"\n\nAlso at {', '.join(f'`{path}`' for path in paths[1:])}." if len(paths) > 1 else ""
    head = "| key | kind | default | meaning | example |\n|---|---|---|---|---|"
    return f"\n## {title}\n\n{model.__doc__}{others}\n\n{head}\n{rows}"


def _name_kind(field: FieldInfo) -> str:
    return _name_annotation(field.annotation, field.metadata)


def _name_annotation(annotation: object, metadata: list[Any]) -> str:
    """Return what a value is, in words: its kind, or a list or mapping of kinds."""
    for mark in metadata:
        if isinstance(mark, Kind):
            return mark.name
        if isinstance(mark, ShortForm):
            return f"{mark.name} or {'list' if isinstance(mark, OrAll | OrNone) else 'mapping'}"
    own = getattr(annotation, "__metadata__", ())
    if own:
        return _name_annotation(get_args(annotation)[0], list(own))
    arguments = [argument for argument in get_args(annotation) if argument not in {type(None), ...}]
    origin = get_origin(annotation)
    if origin is tuple:
        return f"list of {_name_annotation(arguments[0], [])}"
    if origin is dict:
        return f"{_name_annotation(arguments[0], [])} → {_name_annotation(arguments[1], [])}"
    return _name_annotation(arguments[0], []) if arguments else "mapping"


def _write_default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "default" in extra:
        return _write_code(extra["default"])
    if field.default_factory is not None:
        return "see below"
    return "none" if field.default is None else _write_code(field.default)


def _write_code(value: object) -> str:
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"`{_escape(shown)}`" if shown else '`""`'


def _escape(text: str) -> str:
    return text.replace("|", "\\|")
