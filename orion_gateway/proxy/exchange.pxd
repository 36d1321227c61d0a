cimport cython

from orion_gateway.breaker.gate cimport Gate
from orion_gateway.http1.identifiers cimport Identifiers, choose_identifiers
from orion_gateway.http1.parsed cimport RequestHead, ResponseHead
from orion_gateway.http1.render cimport render_request, render_response
from orion_gateway.proxy.chain cimport Chain
from orion_gateway.proxy.downstream cimport Downstream
from orion_gateway.proxy.plane cimport DataPlane, LiveRoute
from orion_gateway.proxy.relay cimport Relay, write_pieces
from orion_gateway.proxy.upstream cimport ServicePool, UpstreamConnection
from orion_gateway.values cimport Endpoint, Outcome


cdef object _NO_BODY
cdef object _FILTERING
cdef object _REFUSED
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


cdef class Exchange(Relay):
    cdef public Chain chain
    cdef public long long epoch
    cdef public object params
    cdef public long long permit
    cdef public DataPlane plane
    cdef public ServicePool pool
    cdef public object queue_timeout
    cdef public Py_ssize_t ran
    cdef public int refreshed
    cdef public object retries
    cdef public LiveRoute route
    cdef public bytes target
    cdef public object upstream_timeouts
    cdef double _attempt_started
    cdef bytes _bound
    cdef bint _has_interim
    cdef bint _has_passed
    cdef bint _is_bare
    cdef bint _is_reusable
    cdef bytes _last_trailers
    cdef bint _place_returned
    cdef object _reason
    cdef bint _repeated
    cdef ResponseHead _response
    cdef double _sent_at
    cdef ResponseHead _shown
    cdef dict _state
    cdef object _verdict
    cdef list _whole

    cpdef Identifiers identify(self)
    cpdef start(self, ServicePool pool, bytes target)
    @cython.locals(gate=Gate)
    cdef _turn_to(self, ServicePool pool, double now)
    cdef bint _enter(self, Gate gate, double now) except -1
    cdef _fall_back(self, double now)
    cdef _begin_attempts(self, ServicePool pool, double now)
    cpdef bint has_started(self) except -1
    cpdef pass_response(self, double now)
    cdef _send_head(self, double now)
    cdef _end_content(self)
    cpdef proceed(self, double now)
    cpdef dispatch(self, double now)
    cdef _forget_answer(self)
    cdef _answer(self, int status, bytes content, object headers, object verdict, object reason, double now)
    cdef _pass_local(self, double now)
    cdef _write_whole(self, double now)
    cdef bytes _own_lines(self)
    cpdef abandon(self, double now)
    cpdef bytes render_head(self, Endpoint endpoint, double now)
    cpdef bint can_replay(self) except -1
    cpdef double remaining(self, double now) except? -1
    cdef bint _repeats_instead(self, ResponseHead head, double now) except -1
    cdef bytes _bind_client(self)
    cdef bytes _find_client(self)
    cdef _tell_circuit(self, object verdict, double now)
    cdef _give_place_back(self, object verdict, object reason, double now, bint sent=*, int status=*)
    cdef bint _can_drain(self)
    cdef _end_answer(self, object verdict, object reason, double now)
    cdef _finish(self, object verdict, object reason, double now)

