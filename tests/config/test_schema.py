"""The JSON Schema and the reference pages: made from the model, and in step with what the loader does."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft7Validator
from pydantic import TypeAdapter

from orion_gateway.config.errors import TableErrors
from orion_gateway.config.load import load_table
from orion_gateway.config.model import Config
from orion_gateway.config.nodes import read_nodes, to_plain
from orion_gateway.config.reference import sections_of, write_errors_page, write_table_page
from orion_gateway.config.scalars import Interpolated
from orion_gateway.config.schema import make_schema
from orion_gateway.config.source import Source
from orion_gateway.config.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jsonschema import ValidationError
    from pydantic.fields import FieldInfo

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
GOOD = sorted((HERE / "good").glob("*.yaml")) + sorted((ROOT / "config").glob("*.yaml"))
BROKEN = sorted((HERE / "broken").glob("*.yaml"))
WRITE = "ORION_WRITE_GOLDEN" in os.environ


@cache
def validator() -> Draft7Validator:
    return Draft7Validator(make_schema())


def read_plain(path: Path) -> object:
    """Return a table as an editor sees it: YAML 1.2, nothing replaced; `None` when it is no YAML."""
    root = read_nodes(
        Source(path.name, path, path.read_text(encoding="utf-8", errors="replace")), lambda *_, **__: None
    )
    return None if root is None else to_plain(root)


def fields() -> Iterator[tuple[type[Table], str, FieldInfo]]:
    for model in dict.fromkeys(model for _, model in sections_of(Config)):  # filters stand at three places
        for name, field in model.model_fields.items():
            yield model, name, field


FIELDS = list(fields())
FIELD_NAMES = [f"{model.__name__}.{name}" for model, name, _ in FIELDS]


def test_the_schema_is_a_draft_07_schema() -> None:
    """Editors would ignore it: their language server knows no later draft."""
    Draft7Validator.check_schema(make_schema())
    text = str(make_schema())
    assert "$defs" not in text
    assert "prefixItems" not in text


@pytest.mark.parametrize(("model", "name", "field"), FIELDS, ids=FIELD_NAMES)
def test_every_key_says_what_it_means_with_a_default_and_an_example(
    model: type[Table], name: str, field: FieldInfo
) -> None:
    """Hovering over a key in an editor would explain nothing, or its example would be refused."""
    assert field.description
    assert field.description.endswith("."), field.description
    assert field.examples
    schema = make_schema() if model is Config else make_schema()["definitions"][model.__name__]
    written = schema["properties"][name]
    # pydantic leaves out a description that its definition has already; editors show that one.
    reference = (written.get("allOf") or [{}])[0].get("$ref", "").removeprefix("#/definitions/")
    described = written if "description" in written else make_schema()["definitions"][reference]
    assert described["description"] == field.description
    assert written["examples"] == field.examples
    assert name in schema.get("required", []) if field.is_required() else name not in schema.get("required", [])
    adapter = TypeAdapter(field.rebuild_annotation())
    for example in field.examples:
        adapter.validate_python(fill_in(example))
        Draft7Validator({**written, "definitions": make_schema()["definitions"]}).validate(example)


def fill_in(example: Any) -> Any:
    """Put something in the place of the variables of an example."""
    if isinstance(example, dict):
        return {key: fill_in(value) for key, value in example.items()}
    if isinstance(example, list):
        return [fill_in(value) for value in example]
    return Interpolated("0123456789abcdef") if isinstance(example, str) and "${ADMIN" in example else example


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_a_good_table_is_valid_in_an_editor(path: Path) -> None:
    """An editor would underline what the gateway takes."""
    load_table(path, {"ADMIN_TOKEN": "fedcba9876543210"})
    assert [error.message for error in validator().iter_errors(read_plain(path))] == []


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_an_editor_finds_what_the_loader_calls_an_unknown_or_missing_key_or_a_wrong_type(path: Path) -> None:
    """An editor would be silent about what keeps the gateway from starting."""
    with pytest.raises(TableErrors) as caught:
        load_table(path, {})
    findings = [finding for finding in caught.value.findings if finding.file == str(path)]
    codes = {finding.code for finding in findings}
    plain = read_plain(path)
    if plain is None or not codes & {"E0102", "E0104", "E0201"}:
        return
    found = set(each_validator(validator().iter_errors(plain)))
    assert found
    if "E0102" in codes:
        assert found & {"additionalProperties", "anyOf"}
    # That one key asks for another is beyond the schema.
    if any(finding.code == "E0104" and finding.message.startswith("the key") for finding in findings):
        assert "required" in found


def each_validator(errors: Iterable[ValidationError]) -> Iterator[object]:
    """Yield what found each error, also behind the forms that a value may have."""
    for error in errors:
        yield error.validator
        yield from each_validator(error.context or ())


@pytest.mark.parametrize(
    ("name", "write"), [("route-table.md", write_table_page), ("errors.md", write_errors_page)], ids=["table", "errors"]
)
def test_the_reference_page_is_what_the_code_says(name: str, write: Any) -> None:
    """The documentation would promise what the program does not do. Written anew with ORION_WRITE_GOLDEN=1."""
    page = ROOT / "docs" / "reference" / name
    if WRITE:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(write(), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == write()
