"""An API call that sends content: a document of 4 KiB, answered by a small one."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.scenarios.small_get import SMALL_GET

DOCUMENT = b'{"note":"' + b"All work and no play makes a dull gateway. " * 100
CONTENT = DOCUMENT[: 4096 - 2] + b'"}'

POST = replace(
    SMALL_GET,
    letter="d",
    name="post_4k",
    summary="POST of 4 KiB, small answer; ids, forwarded fields, access log",
    method="POST",
    fields=(*SMALL_GET.fields, ("Content-Type", "application/json")),
    content=CONTENT,
)
