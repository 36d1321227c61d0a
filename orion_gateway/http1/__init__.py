"""HTTP/1 messages as values: heads parsed, judged and rendered, bodies framed. Pure: no socket, no clock, no log.

`head` is what others import of heads, `body` of bodies, `fields` of the peer and its claims.
"""
