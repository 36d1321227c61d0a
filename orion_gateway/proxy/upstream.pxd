cimport cython

from orion_gateway.balancer.chooser cimport Chooser
from orion_gateway.breaker.gate cimport Gate
from orion_gateway.http1.body cimport Body
from orion_gateway.http1.parsed cimport ResponseHead
from orion_gateway.http1.response cimport parse_response
from orion_gateway.proxy.attempt cimport Attempt
from orion_gateway.proxy.budget cimport RetryBudget
from orion_gateway.telemetry.metrics cimport ServiceMetrics
from orion_gateway.values cimport Endpoint, Outcome


cdef int _MAX_INTERIM
cdef Py_ssize_t _MAX_UNWANTED
cdef object _FAILED
cdef object _SUCCEEDED


cdef class UpstreamConnection:
    cdef public Attempt attempt
    cdef public Body body
    cdef public Endpoint endpoint
    cdef public bint has_extra
    cdef public double idle_limit
    cdef public double idle_since
    cdef public bint is_at_end
    cdef public bint is_reused
    cdef public ServicePool pool
    cdef public object transport
    cdef readonly Py_ssize_t unwanted
    cdef int _interim
    cdef object _limits
    cdef Py_ssize_t _seen
    cdef bytes _unparsed

    cpdef begin(self, Attempt attempt, double now)
    cpdef release(self, double now, bint is_clean)
    @cython.locals(head=ResponseHead, used=Py_ssize_t)
    cdef _read_head(self, Attempt attempt, bytes data, double now)
    @cython.locals(follower=Attempt, body=Body)
    cdef _take_head(self, Attempt attempt, ResponseHead head, bytes data, double now)
    @cython.locals(body=Body)
    cdef _drop(self, bytes data, double now)
    cdef _read_body(self, Attempt attempt, Body body, bytes data, double now)


cdef class ServicePool:
    cdef public object service
    cdef public Chooser chooser
    cdef public RetryBudget budget
    cdef public Gate gate
    cdef public object fallback
    cdef public Attempt asking
    cdef public ServiceMetrics metrics
    cdef public object rng
    cdef public object key_of
    cdef public bytes sticky_cookie
    cdef public object queue_timeout
    cdef public Py_ssize_t max_trailers
    cdef Py_ssize_t _max_idle
    cdef object _limits
    cdef object _tell_attempt
    cdef object _open_transport
    cdef dict _numbers
    cdef readonly dict _idle
    cdef readonly set _open
    cdef dict _opening
    cdef object _queue
    cdef Py_ssize_t _queue_capacity

    @cython.locals(endpoint=Endpoint)
    cpdef acquire(self, Attempt attempt, double now)
    cpdef finish(self, Endpoint endpoint, Outcome outcome, double now)
    cpdef take_back(self, UpstreamConnection connection, double now, bint is_clean)
    cdef _tell(self, Endpoint endpoint, Outcome outcome)
    @cython.locals(attempt=Attempt, free=Endpoint)
    cdef _serve_queue(self, double now)
    cdef _connect(self, Attempt attempt, Endpoint endpoint, double now)


cdef bint _is_fresh(UpstreamConnection connection, double now)
