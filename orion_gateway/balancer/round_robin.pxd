cimport cython

from orion_gateway.balancer.heap cimport Heap, Place
from orion_gateway.balancer.policy cimport Policy
from orion_gateway.values cimport Endpoint


cdef Py_ssize_t _FEW
cdef int _PATIENCE


cdef class RoundRobin(Policy):
    cdef list _eligible
    cdef list _current
    cdef Py_ssize_t _next
    cdef bint _is_weighted
    cdef Heap _heap
    cdef dict _places

    cpdef Endpoint pick(self, Py_hash_t key, double now, object rng)
    @cython.locals(eligible=list, endpoint=Endpoint, count=Py_ssize_t, at=Py_ssize_t)
    cdef Endpoint _pick_next(self)
    @cython.locals(
        eligible=list, current=list, endpoint=Endpoint, at=Py_ssize_t, best=Py_ssize_t,
        mine=cython.longlong, most=cython.longlong, total=cython.longlong,
    )
    cdef Endpoint _pick_weighted(self)
    @cython.locals(place=Place, endpoint=Endpoint)
    cdef Endpoint _pick_stride(self)
