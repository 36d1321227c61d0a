cimport cython

from orion_gateway.http1.parsed cimport RequestHead
from orion_gateway.proxy.chain cimport Chain, walk
from orion_gateway.proxy.exchange cimport Exchange
from orion_gateway.proxy.plane cimport DataPlane, LiveRoute
from orion_gateway.proxy.upstream cimport ServicePool
from orion_gateway.routing.found cimport Matched
from orion_gateway.routing.path cimport JudgedPath, judge_path


@cython.locals(live=LiveRoute, head=RequestHead, chain=Chain)
cpdef begin(Exchange exchange, DataPlane plane, str listener)
@cython.locals(chain=Chain)
cpdef proceed(Exchange exchange, double now)
@cython.locals(live=LiveRoute, head=RequestHead, pool=ServicePool)
cpdef dispatch(Exchange exchange, double now)
cdef bint _answers_preflight(Exchange exchange, DataPlane plane, JudgedPath path, str listener, double now) except -1
@cython.locals(path=JudgedPath, matched=Matched)
cdef LiveRoute _find_route(Exchange exchange, DataPlane plane, str listener, double now)
cdef bint _ends_here(Exchange exchange, LiveRoute live, double now) except -1
cdef bint _accepts_websocket(Exchange exchange, LiveRoute live, double now) except -1
