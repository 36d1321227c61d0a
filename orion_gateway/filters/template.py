"""Put values of the request into a text of the table: `${request.host}`, `.path`, `.query` and `.target`.

One pass: what a client sent is never read as a template itself. The values hold visible ASCII only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orion_gateway.filters.filter import RequestHead

_VALUE = re.compile(rb"\$\{request\.(host|path|query|target)\}")


def fill(template: bytes, head: RequestHead) -> bytes:
    """Return the template with the values of this request in it."""
    if b"${request." not in template:
        return template
    values = {b"host": head.host, b"path": head.path, b"query": head.query, b"target": head.target}
    return _VALUE.sub(lambda found: values[found[1]], template)
