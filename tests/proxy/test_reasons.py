"""What an exception while connecting means."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from orion_gateway.proxy.reasons import UPSTREAM_FAULTS, reason_of_connect_error
from orion_gateway.values import Reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), Reason.CONNECTION_REFUSED),
        (FileNotFoundError(errno.ENOENT, "no such socket"), Reason.CONNECTION_REFUSED),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), Reason.DNS_ERROR),
        (UnicodeError("label too long"), Reason.DNS_ERROR),
        (TimeoutError(errno.ETIMEDOUT, "timed out"), Reason.CONNECTION_TIMEOUT),
        (OSError(errno.EHOSTUNREACH, "no route"), Reason.DESTINATION_IP_UNROUTABLE),
        (OSError(errno.ENETUNREACH, "no network"), Reason.DESTINATION_IP_UNROUTABLE),
        (OSError(errno.EADDRNOTAVAIL, "no port left"), Reason.DESTINATION_IP_UNROUTABLE),
        (OSError(errno.EMFILE, "too many"), Reason.CONNECTION_LIMIT_REACHED),
        (ssl.SSLCertVerificationError("expired"), Reason.TLS_CERTIFICATE_ERROR),
        (ssl.SSLError("wrong version"), Reason.TLS_PROTOCOL_ERROR),
    ],
)
def test_each_failure_has_its_reason(error: Exception, reason: Reason) -> None:
    """The reason is what somebody on call reads first."""
    assert reason_of_connect_error(error) is reason


def test_what_clients_do_is_no_fault_of_a_service() -> None:
    """Else slow clients could eject an endpoint or open a circuit."""
    innocent = {Reason.CLIENT_GONE, Reason.CLIENT_WRITE_TIMEOUT, Reason.REQUEST_TIMEOUT, Reason.REQUEST_TOO_LARGE}
    ours = {Reason.QUEUE_FULL, Reason.QUEUE_TIMEOUT, Reason.DRAIN_CUT, Reason.CONNECTION_LIMIT_REACHED}
    assert not UPSTREAM_FAULTS & (innocent | ours)
