"""The fields of a head on which something depends, by name. A kind is a small integer: both scanners hand out the same.

A name that stands in neither table is OTHER: the field goes on as it came, and nobody looks at it.
"""

from orion_gateway.http1.fields import HOP_BY_HOP

OTHER = 0
HOST = 1
CONNECTION = 2
CONTENT_LENGTH = 3
TRANSFER_ENCODING = 4
TE = 5
UPGRADE = 6
KEEP_ALIVE = 7
EXPECT = 8
VIA = 9
CLAIM = 10
"""Forwarded or X-Forwarded-*."""
TRACEPARENT = 11
TRACESTATE = 12
REQUEST_ID = 13
MAX_FORWARDS = 14
DATE = 15
MANAGED = 16
"""Any other hop-by-hop field, and X-Orion-*; in requests also another spelling of a managed name: never sent on."""

KINDS_IN_REQUESTS = {
    **dict.fromkeys(HOP_BY_HOP, MANAGED),
    b"connection": CONNECTION,
    b"content-length": CONTENT_LENGTH,
    b"expect": EXPECT,
    b"forwarded": CLAIM,
    b"host": HOST,
    b"max-forwards": MAX_FORWARDS,
    b"te": TE,
    b"traceparent": TRACEPARENT,
    b"tracestate": TRACESTATE,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"upgrade": UPGRADE,
    b"via": VIA,
    b"x-request-id": REQUEST_ID,
}
"""Besides these, every name that begins with `x-forwarded-` or `x-orion-`.

Servers behind the gateway map `_` and `.` to the same variable as `-` (CGI's HTTP_X_FORWARDED_FOR), so that a client
could slip a field that the gateway removes or sets past it in another spelling. Such a spelling is MANAGED.
"""

KINDS_IN_RESPONSES = {
    **dict.fromkeys(HOP_BY_HOP, MANAGED),
    b"connection": CONNECTION,
    b"content-length": CONTENT_LENGTH,
    b"date": DATE,
    b"keep-alive": KEEP_ALIVE,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"upgrade": UPGRADE,
    b"x-request-id": REQUEST_ID,
}
