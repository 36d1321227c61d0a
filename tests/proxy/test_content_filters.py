"""`compress` and `transform` on real connections: what the client and the endpoint read."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

import brotli
import pytest

from orion_gateway.filters.compress import CompressRules
from orion_gateway.filters.json_edits import JsonEdits
from orion_gateway.filters.transform import TransformRules
from orion_gateway.values import FilterUse, Respond
from tests.filters.test_compress import Decoder
from tests.harness.gateway import EXAMPLE, make_route, make_service
from tests.harness.wire import settle

if TYPE_CHECKING:
    from orion_gateway.values import Action
    from tests.harness.fixtures import StartGateway
    from tests.harness.gateway import Gateway
    from tests.harness.wire import Endpoint, Wire

RULES = CompressRules((("zstd", 3), ("br", 4), ("gzip", 5)), 1024, ("text/*", "application/json"))
COMPRESS = FilterUse("compress", RULES, "compress")
PAGE = b"<p>as long as it has to be</p>" * 100
RENAME = JsonEdits(rename=((("name",), "title"),), drop=(("secret",),))


def transform(
    *, request: bool = False, response: bool = False, passes: bool = False, max_size: int = 4096
) -> FilterUse:
    rules = TransformRules(RENAME if request else None, RENAME if response else None, max_size, passes)
    return FilterUse("transform", rules, "transform")


async def start(
    start_gateway: StartGateway, endpoint: Endpoint, *filters: FilterUse, action: Action | None = None
) -> Gateway:
    route = replace(make_route(action=action), filters=filters)
    return await start_gateway(make_service(endpoint.port), routes=[route])


def ask(fields: str = "", content: bytes = b"", method: str = "GET") -> bytes:
    return f"{method} / HTTP/1.1\r\nHost: {EXAMPLE}\r\n{fields}\r\n".encode() + content


def answer(fields: str, content: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(content)}\r\n\r\n".encode() + content


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


async def read_fields(wire: Wire) -> dict[str, str]:
    """Read a head; return its fields by lower-case name, and its first line as the empty name."""
    first, *fields = (await wire.read_head()).decode().strip().split("\r\n")
    named = {"": first}
    for line in fields:
        name, _, value = line.partition(":")
        assert name.lower() not in named or name.lower() in {"via", "vary"}, f"{name} twice"
        named[name.lower()] = value.strip()
    return named


async def read_chunk(wire: Wire) -> bytes:
    """Read one chunk; empty for the last."""
    size = int(await wire.read_until(b"\r\n"), 16)
    return (await wire.read(size + 2))[:-2]


async def read_content(wire: Wire, fields: dict[str, str]) -> bytes:
    if fields.get("transfer-encoding") != "chunked":
        return await wire.read(int(fields["content-length"]))
    content = b""
    while piece := await read_chunk(wire):
        content += piece
    return content


async def exchange(client: Wire, upstream: Wire, request: bytes, response: bytes) -> tuple[dict[str, str], bytes]:
    """Send a request, answer it, and return what the client reads."""
    await client.send(request)
    await upstream.read_head()
    await upstream.send(response)
    fields = await read_fields(client)
    return fields, await read_content(client, fields)


async def begin(gateway: Gateway, endpoint: Endpoint) -> tuple[Wire, Wire]:
    """Return a client and the endpoint's side of the connection that its requests take."""
    client = await gateway.connect()
    await client.send(ask())
    upstream = await endpoint.accept()
    await upstream.read_head()
    await upstream.send(answer("", b""))
    assert (await read_fields(client))["content-length"] == "0"
    return client, upstream


# -- compress ------------------------------------------------------------------------------------------------------


