cimport cython

from orion_gateway.breaker.gate cimport Gate
from orion_gateway.http1.identifiers cimport Identifiers, choose_identifiers
from orion_gateway.http1.parsed cimport RequestHead, ResponseHead
from orion_gateway.http1.render cimport render_request, render_response
from orion_gateway.proxy.attempt cimport Attempt
from orion_gateway.proxy.downstream cimport Downstream
from orion_gateway.proxy.plane cimport LiveRoute
from orion_gateway.proxy.upstream cimport ServicePool, UpstreamConnection
from orion_gateway.values cimport Endpoint, Outcome


cdef object _NO_BODY
cdef object _BY_LENGTH
cdef object _CHUNKED
cdef object _UNTIL_CLOSE
cdef object _QUEUED
cdef object _CONNECTING
cdef object _BACKING_OFF
cdef object _WAITING
cdef object _RECEIVING
cdef object _ANSWERED
cdef object _SUCCEEDED
cdef object _FAILED
cdef object _ABANDONED
cdef Py_ssize_t _JOINED
cdef Py_ssize_t _SMALL


cdef class Exchange(Attempt):
    cdef public bint awaits_continue
    cdef public Downstream downstream
    cdef public long long epoch
    cdef public bint expects_upgrade
    cdef public bint is_tunnel
    cdef public object params
    cdef public long long permit
    cdef public object persistence
    cdef public object phase
    cdef public ServicePool pool
    cdef public object queue_timeout
    cdef public int refreshed
    cdef public bint request_done
    cdef public object request_limit
    cdef public double request_progress
    cdef public object retries
    cdef public LiveRoute route
    cdef public double since
    cdef public double started
    cdef public bytes target
    cdef public object tunnel_idle
    cdef public double unread_since
    cdef public double unread_total
    cdef public UpstreamConnection upstream
    cdef public object upstream_timeouts
    cdef double _attempt_started
    cdef bytes _bound
    cdef bint _has_begun
    cdef bint _has_interim
    cdef list _held
    cdef bint _is_chunked_down
    cdef bint _is_chunked_up
    cdef list _outgoing
    cdef bint _place_returned
    cdef bint _repeated
    cdef ResponseHead _response
    cdef double _sent_at
    cdef bytes _trailers

    cpdef Identifiers identify(self)
    cpdef start(self, ServicePool pool, bytes target)
    @cython.locals(gate=Gate)
    cdef _turn_to(self, ServicePool pool, double now)
    cdef bint _enter(self, Gate gate, double now) except -1
    cdef _fall_back(self, double now)
    cdef _begin_attempts(self, ServicePool pool, double now)
    cpdef take_request(self, object pieces, double now)
    cpdef end_request(self, double now, bytes trailers=*)
    cpdef abandon(self, double now)
    cpdef bytes render_head(self, Endpoint endpoint, double now)
    cpdef bint can_replay(self) except -1
    cpdef double remaining(self, double now) except? -1
    cdef bint _repeats_instead(self, ResponseHead head, double now) except -1
    cdef bytes _bind_client(self)
    cdef bytes _find_client(self)
    cdef _tell_circuit(self, object verdict, double now)
    cdef bytes _last_chunk(self)
    cdef _send(self, UpstreamConnection connection, object pieces)
    cdef _flush(self)
    cdef _give_place_back(self, object verdict, object reason, double now, bint sent=*, int status=*)
    cdef bint _can_drain(self)
    cdef _end_answer(self, object verdict, object reason, double now)
    cdef _finish(self, object verdict, object reason, double now)


@cython.locals(size=Py_ssize_t)
cdef _write(object transport, object pieces)
