"""Cut a query string into its parameters, as HTML forms write them (WHATWG URL, section 5.1).

`&` separates, the first `=` ends the name, `+` and `%20` are spaces. Nothing is refused: an endpoint gets the string as
it came.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote_to_bytes


class Parameter(NamedTuple):
    """One parameter: as it stands in the query string, and its decoded name and value."""

    raw: bytes
    name: bytes
    value: bytes


def split_query(query: bytes) -> list[Parameter]:
    """Return the parameters of a query string (without `?`) in their order; empty ones are left out."""
    parameters = []
    for raw in query.split(b"&"):
        if raw:
            name, _, value = raw.replace(b"+", b" ").partition(b"=")
            parameters.append(Parameter(raw, unquote_to_bytes(name), unquote_to_bytes(value)))
    return parameters
