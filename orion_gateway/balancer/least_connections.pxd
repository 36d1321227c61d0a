cimport cython

from orion_gateway.balancer.heap cimport Heap, Place
from orion_gateway.balancer.policy cimport Policy
from orion_gateway.values cimport Endpoint, Outcome


cdef Py_ssize_t _FEW
cdef int _PATIENCE
cdef double _ASIDE


cdef class LeastConnections(Policy):
    cdef list _eligible
    cdef Py_ssize_t _start
    cdef Heap _heap
    cdef dict _places

    cpdef Endpoint pick(self, Py_hash_t key, double now, object rng)
    @cython.locals(place=Place)
    cpdef observe(self, Endpoint endpoint, Outcome outcome, double now)
    cpdef object score(self, Endpoint endpoint, double now)
    @cython.locals(eligible=list, endpoint=Endpoint, best=Endpoint, count=Py_ssize_t, at=Py_ssize_t)
    cdef Endpoint _walk(self)
    @cython.locals(place=Place, endpoint=Endpoint, found=Endpoint, aside=list, load=double, left=int)
    cdef Endpoint _search(self)


cdef double _load_of(Endpoint endpoint)
@cython.locals(is_full=cython.bint)
cdef bint _is_better(Endpoint one, Endpoint other)
