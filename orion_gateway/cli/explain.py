"""`orion explain`: say which route takes a request, why the others lost, and what follows from the table.

Nothing is sent: the table is read and asked as a worker would ask it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from orion_gateway.cli.routes import describe_action
from orion_gateway.cli.table import config_option, read_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from orion_gateway.config.load import Loaded
    from orion_gateway.routing.explain import Explanation, Loss
    from orion_gateway.routing.found import Found, Matched
    from orion_gateway.routing.table import RouteTable

_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """The request that is explained, as routing sees it."""

    method: bytes
    host: bytes
    path: bytes
    query: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    listener: str

    def field_values(self, name: bytes) -> list[bytes]:
        """Return the values given for a lower-case field name."""
        return [value for field, value in self.fields if field == name]


@dataclass(frozen=True, slots=True)
class Setting:
    """What follows for the request: a setting, its value, and where it is written, or "default"."""

    name: str
    value: str
    where: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of the request. `status` is that of the gateway's own answer, 0 when a route decides."""

    status: int
    message: str
    route: str | None
    place: str | None
    follows: tuple[Setting, ...] = ()
    losses: tuple[Loss, ...] = ()
    left_out: int = 0


@click.command()
@click.argument("method")
@click.argument("url")
@click.option("-H", "--header", "headers", multiple=True, metavar="NAME:VALUE", help="A field of the request.")
@click.option("--listener", metavar="NAME", help="The listener it comes in by.  [default: the first of the table]")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
def command(
    method: str, url: str, headers: tuple[str, ...], listener: str | None, config: Path, *, as_json: bool
) -> None:
    """Say which route takes a request, why the others lost, and what follows.

    URL is a path, or an absolute http URL; the host can also be given with -H host:NAME.

    Exit codes: 0 a route takes it, 1 none does or the table is broken, 2 the table could not be read.
    """
    fields = tuple(_read_header(header) for header in headers)
    host, path, query = _read_url(url, fields)
    loaded, table = read_table(config)
    listeners = [known.name for known in loaded.config.listeners]
    if listener is not None and listener not in listeners:
        raise click.UsageError(f"there is no listener {listener!r}; the table has {', '.join(listeners)}")
    asked = Asked(os.fsencode(method), host, path, query, fields, listener or listeners[0])
    answer = _find_answer(loaded, table, asked)
    click.echo(_render_json(asked, answer) if as_json else "\n".join(_render_text(asked, answer)))
    sys.exit(1 if answer.status else 0)


def _read_header(text: str) -> tuple[bytes, bytes]:
    name, colon, value = os.fsencode(text).partition(b":")
    if not colon or not name.strip():
        raise click.BadParameter(f"{text!r} is not NAME:VALUE", param_hint="-H")
    return name.strip().lower(), value.strip()


def _read_url(url: str, fields: tuple[tuple[bytes, bytes], ...]) -> tuple[bytes, bytes, bytes]:
    """Return host, path and query string; the host is that of the URL, else that of a Host field, else empty."""
    target = os.fsencode(url)
    host = next((value for name, value in fields if name == b"host"), b"")
    if absolute := _ABSOLUTE.fullmatch(target):
        host, target = absolute.groups()
        target = target if target.startswith(b"/") else b"/" + target
    elif not target.startswith(b"/"):
        raise click.UsageError(f"{url!r} is neither a path that starts with '/' nor an absolute http URL")
    path, _, query = target.partition(b"?")
    return host, path, query


def _find_answer(loaded: Loaded, table: RouteTable, asked: Asked) -> Answer:
    from orion_gateway.routing.explain import explain
    from orion_gateway.routing.found import Matched
    from orion_gateway.routing.path import PathRefused, judge_path

    try:
        path = judge_path(asked.path)
    except PathRefused as refusal:
        return Answer(400, refusal.message, None, None)
    explanation = explain(table, asked.method, asked.host, path, asked, asked.listener)
    found = explanation.found
    if not isinstance(found, Matched):
        status, message = _describe_refusal(found)
        return Answer(status, message, None, None, (), explanation.losses, explanation.left_out)
    return _follow(loaded, asked, found, explanation)


def _describe_refusal(found: Found) -> tuple[int, str]:
    from orion_gateway.routing.found import MethodNotAllowed, Options, PathNotAllowed

    match found:
        case MethodNotAllowed(allow):
            return 405, f"no route takes this method; Allow: {allow.decode()}"
        case Options(allow):
            return 204, f"the gateway answers OPTIONS itself; Allow: {allow.decode()}"
        case PathNotAllowed(message):
            return 400, message
        case _:
            return 404, "no route takes it"


