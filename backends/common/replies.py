"""Write answers: models and plain values as JSON, with names in camelCase."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

from .clock import iso_time

Time = Annotated[datetime, PlainSerializer(iso_time, when_used="json")]
"""A time in an answer: ISO 8601, UTC, with a Z."""


class Answer(BaseModel):
    """What clients are told. Built by field name, written in camelCase; columns that are no field are left out."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=False, frozen=True)


def json_bytes(value: Any) -> bytes:
    """Return plain values as JSON bytes."""
    return orjson.dumps(value)


def answer(model: Answer, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return the response that carries a model."""
    body = model.model_dump_json(by_alias=True).encode()
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")
