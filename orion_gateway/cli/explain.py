"""`orion explain`: say which route takes a request, why the others lost, and what follows from the table.

Nothing is sent: the table is read and asked as a worker would ask it.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from orion_gateway.cli.gateway import socket_option
from orion_gateway.cli.table import config_option, read_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_WIDEST_VALUE = 60


@click.command()
@click.argument("method")
@click.argument("url")
@click.option("-H", "--header", "headers", multiple=True, metavar="NAME:VALUE", help="A field of the request.")
@click.option("--listener", metavar="NAME", help="The listener it comes in by.  [default: the first of the table]")
@click.option("--client", metavar="ADDRESS", default="", help="With --live: the address of the client.")
@click.option("--live", is_flag=True, help="Ask the running gateway instead of the table.")
@socket_option
@config_option
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
def command(
    method: str,
    url: str,
    headers: tuple[str, ...],
    listener: str | None,
    client: str,
    admin_socket: Path | None,
    config: Path,
    *,
    live: bool,
    as_json: bool,
) -> None:
    """Say which route takes a request, why the others lost, and what follows.

    URL is a path, or an absolute http URL; the host can also be given with -H host:NAME. With --live the gateway that
    runs with this table is asked, and also says which endpoints it would choose from, and how their service stands.

    Exit codes: 0 a route takes it, 1 none does or the table is broken, 2 the table or the gateway could not be asked.
    """
    fields = tuple(_read_header(header) for header in headers)
    if live:
        from orion_gateway.cli.live import explain_live

        document = explain_live(config, admin_socket, method, url, fields, listener, client)
    else:
        document = _explain_table(config, method, url, fields, listener)
    click.echo(json.dumps(document, indent=2) if as_json else "\n".join(_render(document)))
    sys.exit(1 if document["status"] else 0)


def _explain_table(
    config: Path, method: str, url: str, fields: tuple[tuple[bytes, bytes], ...], listener: str | None
) -> dict[str, Any]:
    from orion_gateway.explanation.answer import QuestionError, ask, find_answer, make_document

    loaded, table = read_table(config)
    try:
        asked = ask(method, url, fields, listener, [known.name for known in loaded.config.listeners])
    except QuestionError as error:
        raise click.UsageError(str(error)) from error
    return make_document(asked, find_answer(loaded, table, asked))


def _read_header(text: str) -> tuple[bytes, bytes]:
    name, colon, value = os.fsencode(text).partition(b":")
    if not colon or not name.strip():
        raise click.BadParameter(f"{text!r} is not NAME:VALUE", param_hint="-H")
    return name.strip().lower(), value.strip()


def _render(document: dict[str, Any]) -> Iterator[str]:
    request, route, status = document["request"], document["route"], document["status"]
    target = request["path"] + ("?" + request["query"] if request["query"] else "")
    yield f"{request['method']} {target}, host {request['host'] or 'none'}, listener {request['listener']}"
    if route is not None:
        yield f"taken by route {route['name']} ({route['place']})"
    yield f"answered {status}: {document['message']}" if status else f"answered by {document['message']}"
    follows = document["follows"]
    width = max((len(setting["name"]) for setting in follows), default=0)
    # A few long values would push all places out of sight.
    values = min(_WIDEST_VALUE, max((len(setting["value"]) for setting in follows), default=0))
    for setting in follows:
        yield f"  {setting['name']:{width}}  {setting['value']:{values}}  {setting['where']}"
    if "live" in document:
        from orion_gateway.cli.live import render_live

        yield from render_live(document["live"])
    if document["lost"]:
        yield "near candidates:"
    for loss in document["lost"]:
        yield f"  {loss['route']} ({loss['place']}): {loss['why']}"
    if document["left_out"]:
        yield f"  and {document['left_out']} more"