def _follow(loaded: Loaded, asked: Asked, found: Matched, explanation: Explanation) -> Answer:
    """Return what the route of `found` does with the request; a rewrite may still refuse it."""
    from orion_gateway.routing.path import PathRefused
    from orion_gateway.routing.rewrite import rewrite_target

    route = found.route
    target = asked.path + (b"?" + asked.query if asked.query else b"")
    status, message = 0, describe_action(route)
    follows: tuple[Setting, ...] = ()
    try:
        if route.rewrite is not None:
            target = rewrite_target(route.rewrite, asked.path, asked.query, found.params)
    except PathRefused as refusal:
        status, message = 400, f"the rewrite of the route makes a path that is refused: {refusal.message}"
    else:
        follows = tuple(_settings(loaded, found, target.decode("ascii", "backslashreplace")))
    return Answer(
        status,
        message,
        route.name,
        str(route.place) if route.place else None,
        follows,
        explanation.losses,
        explanation.left_out,
    )


def _settings(loaded: Loaded, found: Matched, target: str) -> Iterator[Setting]:
    """Yield what the table says about a request that the route takes, in the order in which it matters."""
    from orion_gateway.assembly import build_services
    from orion_gateway.values import Redirect, Respond, ToAdmin, ToService

    route, here = found.route, ("routes", found.index)

    def where(*locations: tuple[str | int, ...]) -> str:
        return next((str(loaded.places.at(at)) for at in locations if loaded.places.is_written(at)), "default")

    match route.action:
        case Respond(status, headers, body):
            yield Setting("respond.status", str(status), where((*here, "respond", "status")))
            for name, value in headers:
                yield Setting("respond.headers", f"{name}: {value}", where((*here, "respond", "headers", name)))
            yield Setting("respond.body", f"{len(body)} bytes", where((*here, "respond", "body")))
        case Redirect(location, status):
            yield Setting("redirect.location", location, where((*here, "redirect", "location")))
            yield Setting("redirect.status", str(status), where((*here, "redirect", "status")))
        case ToAdmin(resource):
            yield Setting("admin", resource, where((*here, "admin")))
        case ToService(name):
            service, there = build_services(loaded)[name], ("services", name)
            yield Setting("service", name, where((*here, "service")))
            for number, endpoint in enumerate(service.endpoints):
                value = f"{endpoint.url} weight {endpoint.weight}"
                yield Setting("endpoint", value, where((*there, "endpoints", number)))
            yield Setting("load_balancer", service.load_balancer, where((*there, "load_balancer")))
            yield Setting("target", target, where(*((*here, "rewrite", key) for key in _TARGET_KEYS)))
            is_upstream = route.rewrite is not None and route.rewrite.host_upstream
            value = "the endpoint's" if is_upstream else "the client's"
            yield Setting("host", value, where((*here, "rewrite", "host")))
            for key in ("connect", "response", "idle", "total"):
                value = _show_duration(getattr(route.timeouts, key))
                places = ((*base, "timeouts", key) for base in (here, ("defaults",), there))
                yield Setting(f"timeouts.{key}", value, where(*places))
    places = ((*base, "limits", "body") for base in (here, ("defaults",), ("gateway",)))
    yield Setting("limits.body", _show_size(route.body_limit), where(*places))
    websocket = route.websocket
    value = "off" if websocket is None else f"tunnel, idle {_show_duration(websocket.idle)}"
    if websocket is not None and websocket.origins:
        value += f", origins {', '.join(websocket.origins)}"
    yield Setting("websocket", value, where((*here, "websocket")))


_TARGET_KEYS = ("strip_prefix", "path", "regex", "query")


def _show_duration(seconds: float | None) -> str:
    if seconds is None:
        return "off"
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"


def _show_size(size: int | None) -> str:
    if size is None:
        return "off"
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size and size % unit == 0:
            return f"{size // unit}{name}"
    return f"{size} bytes"


def _render_text(asked: Asked, answer: Answer) -> Iterator[str]:
    host = _show(asked.host) or "none"
    target = asked.path + (b"?" + asked.query if asked.query else b"")
    yield f"{_show(asked.method)} {_show(target)}, host {host}, listener {asked.listener}"
    if answer.route is not None:
        yield f"taken by route {answer.route} ({answer.place})"
    yield f"answered {answer.status}: {answer.message}" if answer.status else f"answered by {answer.message}"
    width = max((len(setting.name) for setting in answer.follows), default=0)
    values = max((len(setting.value) for setting in answer.follows), default=0)
    for setting in answer.follows:
        yield f"  {setting.name:{width}}  {setting.value:{values}}  {setting.where}"
    if answer.losses:
        yield "near candidates:"
    for loss in answer.losses:
        yield f"  {loss.route.name} ({loss.route.place}): {loss.why}"
    if answer.left_out:
        yield f"  and {answer.left_out} more"


def _render_json(asked: Asked, answer: Answer) -> str:
    document = {
        "version": 1,
        "request": {
            "method": _show(asked.method),
            "host": _show(asked.host),
            "path": _show(asked.path),
            "query": _show(asked.query),
            "listener": asked.listener,
        },
        "status": answer.status or None,
        "message": answer.message,
        "route": None if answer.route is None else {"name": answer.route, "place": answer.place},
        "follows": [asdict(setting) for setting in answer.follows],
        "lost": [
            {"route": loss.route.name, "place": str(loss.route.place) if loss.route.place else None, "why": loss.why}
            for loss in answer.losses
        ],
        "left_out": answer.left_out,
    }
    return json.dumps(document, indent=2)


def _show(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")
