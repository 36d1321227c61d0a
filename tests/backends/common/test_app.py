"""Errors, bodies and health of an application, over a real connection."""

import asyncio
import gzip
import io
import json
from datetime import datetime
from typing import Any

import pytest
from aiohttp import ClientSession, web

from backends.common.app import make_app
from backends.common.errors import ApiError
from backends.common.health import Check, run_check
from backends.common.reading import BODY_LIMIT, Question, read_body, read_id, read_query
from backends.users.settings import UsersSettings
from tests.backends.conftest import Serve

ERROR_FIELDS = ["statusCode", "message", "error", "timestamp", "path", "correlationId", "code", "details"]
JSON = {"Content-Type": "application/json"}


class Order(Question):
    """A model to read: one field that is needed, one with a default."""

    item_name: str
    amount: int = 1


async def echo_order(request: web.Request) -> web.Response:
    order = await read_body(request, Order)
    return web.json_response({"item": order.item_name, "amount": order.amount})


async def echo_query(request: web.Request) -> web.Response:
    return web.json_response({"item": read_query(request, Order).item_name})


async def echo_id(request: web.Request) -> web.Response:
    return web.Response(text=str(read_id(request)))


async def fail(request: web.Request) -> web.Response:
    raise RuntimeError("the secret cause")


def example_app(environment: str = "production", checks: tuple[Check, ...] = ()) -> web.Application:
    settings = UsersSettings.model_construct(environment=environment)
    app = make_app(settings, checks)
    app.router.add_post("/orders", echo_order)
    app.router.add_get("/orders", echo_query)
    app.router.add_get("/orders/{id}", echo_id)
    app.router.add_get("/fail", fail)
    return app


async def refused(client: ClientSession, method: str, path: str, status: int, **request: Any) -> dict[str, Any]:
    """Send a request and return the error body, after checking all that every error body has."""
    response = await client.request(method, path, **request)
    body: dict[str, Any] = await response.json()
    assert response.status == status, body
    assert [name for name in body if name != "stack"] == ERROR_FIELDS
    assert body["statusCode"] == status
    assert body["error"] == response.reason
    assert body["path"] == path.partition("?")[0]
    assert body["correlationId"] == response.headers["X-Request-Id"]
    assert body["timestamp"].endswith("Z")
    assert datetime.fromisoformat(body["timestamp"]).tzinfo is not None
    return body


async def connect(client: ClientSession) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a bare connection to where a client's application listens."""
    url = (await client.get("/health/live")).url
    return await asyncio.open_connection(url.host, url.port)


async def test_an_unknown_path_is_404(serve: Serve) -> None:
    """A client that mistyped a path would get a page it cannot parse."""
    body = await refused(await serve(example_app()), "GET", "/nowhere?token=secret", 404)
    assert body["code"] == "not_found"


async def test_a_wrong_method_is_405_and_says_which_are_right(serve: Serve) -> None:
    """A client could not learn what a resource can do."""
    client = await serve(example_app())
    body = await refused(client, "DELETE", "/orders", 405)
    assert body["code"] == "method_not_allowed"
    response = await client.delete("/orders")
    assert response.headers["Allow"] == "GET,HEAD,POST"


async def test_a_good_body_is_read(serve: Serve) -> None:
    """Nothing could be created."""
    client = await serve(example_app())
    for media_type in ("application/json", "application/json; charset=UTF-8", "application/merge-patch+json"):
        response = await client.post("/orders", data=b'{"itemName": "tea"}', headers={"Content-Type": media_type})
        assert await response.json() == {"item": "tea", "amount": 1}


UNREADABLE = [
    (b"", "empty_body", "empty"),
    (b'{"itemName": }', "invalid_json", "line 1, column 14"),
    (b'{\n  "itemName": "tea",\n}', "invalid_json", "line 2, column 20"),
    (b"\xff\xfe", "invalid_json", "UTF-8"),
    (b'{"amount": NaN}', "invalid_json", "line 1, column 12"),
    (b"[" * 5000, "invalid_json", "depth"),
]


@pytest.mark.parametrize(("content", "code", "part"), UNREADABLE)
async def test_a_body_that_cannot_be_read_is_400_with_the_place(
    serve: Serve, content: bytes, code: str, part: str
) -> None:
    """The person who wrote the JSON could not find the mistake."""
    body = await refused(await serve(example_app()), "POST", "/orders", 400, data=content, headers=JSON)
    assert body["code"] == code
    assert part in body["message"]


WRONG_TYPES = [
    ({"Content-Type": "text/plain"}, "unsupported_media_type"),
    ({"Content-Type": "application/x-www-form-urlencoded"}, "unsupported_media_type"),
    ({"Content-Type": "application/json; charset=latin-1"}, "unsupported_charset"),
    ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, "unsupported_content_coding"),
]


