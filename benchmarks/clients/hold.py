"""Open many keep-alive connections, use each once, and hold them.

Run as `python -m benchmarks.clients.hold`, an order on the first line of stdin (`Order`). It prints how many
connections it holds as soon as it holds them all, waits for the end of its stdin, and prints how many the peer had
closed by then.
"""

from __future__ import annotations

import json
import socket
import sys
from dataclasses import dataclass

from benchmarks.clients.responses import ResponseError, is_complete

TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Order:
    """How many connections to which port of loopback; what to send on each, and the content that comes back."""

    port: int
    connections: int
    request: str
    body_bytes: int


def open_one(order: Order) -> socket.socket:
    """Return a connection that has been used once; raise OSError or ResponseError when that does not work."""
    connection = socket.create_connection(("127.0.0.1", order.port), timeout=TIMEOUT)
    connection.sendall(order.request.encode("latin-1"))
    received = b""
    while not is_complete(received, order.body_bytes):
        data = connection.recv(65536)
        if not data:
            raise ResponseError("the connection was closed before an answer")
        received += data
    return connection


def is_closed(connection: socket.socket) -> bool:
    """Return whether the other side has ended the connection."""
    connection.setblocking(False)
    try:
        return not connection.recv(1)
    except BlockingIOError:
        return False
    except OSError:
        return True


def main() -> int:
    """Hold connections until stdin ends; return 1 when they cannot all be had."""
    order = Order(**json.loads(sys.stdin.readline()))
    connections: list[socket.socket] = []
    try:
        while len(connections) < order.connections:
            connections.append(open_one(order))
    except (OSError, ResponseError) as error:
        print(f"only {len(connections)} of {order.connections} connections: {error}", file=sys.stderr)
        return 1
    print(len(connections), flush=True)
    sys.stdin.read()
    print(sum(is_closed(connection) for connection in connections), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
