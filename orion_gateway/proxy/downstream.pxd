cimport cython

from orion_gateway.http1.body cimport Body
from orion_gateway.http1.fields cimport Peer
from orion_gateway.http1.parsed cimport RequestHead
from orion_gateway.http1.request cimport parse_request
from orion_gateway.proxy.client cimport Client
from orion_gateway.proxy.exchange cimport Exchange
from orion_gateway.proxy.keeper cimport Keeper
from orion_gateway.proxy.plane cimport DataPlane


cdef Py_ssize_t _MAX_WAITING
cdef int _MAX_IN_A_ROW


cdef class Downstream(Client):
    cdef public Body body
    cdef public Exchange exchange
    cdef public str peer_name
    cdef public DataPlane plane
    cdef public double since
    cdef bint _at_end
    cdef readonly bytes _buffer
    cdef Py_ssize_t _discarded
    cdef bint _has_served
    cdef bint _is_busy
    cdef bint _is_lingering
    cdef bint _is_named
    cdef bint _is_reading
    cdef Keeper _keeper
    cdef Py_ssize_t _seen
    cdef Py_ssize_t _unwritten

    @cython.locals(exchange=Exchange)
    cpdef bytes connection_field(self)
    cpdef adjust_reading(self)
    cpdef end_exchange(self, double now, bint keep)
    cdef bint _may_begin(self)
    @cython.locals(_=int)
    cdef _advance(self, double now)
    @cython.locals(plane=DataPlane, used=Py_ssize_t)
    cdef bint _begin_next(self, double now) except -1
    cdef _begin(self, RequestHead head, bytes rest, DataPlane plane, double now)
    cdef Exchange _open_exchange(self, RequestHead head, double now)
    cdef _feed(self, Exchange exchange, Body body, bytes data, double now)
