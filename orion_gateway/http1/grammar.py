"""The grammar of heads as patterns that never backtrack (RFC 9110, section 5; RFC 9112, sections 2 to 5)."""

from orion_gateway.http1.fields import TOKEN

FIELD_VALUE = rb"[\t\x20-\x7e\x80-\xff]*+"
"""field-value of RFC 9110, section 5.5, with the space around it."""
SECTION = rb"(?:" + TOKEN + rb"++:" + FIELD_VALUE + rb"\r\n)*+\r\n"
"""A header section up to and with its empty line, without obsolete folding (RFC 9112, section 5)."""
REQUEST_LINE = rb"(" + TOKEN + rb"++) ([\x21-\x7e]++) HTTP/1\.([01])\r\n"
STATUS_LINE = rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: (" + FIELD_VALUE + rb"))?\r\n"
"""The space behind the status may be missing when there is no reason phrase: many servers leave it out."""
