"""Connections are counted against the limits, exactly, whoever comes and goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orion_gateway.control.admission import Admission

clients = st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", ""])


@given(st.integers(0, 20), st.none() | st.integers(1, 4), st.lists(st.tuples(st.booleans(), clients), max_size=80))
def test_no_limit_is_exceeded_and_nothing_is_counted_for_ever(
    limit: int, per_client: int | None, events: list[tuple[bool, str]]
) -> None:
    """A client would be shut out for ever after its connections ended, or have more than it may."""
    admission = Admission(limit, per_client)
    open_connections: list[str] = []
    for is_new, client in events:
        if is_new:
            has_all = per_client is not None and client and open_connections.count(client) >= per_client
            assert admission.take(client) is not bool(has_all)
            if not has_all:
                open_connections.append(client)
        elif client in open_connections:
            open_connections.remove(client)
            admission.give_back(client)
        assert admission.total == len(open_connections)
        assert admission.is_full == (len(open_connections) >= limit)
    for client in open_connections:
        admission.give_back(client)
    assert admission.total == 0
    assert admission.take("192.0.2.1"), "somebody is still counted"


def test_accepting_resumes_with_some_room_and_not_at_every_end() -> None:
    """At the limit the gateway would switch accepting on and off with every connection."""
    admission = Admission(100, None)
    for _ in range(100):
        admission.take("192.0.2.1")
    ended = 0
    while not admission.has_room_again:
        admission.give_back("192.0.2.1")
        ended += 1
    assert ended == 5


@pytest.mark.parametrize(("limit", "open_connections", "has_room"), [(1, 1, False), (1, 0, True), (0, 0, False)])
def test_a_limit_of_one_resumes_when_it_is_free_and_of_none_never(
    limit: int, open_connections: int, has_room: bool
) -> None:
    """A worker with the smallest share would never accept again, or one without a share would."""
    admission = Admission(limit, None)
    for _ in range(open_connections):
        admission.take("192.0.2.1")
    assert admission.has_room_again is has_room
