"""Our readings against those of llhttp and h11; `fuzz` does the same for as many inputs as one likes."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.http1 import fuzz
from tests.http1.differ import EXEMPTIONS, Exemption, check_requests, check_responses, find_disagreements
from tests.http1.messages import make_requests, make_response
from tests.http1.peers import read_requests, read_responses, read_with_h11, read_with_llhttp
from tests.http1.vectors import REQUEST_VECTORS, RESPONSE_VECTORS

# The same examples in every run; `fuzz` is for finding new ones.
EXAMPLES = settings(
    max_examples=400, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
randoms = st.randoms(use_true_random=False)


@EXAMPLES
@given(st.builds(make_requests, randoms))
def test_others_read_our_requests_as_we_do(data: bytes) -> None:
    """Without it, a proxy before or a server behind the gateway could see other requests in the same bytes."""
    assert not list(map(str, check_requests(data)))


@EXAMPLES
@given(st.builds(make_response, randoms), st.sampled_from([b"GET", b"HEAD"]))
def test_others_read_our_responses_as_we_do(data: bytes, method: bytes) -> None:
    """Without it, a client could take one answer for two."""
    assert not list(map(str, check_responses(data, method)))


def test_a_short_run_of_the_fuzzer_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Without it, the long run could be broken and nobody would know."""
    assert fuzz.run(inputs=1500, seed=20) == 0
    assert "0 disagreements" in capsys.readouterr().out


@pytest.mark.parametrize("name", REQUEST_VECTORS)
def test_known_smuggling_requests_are_one_request_or_none(name: str) -> None:
    """Without it, an attack that worked against other servers would work here."""
    data, accepted = REQUEST_VECTORS[name]
    assert [message.target for message in read_requests(data) if message.is_complete] == accepted
    assert not list(map(str, check_requests(data)))


@pytest.mark.parametrize("name", RESPONSE_VECTORS)
def test_known_desynchronising_answers_are_refused_or_one(name: str) -> None:
    """Without it, one client could get the answer to another's request."""
    data, bodies = RESPONSE_VECTORS[name]
    assert [message.body for message in read_responses(data, b"GET") if message.is_complete] == bodies
    assert not list(map(str, check_responses(data, b"GET")))


NEEDED = {
    "llhttp knows no such method": b"BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n",
    "llhttp lets keep-alive win in HTTP/1.0": b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n",
    "h11 refuses an empty line first": b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "h11 closes after HTTP/1.0": b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
}


@pytest.mark.parametrize("exemption", EXEMPTIONS, ids=lambda exemption: exemption.name)
def test_every_exemption_is_still_needed(exemption: Exemption) -> None:
    """Without it, the list could hide a difference that is not there any more, or a new one."""
    data = NEEDED[exemption.name]
    found = list(find_disagreements(read_requests(data), read_with_llhttp(data), read_with_h11(data)))
    assert [(d.peer, d.aspect) for d in found] == [(exemption.peer, exemption.aspect)]
    assert exemption.applies(found[0].ours)
    assert not check_requests(data)