@pytest.mark.parametrize(("headers", "code"), WRONG_TYPES)
async def test_a_body_that_is_not_called_json_is_415(serve: Serve, headers: dict[str, str], code: str) -> None:
    """A form or a packed body would be misread instead of refused."""
    body = await refused(await serve(example_app()), "POST", "/orders", 415, data=b"{}", headers=headers)
    assert body["code"] == code


WRONG_VALUES: list[tuple[Any, dict[str, str]]] = [
    ({}, {"itemName": "missing"}),
    ({"itemName": 1, "amount": "x"}, {"itemName": "string_type", "amount": "int_parsing"}),
    ({"itemName": "tea", "colour": "red"}, {"colour": "extra_forbidden"}),
    ({"item_name": "tea"}, {"itemName": "missing", "item_name": "extra_forbidden"}),
    ([], {}),
    ("tea", {}),
]


@pytest.mark.parametrize(("value", "fields"), WRONG_VALUES)
async def test_wrong_values_are_422_with_one_entry_per_field(serve: Serve, value: Any, fields: dict[str, str]) -> None:
    """A form could not show each mistake beside its field."""
    content = json.dumps(value)
    body = await refused(await serve(example_app()), "POST", "/orders", 422, data=content, headers=JSON)
    assert body["code"] == "validation_failed"
    assert {detail["field"]: detail["code"] for detail in body["details"]} == fields
    assert len(body["details"]) == len(fields)
    assert all(detail["message"] for detail in body["details"])


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_1_mib_is_413(serve: Serve, chunked: bool) -> None:
    """One client could fill the memory."""
    client = await serve(example_app())

    async def chunks() -> Any:
        for _ in range(BODY_LIMIT // 65536):
            yield b" " * 65536
        yield b" "

    data = chunks() if chunked else io.BytesIO(b" " * (BODY_LIMIT + 1))
    body = await refused(client, "POST", "/orders", 413, data=data, headers=JSON)
    assert body["code"] == "body_too_long"
    fitting = b'{"itemName": "tea"}'.ljust(BODY_LIMIT)
    assert (await client.post("/orders", data=io.BytesIO(fitting), headers=JSON)).status == 200


async def test_a_body_that_is_announced_as_too_long_is_not_waited_for(serve: Serve) -> None:
    """A client could make us take a body that we refuse anyway."""
    reader, writer = await connect(await serve(example_app()))
    fields = b"Host: x\r\nContent-Type: application/json\r\nContent-Length: 9999999\r\n"
    writer.write(b"POST /orders HTTP/1.1\r\n" + fields + b"\r\n")
    async with asyncio.timeout(20):
        assert b" 413 " in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_packed_content_stays_packed(serve: Serve) -> None:
    """A few bytes could unpack to gigabytes before anybody has looked at them."""
    packed = gzip.compress(bytes(1_000_000))

    async def measure(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await request.read())))

    app = example_app()
    app.router.add_post("/measure", measure)
    response = await (await serve(app)).post("/measure", data=packed, headers={"Content-Encoding": "gzip"})
    assert await response.text() == str(len(packed))


QUERIES = [
    ("?itemName=tea&itemName=milk", {"itemName": "repeated"}),
    ("?itemName=tea&colour=red", {"colour": "extra_forbidden"}),
    ("", {"itemName": "missing"}),
]


@pytest.mark.parametrize(("query", "fields"), QUERIES)
async def test_wrong_parameters_are_422(serve: Serve, query: str, fields: dict[str, str]) -> None:
    """A mistyped filter would silently list everything."""
    body = await refused(await serve(example_app()), "GET", f"/orders{query}", 422)
    assert {detail["field"]: detail["code"] for detail in body["details"]} == fields


async def test_only_ids_in_their_usual_form_are_looked_up(serve: Serve) -> None:
    """One user would have several addresses, and an odd id would be a 500 of the database."""
    client = await serve(example_app())
    known = "0f8fad5b-d9cb-469f-a165-70867728950e"
    assert await (await client.get(f"/orders/{known.upper()}")).text() == known
    for other in ("7", known.replace("-", ""), f"%7B{known}%7D", "x" * 36):
        assert (await client.get(f"/orders/{other}")).status == 404


async def test_an_exception_of_aiohttp_gets_the_error_body_too(serve: Serve) -> None:
    """An answer that a handler makes the way aiohttp teaches would be plain text."""

    async def forbid(request: web.Request) -> web.Response:
        raise web.HTTPForbidden

    app = example_app()
    app.router.add_get("/forbidden", forbid)
    body = await refused(await serve(app), "GET", "/forbidden", 403)
    assert (body["code"], body["message"]) == ("forbidden", "Forbidden")


