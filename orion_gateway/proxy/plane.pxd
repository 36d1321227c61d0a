cimport cython

from orion_gateway.http1.parsed cimport RequestHead
from orion_gateway.proxy.chain cimport Chain
from orion_gateway.proxy.exchange cimport Exchange
from orion_gateway.proxy.upstream cimport ServicePool
from orion_gateway.routing.table cimport RouteTable
from orion_gateway.telemetry.access_log cimport AccessLog
from orion_gateway.telemetry.metrics cimport RouteMetrics


cdef class LiveRoute:
    cdef public object answer
    cdef public object binding
    cdef public Chain chain
    cdef public object body_limit
    cdef public RouteMetrics metrics
    cdef public str name
    cdef public object latency
    cdef public ServicePool pool
    cdef public object retries
    cdef public object rewriter
    cdef public object route
    cdef public bint sends_endpoint_host
    cdef public str service
    cdef public object splitter
    cdef public tuple targets
    cdef public object timeouts


cdef class DataPlane:
    cdef public RouteTable table
    cdef public object settings
    cdef public object head_limits
    cdef public Py_ssize_t max_trailers
    cdef public object client_timeouts
    cdef public object forwarded
    cdef public bint says_request_id
    cdef public bint shows_ids
    cdef public dict peers
    cdef public bytes pseudonym
    cdef public AccessLog access_log
    cdef object _rng
    cdef bytes _random
    cdef Py_ssize_t _random_used
    cdef public dict service_metrics
    cdef public dict applications
    cdef public dict pools
    cdef public tuple live
    cdef object _filters
    cdef public Chain base
    cdef public bint has_preflights
    cdef LiveRoute _unmatched

    @cython.locals(start=Py_ssize_t)
    cpdef bytes take_random(self)
    cpdef LiveRoute choose_target(self, LiveRoute live, RequestHead head)
    cpdef record(self, Exchange exchange, object reason, double now)
