"""Say what a reason means: its status, whose fault it is, its sentence, its name in Proxy-Status, its exceptions.

Pure tables over `values.Reason`; `reply` writes the answers.
"""

from __future__ import annotations

import errno
import socket
import ssl

from orion_gateway.values import Reason

# The statuses that RFC 9209, section 2.3, recommends, and ours by the same logic.
STATUS_OF = {
    Reason.CIRCUIT_OPEN: 503,
    Reason.CONNECTION_LIMIT_REACHED: 503,
    Reason.CONNECTION_READ_TIMEOUT: 504,
    Reason.CONNECTION_REFUSED: 502,
    Reason.CONNECTION_TERMINATED: 502,
    Reason.CONNECTION_TIMEOUT: 504,
    Reason.CONNECTION_WRITE_TIMEOUT: 504,
    Reason.DESTINATION_IP_UNROUTABLE: 502,
    Reason.DESTINATION_NOT_FOUND: 404,
    Reason.DESTINATION_UNAVAILABLE: 503,
    Reason.DNS_ERROR: 502,
    Reason.DRAIN_CUT: 503,
    Reason.FAULT_INJECTED: 503,
    Reason.HTTP_PROTOCOL_ERROR: 502,
    Reason.HTTP_REQUEST_DENIED: 403,
    Reason.HTTP_REQUEST_ERROR: 400,
    Reason.HTTP_RESPONSE_HEADER_SECTION_SIZE: 502,
    Reason.HTTP_RESPONSE_INCOMPLETE: 502,
    Reason.HTTP_RESPONSE_TIMEOUT: 504,
    Reason.HTTP_UPGRADE_FAILED: 502,
    Reason.METHOD_NOT_ALLOWED: 405,
    Reason.PROXY_INTERNAL_ERROR: 500,
    Reason.PROXY_LOOP_DETECTED: 508,
    Reason.QUEUE_FULL: 503,
    Reason.QUEUE_TIMEOUT: 503,
    Reason.REQUEST_TIMEOUT: 408,
    Reason.REQUEST_TOO_LARGE: 413,
    Reason.TLS_CERTIFICATE_ERROR: 502,
    Reason.TLS_PROTOCOL_ERROR: 502,
    Reason.WEBSOCKET_NOT_ENABLED: 403,
}

UPSTREAM_FAULTS = frozenset(
    [
        Reason.CONNECTION_READ_TIMEOUT,
        Reason.CONNECTION_REFUSED,
        Reason.CONNECTION_TERMINATED,
        Reason.CONNECTION_TIMEOUT,
        Reason.CONNECTION_WRITE_TIMEOUT,
        Reason.DESTINATION_IP_UNROUTABLE,
        Reason.DNS_ERROR,
        Reason.HTTP_PROTOCOL_ERROR,
        Reason.HTTP_RESPONSE_HEADER_SECTION_SIZE,
        Reason.HTTP_RESPONSE_INCOMPLETE,
        Reason.HTTP_RESPONSE_TIMEOUT,
        Reason.HTTP_UPGRADE_FAILED,
        Reason.TLS_CERTIFICATE_ERROR,
        Reason.TLS_PROTOCOL_ERROR,
    ]
)
"""What is the service's fault. All else is the client's or the gateway's own: no verdict about an endpoint."""

# Proxy-Status takes registered names only; a reason of ours is said by the nearest of them.
_REGISTERED = {
    Reason.CIRCUIT_OPEN: Reason.DESTINATION_UNAVAILABLE,
    Reason.DRAIN_CUT: Reason.PROXY_INTERNAL_ERROR,
    Reason.FAULT_INJECTED: Reason.PROXY_INTERNAL_ERROR,
    Reason.METHOD_NOT_ALLOWED: Reason.HTTP_REQUEST_DENIED,
    Reason.QUEUE_FULL: Reason.CONNECTION_LIMIT_REACHED,
    Reason.QUEUE_TIMEOUT: Reason.CONNECTION_LIMIT_REACHED,
    Reason.REQUEST_TIMEOUT: Reason.HTTP_REQUEST_ERROR,
    Reason.REQUEST_TOO_LARGE: Reason.HTTP_REQUEST_ERROR,
    Reason.WEBSOCKET_NOT_ENABLED: Reason.HTTP_REQUEST_DENIED,
}

