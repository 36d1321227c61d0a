"""Read what is posted to the admin API: one JSON object whose keys are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Collection

    from aiohttp import web


class BodyError(Exception):
    """What was posted cannot be used. `status` is 400 when it is not JSON, 422 when it does not say what it should."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def read_object(request: web.Request, keys: Collection[str]) -> dict[str, Any]:
    """Return the object that was posted; raises BodyError."""
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise BodyError(400, f"The content is not JSON: {error}.") from error
    if not isinstance(body, dict):
        raise BodyError(422, "The content must be a JSON object.")
    unknown = [key for key in body if key not in keys]
    if unknown:
        raise BodyError(422, f"{unknown[0]!r} is not known here; there is {', '.join(keys)}.")
    return body
