"""Cut a path that needs no closer look into its segments. `plain.pyx` does the same, quicker."""

from __future__ import annotations

import re

# Segments of visible ASCII without what needs a second look: `%`, `\`, `#`, `?`, `;`, a leading dot, no byte at all.
_PLAIN_SEGMENT = rb'[!"$&-\-0-:<->@-\[\]-~][!"$&-.0-:<->@-\[\]-~]*'
_is_plain = re.compile(rb"/(?:%s/)*(?:%s)?" % (_PLAIN_SEGMENT, _PLAIN_SEGMENT)).fullmatch


def split_plain(path: bytes) -> list[bytes] | None:
    """Return what stands between the slashes, None for a path that must be judged closely."""
    return path[1:].split(b"/") if _is_plain(path) else None
