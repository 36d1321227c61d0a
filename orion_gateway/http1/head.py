"""Parse, judge and render the heads of HTTP/1 messages (RFC 9110, RFC 9112): what other packages import of it.

Pure: bytes in, values out. One call parses and judges (`parse_request`, `parse_response`), one renders
(`render_request`, `render_response`); each is a module beside this one. Where a path is judged is `routing.path`; where
a body ends is `body`.
"""

from orion_gateway.http1.identifiers import Identifiers, choose_identifiers
from orion_gateway.http1.parsed import Framing, Head, HeadLimits, Refusal, RequestHead, ResponseHead, Underscores
from orion_gateway.http1.render import render_request, render_response
from orion_gateway.http1.request import parse_request
from orion_gateway.http1.response import parse_response

__all__ = [
    "Framing",
    "Head",
    "HeadLimits",
    "Identifiers",
    "Refusal",
    "RequestHead",
    "ResponseHead",
    "Underscores",
    "choose_identifiers",
    "parse_request",
    "parse_response",
    "render_request",
    "render_response",
]
