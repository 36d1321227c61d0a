"""The life of a request, from its judged head to the attempt at an endpoint; `exchange` carries out what is decided.

path judged              400
loop looked for          508
route matched            none → 404, method known elsewhere → 405, OPTIONS of it → 204
body limit               413
filters asked            an answer of their own; one may wait, one may want all content first
the gateway's own answer respond, redirect
service chosen           where the route splits its requests
WebSocket judged         not enabled → 403, bad handshake → 400, 426, 403
circuit asked            open → 503, or the fallback
endpoint asked for       none → 503, queue full → 503
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orion_gateway.proxy.chain import walk
from orion_gateway.proxy.tunnel import VERSION, judge_handshake
from orion_gateway.routing.found import Matched, MethodNotAllowed, NotFound, Options, PathNotAllowed
from orion_gateway.routing.path import PathRefused, judge_path
from orion_gateway.values import Reason

if TYPE_CHECKING:
    from orion_gateway.proxy.exchange import Exchange
    from orion_gateway.proxy.plane import DataPlane, LiveRoute
    from orion_gateway.routing.path import JudgedPath

_ALL_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


def begin(exchange: Exchange, plane: DataPlane, listener: str) -> None:
    """Decide what becomes of a request and start it. Whoever answers it ends the walk."""
    now = exchange.started
    live = _find_route(exchange, plane, listener, now)
    if live is None or _ends_here(exchange, live, now):
        return
    head = exchange.head
    limit = exchange.request_limit = live.body_limit
    if limit is not None and max(head.content_length, exchange.request_bytes) > limit:
        exchange.fail(Reason.REQUEST_TOO_LARGE, now)
        return
    chain = live.chain
    if chain is None:
        dispatch(exchange, now)
        return
    exchange.chain = chain
    exchange.upstream_timeouts = live.timeouts  # a filter that waits has no more time than that
    if walk(exchange, chain, 0, now):
        proceed(exchange, now)


def proceed(exchange: Exchange, now: float) -> None:
    """Go on behind the filters: they may want the content first."""
    chain = exchange.chain
    assert chain is not None
    if chain.takes_request and exchange.has_content() and not exchange.head.upgrade:
        if exchange.open_filtering(chain).open_request(now):
            dispatch(exchange, now)
    else:
        dispatch(exchange, now)


def dispatch(exchange: Exchange, now: float) -> None:
    """Answer, or ask the service."""
    live, head = exchange.route, exchange.head
    assert live is not None
    pool = live.pool
    if pool is None:
        if live.splitter is None:
            assert live.answer is not None
            exchange.respond(live.answer, now)
            return
        live = exchange.route = exchange.plane.choose_target(live, head)
        pool = live.pool
        assert pool is not None
    if head.upgrade and head.is_websocket() and not _accepts_websocket(exchange, live, now):
        return
    try:
        target = head.target if live.rewriter is None else live.rewriter(head.path, head.query, exchange.params)
    except PathRefused as refused:
        exchange.fail(Reason.HTTP_REQUEST_ERROR, now, message=refused.message)
        return
    exchange.upstream_timeouts = live.timeouts
    exchange.retries = live.retries
    exchange.start(pool, target)


def _find_route(exchange: Exchange, plane: DataPlane, listener: str, now: float) -> LiveRoute | None:
    """Match the request; return None when it was answered because nothing takes it."""
    head = exchange.head
    if head.target == b"*":
        exchange.reply(204, now, headers=[(b"Allow", _ALL_METHODS)])
        return None
    if head.via and _has_passed(head.via, plane.pseudonym):
        exchange.fail(Reason.PROXY_LOOP_DETECTED, now)
        return None
    try:
        path = judge_path(head.path)
    except PathRefused as refused:
        exchange.fail(Reason.HTTP_REQUEST_ERROR, now, message=refused.message)
        return None
    if plane.has_preflights and head.method == b"OPTIONS" and _answers_preflight(exchange, plane, path, listener, now):
        return None
    found = plane.table.find(head.method, head.host, path, head, listener)
    if isinstance(found, Matched):
        matched = found
        live = exchange.route = plane.live[matched.index]
        exchange.params = matched.params
        return live
    match found:
        case NotFound():
            exchange.fail(Reason.DESTINATION_NOT_FOUND, now)
        case MethodNotAllowed(allow):
            message = f"This path takes {allow.decode('ascii')}."
            exchange.fail(Reason.METHOD_NOT_ALLOWED, now, message=message, headers=[(b"Allow", allow)])
        case Options(allow):
            exchange.reply(204, now, headers=[(b"Allow", allow)])
        case PathNotAllowed(message):
            exchange.fail(Reason.HTTP_REQUEST_ERROR, now, message=message)
    return None


def _answers_preflight(exchange: Exchange, plane: DataPlane, path: JudgedPath, listener: str, now: float) -> bool:
    """Answer a CORS preflight in the name of the route that it asks for, ahead of whatever guards that route."""
    head = exchange.head
    wanted = head.first(b"access-control-request-method")
    if wanted is None or head.first(b"origin") is None:
        return False
    found = plane.table.find(wanted, head.host, path, head, listener)
    if not isinstance(found, Matched):
        return False
    live = plane.live[found.index]
    preflight = None if live.chain is None else live.chain.preflight
    if preflight is None:
        return False
    exchange.route = live
    exchange.params = found.params
    exchange.answer(preflight.answer_preflight(exchange), now)
    return True


def _has_passed(via: bytes, pseudonym: bytes) -> bool:
    """Say whether this gateway is among the recipients in a lower-case Via (RFC 9110, section 7.6.3)."""
    own = pseudonym.lower()
    return any(entry.split()[1:2] == [own] for entry in via.split(b","))


def _ends_here(exchange: Exchange, live: LiveRoute, now: float) -> bool:
    """Answer a request that may travel no further (RFC 9110, section 7.6.2). TRACE would echo credentials: refused."""
    head = exchange.head
    if head.max_forwards != 0 or head.method not in (b"OPTIONS", b"TRACE"):
        return False
    if head.method == b"OPTIONS":
        allow = ", ".join(live.route.match.methods).encode() or _ALL_METHODS
        exchange.reply(204, now, headers=[(b"Allow", allow)])
    else:
        exchange.fail(Reason.METHOD_NOT_ALLOWED, now, headers=[(b"Allow", _ALL_METHODS)])
    return True


def _accepts_websocket(exchange: Exchange, live: LiveRoute, now: float) -> bool:
    """Judge a handshake; answer it here when the route or the handshake does not allow it."""
    head, settings = exchange.head, live.route.websocket
    if settings is None:
        exchange.fail(Reason.WEBSOCKET_NOT_ENABLED, now)
        return False
    objection = judge_handshake(head, settings.origins)
    if objection is None:
        exchange.expects_upgrade = True
        exchange.tunnel_idle = settings.idle
        head.add(b"Connection", b"Upgrade")
        head.add(b"Upgrade", b"websocket")
        return True
    status, message = objection
    reason = Reason.HTTP_REQUEST_DENIED if status == 403 else Reason.HTTP_REQUEST_ERROR
    headers = [(b"Sec-WebSocket-Version", VERSION), (b"Upgrade", b"websocket")] if status == 426 else []
    exchange.fail(reason, now, status=status, message=message, headers=headers)
    return False
