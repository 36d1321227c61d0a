"""The model of `mirror`, copies of requests to another service, and whether one fits its route."""

from typing import TYPE_CHECKING, Annotated

from orion_gateway.config.http_words import Method, ResponseFieldName
from orion_gateway.config.kinds import Count, Kind, Name, Period, fail, pattern_kind, read_share, size
from orion_gateway.config.lookup import items_at, mapping_at, node_at, text_of
from orion_gateway.config.shared_checks import check_reference
from orion_gateway.config.table import REQUIRED, Table, key

if TYPE_CHECKING:
    from orion_gateway.config.nodes import Node, Report

MOST_CONTENT = 4 * 1024 * 1024
"""The largest `max_body`: all copies of a worker together may hold 32 MiB."""


def read_mirrored_share(value: object) -> float:
    """Return a share above nothing."""
    share = read_share(value)
    if not share:
        raise fail("E0203", "expected a share above 0%", hint="leave the mirror out to copy nothing")
    return share


MirroredShare = Annotated[
    float,
    Kind("share", read_mirrored_share, {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]+)?%$"}),
]
MirroredSize = Annotated[int, size(high=MOST_CONTENT)]
JsonPlace = Annotated[
    str,
    pattern_kind(
        "name or path",
        r"(?:\$\.)?[^.\s][^.]*(?:\.[^.]+)*",
        "the name of a member such as updatedAt, or a path such as $.meta.id or items.*.price",
    ),
]


class MirrorCompareConfig(Table):
    """What is compared of the two answers, besides status and content, and what does not count."""

    fields: tuple[ResponseFieldName, ...] = key(
        ["Content-Type"], "Fields of the answers that are compared.", ["Content-Type", "Cache-Control"]
    )
    ignore: tuple[JsonPlace, ...] = key(
        [],
        "Members of JSON content that may differ: a name, wherever it stands, or a path from the root, joined by dots "
        "(`$.` may stand in front), which passes through arrays; `*` is any one name. What lies below may differ too.",
        ["updatedAt", "$.meta.requestId", "items.*.etag"],
    )


class MirrorConfig(Table):
    """Copies of requests that go to another service, whose answers no client sees."""

    service: Name = key(REQUIRED, "The service that gets the copies.", "users-next")
    share: MirroredShare = key("100%", "The share of the requests that is copied.", "5%")
    methods: tuple[Method, ...] = key(
        [],
        "Methods that are copied. Left out: all. What a copy changes, it changes again: name GET and HEAD where the "
        "other service has the same database, or sends mail.",
        ["GET", "HEAD"],
    )
    max_body: MirroredSize = key(
        "64KiB",
        "Largest request body that is copied; answers are compared up to this size. At most 4MiB.",
        "256KiB",
    )
    timeout: Period = key("5s", "How long a copy may take altogether.", "1s")
    max_in_flight: Count = key(100, "Copies at a time, per worker. Requests beyond are not copied, and counted.", 20)
    compare: MirrorCompareConfig | None = key(
        None,
        "Compare the answers with those that clients get; what differs is at `GET /filters` of the admin API. "
        "Left out: they are thrown away.",
        {"fields": ["Cache-Control"], "ignore": ["updatedAt"]},
    )


def check_mirror(route: "Node", services: list[str] | None, report: "Report") -> None:
    """Report what does not fit in the mirror of a route; `services` None: nobody knows all of them."""
    mirror = mapping_at(route, "mirror")
    node = node_at(mirror, "service")
    if mirror is None or node is None:
        return
    if services is not None:
        check_reference(node, "service", services, report)
    answering = [
        node_at(route, "service"),
        *(node_at(part, "service") for part in items_at(node_at(route, "split"), "to")),
    ]
    if text_of(node) is not None and text_of(node) in [text_of(service) for service in answering]:
        hint = "this shows how much its answers differ by themselves; otherwise name another service"
        report(node.span, "W0308", "the service that answers gets every copied request twice", help=hint)