async def test_the_unexpected_is_500_without_particulars(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """A client would see the inside of the program; or nobody would."""
    body = await refused(await serve(example_app()), "GET", "/fail", 500)
    assert body["code"] == "internal_server_error"
    assert "secret" not in json.dumps(body)
    assert "stack" not in body


async def test_in_development_the_stack_is_shown(serve: Serve) -> None:
    """A developer would have to look into the log for every mistake."""
    body = await refused(await serve(example_app("development")), "GET", "/fail", 500)
    assert body["stack"][-1] == "RuntimeError: the secret cause"


async def test_what_is_no_request_gets_the_error_body_too(serve: Serve) -> None:
    """The one answer in another form would be the one that a broken client sees."""
    client = await serve(example_app())
    reader, writer = await connect(client)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nno colon here\r\n\r\n")
    head, _, content = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert b" 400 " in head.splitlines()[0]
    assert b"Server: orion\r\n" in head + b"\r\n"
    body = json.loads(content)
    assert list(body) == ERROR_FIELDS
    assert f"X-Request-Id: {body['correlationId']}".encode() in head


async def test_a_body_that_is_badly_framed_is_400(serve: Serve) -> None:
    """A client that sends broken chunks would be told that the server is broken."""
    client = await serve(example_app())
    reader, writer = await connect(client)
    fields = b"Host: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    writer.write(b"POST /orders HTTP/1.1\r\n" + fields + b"\r\n")
    await writer.drain()
    writer.write(b"zz\r\n{}\r\n0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert b" 400 " in answer.splitlines()[0]


async def test_a_client_that_leaves_within_its_body_is_no_fault_of_ours(serve: Serve) -> None:
    """Every client that breaks off would be logged as an error of the program."""
    outcome: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    async def read(request: web.Request) -> web.Response:
        try:
            return await echo_order(request)
        except Exception as error:
            outcome.set_result(error)
            raise

    app = example_app()
    app.router.add_post("/read", read)
    client = await serve(app)
    _, writer = await connect(client)
    fields = b"Host: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
    writer.write(b"POST /read HTTP/1.1\r\n" + fields + b"\r\n{")
    await writer.drain()
    writer.close()
    error = await outcome
    assert isinstance(error, ApiError)
    assert (error.status, error.code) == (400, "incomplete_body")


async def test_no_answer_tells_the_versions_of_the_server(serve: Serve) -> None:
    """Attackers would be told which known holes to try."""
    client = await serve(example_app())
    for path in ("/health/live", "/nowhere", "/fail"):
        assert (await client.get(path)).headers["Server"] == "orion"


async def good() -> str | None:
    return None


async def bad() -> str | None:
    return "it is gone"


async def broken() -> str | None:
    raise RuntimeError("secret")


HEALTH = [
    ((Check("a", good),), "healthy", 200, 200),
    ((Check("a", good), Check("b", bad, required=False)), "degraded", 200, 200),
    ((Check("a", bad), Check("b", good)), "unhealthy", 503, 503),
    ((Check("a", broken), Check("b", bad, required=False)), "unhealthy", 503, 503),
]


@pytest.mark.parametrize(("checks", "status", "code", "ready"), HEALTH)
async def test_health_follows_from_the_checks(
    serve: Serve, checks: tuple[Check, ...], status: str, code: int, ready: int
) -> None:
    """Traffic would be sent to a backend that cannot answer, or kept from one that can."""
    client = await serve(example_app(checks=checks))
    response = await client.get("/health")
    report = await response.json()
    assert (response.status, report["status"], report["service"]) == (code, status, "users")
    assert list(report["checks"]) == [check.name for check in checks]
    assert "secret" not in json.dumps(report)
    assert (await client.get("/health/ready")).status == ready
    live = await client.get("/health/live")
    assert (live.status, (await live.json())["checks"]) == (200, {})
    assert live.headers["Cache-Control"] == "no-store"


async def test_a_check_that_hangs_has_failed() -> None:
    """A hanging database would hang the health resource, and with it whoever decides about restarts."""
    result = await run_check(Check("hung", asyncio.Event().wait), timeout=0.01)  # type: ignore[arg-type]
    assert result.error == "no answer in 0.01 s"


async def test_an_error_keeps_the_fields_it_was_raised_with(serve: Serve) -> None:
    """Retry-After would be lost on its way to the client."""

    async def busy(request: web.Request) -> web.Response:
        raise ApiError(503, "busy", code="busy", headers={"Retry-After": "7"})

    app = example_app()
    app.router.add_get("/busy", busy)
    response = await (await serve(app)).get("/busy")
    assert (response.status, response.headers["Retry-After"]) == (503, "7")