MESSAGE_OF = {
    Reason.CIRCUIT_OPEN: "The service has been failing; it is left alone for a while.",
    Reason.CONNECTION_LIMIT_REACHED: "No further connection can be opened now.",
    Reason.CONNECTION_READ_TIMEOUT: "The service stopped sending its answer.",
    Reason.CONNECTION_REFUSED: "The service refused the connection.",
    Reason.CONNECTION_TERMINATED: "The service closed the connection before it answered.",
    Reason.CONNECTION_TIMEOUT: "The service did not accept a connection in time.",
    Reason.CONNECTION_WRITE_TIMEOUT: "The service stopped reading the request.",
    Reason.DESTINATION_IP_UNROUTABLE: "The service cannot be reached over the network.",
    Reason.DESTINATION_NOT_FOUND: "No route takes this request.",
    Reason.DESTINATION_UNAVAILABLE: "No endpoint of the service can take the request.",
    Reason.DNS_ERROR: "The address of the service could not be resolved.",
    Reason.DRAIN_CUT: "The gateway is shutting down.",
    Reason.FAULT_INJECTED: "This error was made on purpose, by a fault of the route table.",
    Reason.HTTP_PROTOCOL_ERROR: "The service gave an answer that is not valid HTTP.",
    Reason.HTTP_RESPONSE_HEADER_SECTION_SIZE: "The head of the service's answer is too large.",
    Reason.HTTP_RESPONSE_TIMEOUT: "The service did not answer in time.",
    Reason.HTTP_REQUEST_DENIED: "The request is not allowed.",
    Reason.HTTP_REQUEST_ERROR: "The request is not valid HTTP.",
    Reason.HTTP_RESPONSE_INCOMPLETE: "The service broke its answer off.",
    Reason.HTTP_UPGRADE_FAILED: "The service did not complete the upgrade as HTTP asks.",
    Reason.METHOD_NOT_ALLOWED: "This path does not take the method.",
    Reason.PROXY_INTERNAL_ERROR: "The gateway failed.",
    Reason.PROXY_LOOP_DETECTED: "The request has come through this gateway before.",
    Reason.QUEUE_FULL: "The service is busy and its queue is full.",
    Reason.QUEUE_TIMEOUT: "The service is busy and no place became free in time.",
    Reason.REQUEST_TIMEOUT: "The request did not arrive in time.",
    Reason.REQUEST_TOO_LARGE: "The content of the request is larger than this route allows.",
    Reason.TLS_CERTIFICATE_ERROR: "The certificate of the service is not accepted.",
    Reason.TLS_PROTOCOL_ERROR: "The service could not agree on a secure connection.",
    Reason.WEBSOCKET_NOT_ENABLED: "This route does not take WebSockets.",
}


def name_registered(reason: Reason) -> str:
    """Return the RFC 9209 error type that says this reason."""
    return _REGISTERED.get(reason, reason).value


def reason_of_connect_error(error: BaseException) -> Reason:
    """Return why a connection could not be opened."""
    if isinstance(error, socket.gaierror | UnicodeError):  # a name that cannot be encoded is none
        return Reason.DNS_ERROR
    if isinstance(error, ssl.SSLCertVerificationError):
        return Reason.TLS_CERTIFICATE_ERROR
    if isinstance(error, ssl.SSLError):
        return Reason.TLS_PROTOCOL_ERROR
    if isinstance(error, TimeoutError):
        return Reason.CONNECTION_TIMEOUT
    if isinstance(error, OSError):
        if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL):
            return Reason.DESTINATION_IP_UNROUTABLE
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
            return Reason.CONNECTION_LIMIT_REACHED
    return Reason.CONNECTION_REFUSED