async def test_responses_of_one_connection_are_compressed_each_as_its_client_asks(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """A page would not be readable, or the next response on the connection would begin in the wrong place."""
    client, upstream = await begin(await start(start_gateway, endpoint, COMPRESS), endpoint)
    page = answer('Content-Type: text/html\r\nETag: "v1"\r\nAccept-Ranges: bytes\r\n', PAGE)
    for accepted, encoding in (("gzip", "gzip"), ("br;q=0.9, gzip;q=0.1", "br"), ("zstd, gzip", "zstd")):
        fields, content = await exchange(client, upstream, ask(f"Accept-Encoding: {accepted}\r\n"), page)
        decoder = Decoder(encoding)
        decoder.take([content])
        assert (decoder.text, decoder.is_over) == (PAGE, True)
        assert fields["content-encoding"] == encoding
        assert (fields["etag"], fields["vary"]) == ('W/"v1"', "Accept-Encoding")
        assert "content-length" not in fields
        assert "accept-ranges" not in fields
        assert len(content) < len(PAGE) / 5
    fields, content = await exchange(client, upstream, ask(), page)
    assert (content, fields["etag"], fields["vary"]) == (PAGE, '"v1"', "Accept-Encoding")
    assert "content-encoding" not in fields


async def test_an_answer_of_unknown_length_arrives_piece_by_piece(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """The lines of a slow answer would wait in the gateway until there are enough of them."""
    for encoding in ("gzip", "br", "zstd"):
        gateway = await start(start_gateway, endpoint, COMPRESS)
        client = await gateway.ask(ask(f"Accept-Encoding: {encoding}\r\n"))
        upstream = await endpoint.accept()
        await upstream.read_head()
        await upstream.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        # The head does not wait for content either.
        assert (await read_fields(client))["content-encoding"] == encoding
        decoder, sent = Decoder(encoding), b""
        for number in range(5):
            line = b"line %d\n" % number
            sent += line
            await upstream.send(chunk(line))
            while decoder.text != sent:
                decoder.take([await read_chunk(client)])
        await upstream.send(b"0\r\n\r\n")
        while piece := await read_chunk(client):
            decoder.take([piece])
        assert (decoder.text, decoder.is_over) == (sent, True)


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_large_content_comes_back_whole(
    start_gateway: StartGateway, endpoint: Endpoint, is_chunked: bool
) -> None:
    """Pieces that were compressed in threads would arrive in another order, or not all."""
    gateway = await start(start_gateway, endpoint, COMPRESS)
    page = bytes(Random(1).choices(b"abcdefgh \n", k=3_000_000))
    client, upstream = await begin(gateway, endpoint)
    response = answer("Content-Type: text/plain\r\n", page)
    if is_chunked:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
        parts = [chunk(page[at : at + 50_001]) for at in range(0, len(page), 50_001)]
        response = head + b"".join(parts) + b"0\r\n\r\n"
    fields, content = await exchange(client, upstream, ask("Accept-Encoding: gzip\r\n"), response)
    assert zlib.decompress(content, 31) == page
    assert fields["content-encoding"] == "gzip"
    # The connection goes on.
    assert (await exchange(client, upstream, ask(), answer("", b"next")))[1] == b"next"


async def test_a_client_that_leaves_amid_large_content_leaves_nothing_behind(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """A thread that comes back to a connection that is gone would fail the worker."""
    gateway = await start(start_gateway, endpoint, COMPRESS)
    client = await gateway.ask(ask("Accept-Encoding: br\r\n"))
    upstream = await endpoint.accept()
    await upstream.read_head()
    await upstream.send(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n" + bytes(300_000)
    )
    await read_fields(client)
    client.reset()
    # What is left open is seen when the gateway stops.
    assert await upstream.ends() in {"closed", "reset"}


@pytest.mark.parametrize(
    "response",
    [
        answer("Content-Type: text/html\r\n", b"short"),
        answer("Content-Type: image/png\r\n", PAGE),
        answer("Content-Type: text/html\r\nContent-Encoding: gzip\r\n", PAGE),
        answer("Content-Type: text/html\r\nCache-Control: no-transform\r\n", PAGE),
        answer("Content-Type: text/html\r\nContent-Range: bytes 0-2999/9999\r\n", PAGE, "206 Partial Content"),
        answer("Content-Type: text/event-stream\r\n", PAGE),
    ],
)
async def test_these_pass_byte_for_byte(start_gateway: StartGateway, endpoint: Endpoint, response: bytes) -> None:
    """They would arrive coded twice, late, or cut."""
    client, upstream = await begin(await start(start_gateway, endpoint, COMPRESS), endpoint)
    fields, content = await exchange(client, upstream, ask("Accept-Encoding: gzip\r\n"), response)
    assert content == response.partition(b"\r\n\r\n")[2]
    assert "vary" not in fields
    assert fields["content-length"] == str(len(content))


async def test_head_and_304_have_the_fields_of_get(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A client would be told the length of other bytes, or a cache would drop what is still good."""
    client, upstream = await begin(await start(start_gateway, endpoint, COMPRESS), endpoint)
    await client.send(ask("Accept-Encoding: gzip\r\n", method="HEAD"))
    await upstream.read_head()
    await upstream.send(b'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5000\r\nETag: "v1"\r\n\r\n')
    fields = await read_fields(client)
    assert (fields["content-encoding"], fields["etag"], fields["vary"]) == ("gzip", 'W/"v1"', "Accept-Encoding")
    assert "content-length" not in fields
    await client.send(ask('Accept-Encoding: gzip\r\nIf-None-Match: W/"v1"\r\n'))
    assert b'If-None-Match: W/"v1"\r\n' in await upstream.read_head()
    await upstream.send(b'HTTP/1.1 304 Not Modified\r\nETag: "v1"\r\n\r\n')
    fields = await read_fields(client)
    assert (fields[""].split()[1], fields["etag"]) == ("304", 'W/"v1"')
    assert (await exchange(client, upstream, ask(), answer("", b"next")))[1] == b"next"


async def test_an_answer_of_the_gateway_itself_is_compressed_too(
    start_gateway: StartGateway, endpoint: Endpoint
) -> None:
    """A large fixed text would cost its full size."""
    fixed = Respond(200, (("Content-Type", "text/plain"),), b"as long as it has to be " * 100)
    client = await (await start(start_gateway, endpoint, COMPRESS, action=fixed)).ask(ask("Accept-Encoding: br\r\n"))
    fields = await read_fields(client)
    content = await read_content(client, fields)
    assert brotli.decompress(content) == fixed.body
    assert (fields["content-encoding"], fields["vary"]) == ("br", "Accept-Encoding")


# -- transform -----------------------------------------------------------------------------------------------------


def post(content: bytes, fields: str = "Content-Type: application/json\r\n") -> bytes:
    return ask(f"{fields}Content-Length: {len(content)}\r\n", content, "POST")


async def test_a_request_is_edited_before_the_endpoint_sees_it(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """The endpoint would get the name that it does not know, and the member that it must not get."""
    client, upstream = await begin(await start(start_gateway, endpoint, transform(request=True)), endpoint)
    document = b'{"name": "x", "secret": 1, "rest": [1]}'
    chunked = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nContent-Digest: x\r\n"
    for request in (post(document), ask(chunked, chunk(document[:9]) + chunk(document[9:]) + b"0\r\n\r\n", "POST")):
        await client.send(request)
        fields = await read_fields(upstream)
        assert await read_content(upstream, fields) == b'{"title":"x","rest":[1]}'
        assert "content-digest" not in fields
        await upstream.send(answer("", b"ok"))
        assert await read_content(client, await read_fields(client)) == b"ok"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (post(b"{"), 400),
        (post(b'{"a": 1}', "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"), 415),
        (post(b" " * 5000), 413),
    ],
)
async def test_what_cannot_be_edited_never_reaches_the_endpoint(
    start_gateway: StartGateway, endpoint: Endpoint, request_: bytes, status: int
) -> None:
    """Whoever sends something broken would get past the edits."""
    gateway = await start(start_gateway, endpoint, transform(request=True))
    client = await gateway.ask(request_)
    fields = await read_fields(client)
    body = json.loads(await read_content(client, fields))
    assert (int(fields[""].split()[1]), body["statusCode"]) == (status, status)
    await settle()
    assert not endpoint.has_visitor()


async def test_other_content_passes_as_it_is(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """Uploads on the same route would be refused or changed."""
    client, upstream = await begin(
        await start(start_gateway, endpoint, transform(request=True, response=True)), endpoint
    )
    upload = b'{"name": ' * 10_000
    await client.send(post(upload, "Content-Type: application/octet-stream\r\n"))
    assert await read_content(upstream, await read_fields(upstream)) == upload
    await upstream.send(answer("Content-Type: text/plain\r\n", b'{"name": 1}'))
    assert await read_content(client, await read_fields(client)) == b'{"name": 1}'


async def test_a_response_is_edited_before_the_client_sees_it(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """The client would get what it must not see, and a length and an ETag of other bytes."""
    client, upstream = await begin(await start(start_gateway, endpoint, transform(response=True)), endpoint)
    await client.send(ask("Accept-Encoding: gzip\r\nRange: bytes=0-9\r\n"))
    asked = await read_fields(upstream)
    assert not {"accept-encoding", "range"} & set(asked)
    document = b'{"name": "x", "secret": 1}'
    await upstream.send(answer('Content-Type: application/json\r\nETag: "v1"\r\n', document))
    fields = await read_fields(client)
    assert await read_content(client, fields) == b'{"title":"x"}'
    assert (fields["etag"], fields["content-length"]) == ('W/"v1"', "13")


@pytest.mark.parametrize(
    ("response", "is_passed"),
    [
        (answer("Content-Type: application/json\r\n", b'{"secret": '), True),
        (answer("Content-Type: application/json\r\nContent-Encoding: gzip\r\n", b"secret"), True),
        (answer("Content-Type: application/json\r\nContent-Range: bytes 0-9/99\r\n", b'{"secret":', "206 Part"), True),
        (answer("Content-Type: application/json\r\n", b'"secret"' + b" " * 5000), False),
    ],
)
async def test_a_response_that_cannot_be_edited_is_not_shown(
    start_gateway: StartGateway, endpoint: Endpoint, response: bytes, is_passed: bool
) -> None:
    """What must not go out would go out broken, coded, in part, or in bulk."""
    for passes in (False, True):
        filters = transform(response=True, passes=passes)
        client, upstream = await begin(await start(start_gateway, endpoint, filters), endpoint)
        await client.send(ask())
        await upstream.read_head()
        await upstream.send(response)
        fields = await read_fields(client)
        content = await read_content(client, fields)
        if passes and is_passed:
            assert content == response.partition(b"\r\n\r\n")[2]
        else:
            assert fields[""].startswith("HTTP/1.1 502 ")
            assert b"secret" not in content
            assert json.loads(content)["statusCode"] == 502


async def test_an_edited_response_is_compressed_behind_it(start_gateway: StartGateway, endpoint: Endpoint) -> None:
    """A route could have only one of the two."""
    gateway = await start(start_gateway, endpoint, COMPRESS, transform(response=True, max_size=100_000))
    client, upstream = await begin(gateway, endpoint)
    document: dict[str, Any] = {"name": "x" * 50_000, "secret": 1}
    response = answer("Content-Type: application/json\r\n", json.dumps(document).encode())
    fields, content = await exchange(client, upstream, ask("Accept-Encoding: gzip\r\n"), response)
    assert fields["content-encoding"] == "gzip"
    assert json.loads(zlib.decompress(content, 31)) == {"title": "x" * 50_000}
