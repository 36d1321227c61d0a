"""Make the JSON Schema of the route table from the model, in draft-07, which editors understand.

pydantic writes the 2020-12 draft. What differs for this model: definitions have another name, and whatever stands
beside a `$ref` is ignored by the older draft, so that a description there would be lost.
"""

from __future__ import annotations

from typing import Any

from orion_gateway.config.model import Config

DRAFT = "http://json-schema.org/draft-07/schema#"


def make_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft-07) of the route table."""
    schema = _convert(Config.model_json_schema(ref_template="#/definitions/{model}"))
    assert isinstance(schema, dict)
    return {"$schema": DRAFT, "title": "Orion Gateway route table", **schema}


def _convert(node: Any) -> Any:
    if isinstance(node, list):
        return [_convert(item) for item in node]
    if not isinstance(node, dict):
        return node
    converted = {
        "definitions" if key == "$defs" else key: _convert_named(value) if key in {"$defs", "properties"} else value
        for key, value in node.items()
        # Titles only repeat the names of keys.
        if key != "title"
    }
    for key, value in converted.items():
        if key not in {"definitions", "properties", "default", "examples", "enum", "const"}:
            converted[key] = _convert(value)
    return _separate_reference(_drop_null(_close_patterns(converted)))


def _convert_named(named: dict[str, Any]) -> dict[str, Any]:
    """Convert a mapping whose keys are names of ours and no words of JSON Schema."""
    return {name: _convert(value) for name, value in named.items()}


def _drop_null(node: dict[str, Any]) -> dict[str, Any]:
    """Take away `null`: the table has no empty values, a key is left out instead."""
    if node.get("default", "") is None:
        node = {key: value for key, value in node.items() if key != "default"}
    kept = [option for option in node.get("anyOf", []) if option != {"type": "null"}]
    if len(kept) == len(node.get("anyOf", [])):
        return node
    rest = {key: value for key, value in node.items() if key != "anyOf"}
    return {**kept[0], **rest} if len(kept) == 1 else {**rest, "anyOf": kept}


def _close_patterns(node: dict[str, Any]) -> dict[str, Any]:
    """Refuse keys that match no pattern, as the loader does."""
    return {**node, "additionalProperties": False} if "patternProperties" in node else node


def _separate_reference(node: dict[str, Any]) -> dict[str, Any]:
    """Put a `$ref` that has neighbours into an `allOf`."""
    if "$ref" not in node or len(node) == 1:
        return node
    rest = {key: value for key, value in node.items() if key != "$ref"}
    return {"allOf": [{"$ref": node["$ref"]}], **rest}
