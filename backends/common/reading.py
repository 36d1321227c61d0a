"""Read what a client sent, into a model, or refuse it with the status that says why (`errors` has the list).

Strict where guessing would hide a mistake: unknown fields and parameters are refused, and a body must be called JSON,
without a content coding, to be read as JSON.
"""

from typing import Any, TypeVar
from uuid import UUID

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from .errors import ApiError, Detail

BODY_LIMIT = 1024 * 1024
"""The longest body that is read, in bytes."""

JSON_TYPES = ("application/json", "application/merge-patch+json")


class Question(BaseModel):
    """What clients may say, in a body or a query: camelCase names, and nothing that was not asked for."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=Question)


async def read_body(request: web.Request, model: type[Model]) -> Model:
    """Read the JSON body of a request. Raises `ApiError` 400, 413, 415 or 422."""
    _require_json(request)
    content = await _read_content(request)
    if not content:
        raise ApiError(400, "the body is empty; it must be a JSON object", code="empty_body")
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ApiError(400, f"the body is not valid JSON: {error.msg} at {where}", code="invalid_json") from error
    if not isinstance(value, dict):
        raise ApiError(422, "the body must be a JSON object", code="validation_failed")
    return _validate(model, value)


def read_query(request: web.Request, model: type[Model]) -> Model:
    """Read the query parameters of a request, each at most once. Raises `ApiError` 422."""
    query = request.query
    repeated = sorted({name for name in query if len(query.getall(name)) > 1})
    if repeated:
        raise _refuse([Detail(name, "repeated", "it must be given once") for name in repeated])
    return _validate(model, dict(query))


def read_id(request: web.Request) -> UUID:
    """Return the `{id}` of the path. Raises `ApiError` 404 when it is no UUID in its usual form: nothing has it."""
    text = request.match_info["id"]
    try:
        found = UUID(text)
    except ValueError:
        raise no_such(text) from None
    if str(found) != text.lower():
        raise no_such(text)
    return found


def no_such(identifier: object) -> ApiError:
    """Return the error that answers an id which nothing has."""
    return ApiError(404, f"nothing has the id {str(identifier)!r}", code="not_found")


def _require_json(request: web.Request) -> None:
    if request.content_type not in JSON_TYPES:
        accepted = ", ".join(JSON_TYPES)
        raise ApiError(
            415,
            f"the body must be sent as {JSON_TYPES[0]}",
            code="unsupported_media_type",
            headers={"Accept-Post" if request.method == "POST" else "Accept-Patch": accepted},
        )
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise ApiError(415, "JSON is UTF-8 (RFC 8259, section 8.1)", code="unsupported_charset")
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise ApiError(
            415,
            "the body must be sent without a content coding",
            code="unsupported_content_coding",
            headers={"Accept-Encoding": "identity"},
        )


async def _read_content(request: web.Request) -> bytes:
    too_long = ApiError(413, f"the body is longer than {BODY_LIMIT} bytes", code="body_too_long")
    if (request.content_length or 0) > BODY_LIMIT:
        raise too_long
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise too_long from None
    except (web.RequestPayloadError, ConnectionResetError) as error:
        raise ApiError(400, "the body ended too early or is badly framed", code="incomplete_body") from error


def _validate(model: type[Model], value: dict[str, Any]) -> Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        details: dict[str, Detail] = {}
        for problem in error.errors(include_url=False, include_context=False, include_input=False):
            field = ".".join(str(part) for part in problem["loc"])
            message = problem["msg"].removeprefix("Value error, ")
            details.setdefault(field, Detail(field, problem["type"], message))
        raise _refuse(list(details.values())) from error


def _refuse(details: list[Detail]) -> ApiError:
    names = ", ".join(detail.field for detail in details)
    return ApiError(422, f"not valid: {names}", code="validation_failed", details=tuple(details))
