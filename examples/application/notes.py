"""A small application for the route key `app`: notes kept in memory, a stream of ticks, and an echoing WebSocket.

Each worker has an instance of its own, so what is kept here is kept per worker; the table beside runs one. A real
application would keep its notes in a database and open that in `connect_store`.
"""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import WSMsgType, web

NOTES = web.AppKey("NOTES", list[str])


async def list_notes(request: web.Request) -> web.Response:
    """Answer with all notes."""
    return web.json_response({"notes": request.app[NOTES]})


async def add_note(request: web.Request) -> web.Response:
    """Keep the text of the request."""
    text = await request.text()
    if not text:
        raise web.HTTPBadRequest(text="A note needs a text.\n")
    request.app[NOTES].append(text)
    return web.json_response({"number": len(request.app[NOTES])}, status=201)


async def tick(request: web.Request) -> web.StreamResponse:
    """Send an event a second until the client leaves, which cancels this handler."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    number = 0
    while True:
        number += 1
        await response.write(b"data: %d\n\n" % number)
        await asyncio.sleep(1)


async def echo(request: web.Request) -> web.WebSocketResponse:
    """Send every text back."""
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
    return socket


async def connect_store(app: web.Application) -> AsyncIterator[None]:
    """Open what the application needs before the worker serves; close it when the worker leaves."""
    app[NOTES] = []
    yield
    app[NOTES].clear()


def make_app() -> web.Application:
    """Return the application; every worker calls this once."""
    app = web.Application()
    app.cleanup_ctx.append(connect_store)
    app.router.add_get("/notes", list_notes)
    app.router.add_post("/notes", add_note)
    app.router.add_get("/ticks", tick)
    app.router.add_get("/echo", echo)
    return app
