"""Edits of field sections: their order, and values out of the request."""

from __future__ import annotations

import pytest

from orion_gateway.filters.header_edits import HeaderRules, RequestHeaders, ResponseHeaders
from tests.filters.exchanges import Passing, Worker, fields_of, read_request, read_response


def edit(rules: HeaderRules, *lines: str) -> dict[str, list[str]]:
    """Return the fields of a request after the edits."""
    exchange = Passing(read_request("/", *lines))
    RequestHeaders(rules, Worker()).on_request(exchange)
    return fields_of(exchange.request, "X-A", "X-B", "X-C")


@pytest.mark.parametrize(
    ("rules", "fields"),
    [
        (HeaderRules(), {"X-A": ["1", "2"], "X-B": ["b"]}),
        (HeaderRules(remove=("x-A",)), {"X-B": ["b"]}),
        (HeaderRules(set=(("X-A", "n"),)), {"X-A": ["n"], "X-B": ["b"]}),
        (HeaderRules(add=(("X-A", "n"),)), {"X-A": ["1", "2", "n"], "X-B": ["b"]}),
        (HeaderRules(set=(("X-A", "s"),), add=(("X-A", "n"),), remove=("X-A", "X-B")), {"X-A": ["s", "n"]}),
        (HeaderRules(set=(("X-C", "${request.header.X-B}"),)), {"X-A": ["1", "2"], "X-B": ["b"], "X-C": ["b"]}),
        (HeaderRules(set=(("X-A", ""),)), {"X-A": [""], "X-B": ["b"]}),
    ],
)
def test_edits_are_made_in_the_order_remove_set_add(rules: HeaderRules, fields: dict[str, list[str]]) -> None:
    """What the table sets would be removed again, or stand beside what the client said."""
    assert edit(rules, "X-A: 1", "x-a: 2", "X-B: b") == fields


def test_a_field_whose_value_would_be_nothing_is_not_written() -> None:
    """A service would take an empty X-User for a user; what the client said under the name must go all the same."""
    rules = HeaderRules(set=(("X-A", "${request.header.X-User}"),), add=(("X-B", "${request.cookie.none}"),))
    assert edit(rules, "X-A: forged") == {}


def test_responses_are_edited_with_values_of_the_request() -> None:
    """A page could not be told which of its requests an answer belongs to."""
    exchange = Passing(read_request("/x"), read_response("Server: s", "X-A: 1"))
    rules = HeaderRules(set=(("X-A", "${request.path}"),), remove=("Server",))
    ResponseHeaders(rules, Worker()).on_response(exchange)
    assert exchange.response is not None
    assert fields_of(exchange.response, "X-A", "Server") == {"X-A": ["/x"]}
