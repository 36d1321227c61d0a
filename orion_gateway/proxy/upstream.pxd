cimport cython

from orion_gateway.balancer.policy cimport Policy
from orion_gateway.http1.body cimport Body
from orion_gateway.http1.parsed cimport ResponseHead
from orion_gateway.http1.response cimport parse_response
from orion_gateway.proxy.attempt cimport Attempt
from orion_gateway.telemetry.metrics cimport ServiceMetrics
from orion_gateway.values cimport Endpoint, Outcome


cdef int _MAX_INTERIM


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
    cdef int _interim
    cdef object _limits
    cdef Py_ssize_t _seen
    cdef bytes _unparsed

    cpdef begin(self, Attempt attempt, double now)
    cpdef release(self, double now, bint is_clean)
    @cython.locals(head=ResponseHead, used=Py_ssize_t)
    cdef _read_head(self, Attempt attempt, bytes data, double now)
    cdef _take_head(self, Attempt attempt, ResponseHead head, bytes data, double now)
    cdef _read_body(self, Attempt attempt, Body body, bytes data, double now)


cdef class ServicePool:
    cdef public object service
    cdef public object queue_timeout
    cdef public Py_ssize_t max_trailers
    cdef Py_ssize_t _max_idle
    cdef ServiceMetrics _metrics
    cdef public Policy policy
    cdef object _limits
    cdef object _rng
    cdef readonly dict _idle
    cdef readonly set _open
    cdef dict _opening
    cdef object _queue
    cdef Py_ssize_t _queue_capacity

    cpdef acquire(self, Attempt attempt, double now)
    cpdef finish(self, Endpoint endpoint, Outcome outcome, double now)
    cpdef take_back(self, UpstreamConnection connection, double now, bint is_clean)
    cdef _connect(self, Attempt attempt, Endpoint endpoint, double now)


cdef bint _is_fresh(UpstreamConnection connection, double now)
