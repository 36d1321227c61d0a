cimport cython

from orion_gateway.balancer.policy cimport Policy
from orion_gateway.values cimport Endpoint


cdef class LeastConnections(Policy):
    cdef list _eligible
    cdef Py_ssize_t _start

    cpdef update(self, object eligible)
    @cython.locals(eligible=list, endpoint=Endpoint, best=Endpoint, count=Py_ssize_t, at=Py_ssize_t)
    cpdef Endpoint pick(self, Py_hash_t key, double now, object rng)


@cython.locals(is_full=cython.bint)
cdef bint _is_better(Endpoint one, Endpoint other)
