cimport cython

from orion_gateway.balancer.policy cimport Policy
from orion_gateway.values cimport Endpoint, Outcome


cdef Py_ssize_t _PATIENCE
cdef object _HALF


@cython.final
cdef class Owner:
    cdef readonly Endpoint endpoint
    cdef public bint is_in
    cdef public long long seen


cdef class KeyedPolicy(Policy):
    cdef list _members
    cdef list _places
    cdef dict _known
    cdef double _factor
    cdef double _weight
    cdef long long _load
    cdef Owner _last

    @cython.locals(owner=Owner)
    cpdef Endpoint pick(self, Py_hash_t key, double now, object rng)
    @cython.locals(owner=Owner)
    cpdef observe(self, Endpoint endpoint, Outcome outcome, double now)
    cdef Py_ssize_t _locate(self, Py_hash_t key) except -1
    @cython.locals(owner=Owner, places=list, count=Py_ssize_t)
    cdef Owner _follow(self, Py_ssize_t at)
    @cython.locals(owner=Owner, best=Owner, one=Endpoint, other=Endpoint, members=list, count=Py_ssize_t)
    cdef Owner _walk(self, Py_ssize_t at)
    @cython.locals(endpoint=Endpoint)
    cdef bint _is_open(self, Owner owner) except -1
    @cython.locals(count=cython.longlong)
    cdef _recount(self, Owner owner)
