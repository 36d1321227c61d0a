cimport cython

from orion_gateway.balancer.policy cimport Policy
from orion_gateway.balancer.warmup cimport Warmup
from orion_gateway.values cimport Endpoint, Outcome


cdef class Chooser:
    cdef public Policy policy
    cdef readonly bint is_panic
    cdef tuple _endpoints
    cdef list _eligible
    cdef list _why
    cdef object _panic
    cdef dict _tokens
    cdef dict _by_token
    cdef object _rng
    cdef Warmup _warmup
    cdef bint _is_plain

    cpdef Endpoint choose(self, Py_hash_t key, double now, list tried)
    cpdef observe(self, Endpoint endpoint, Outcome outcome, double now)
    cpdef Endpoint find(self, bytes token)
    cpdef bytes token_of(self, Endpoint endpoint)
    @cython.locals(picked=Endpoint, endpoint=Endpoint, has_held=cython.bint)
    cdef Endpoint _choose_around(self, Py_hash_t key, double now, list tried)
    @cython.locals(endpoint=Endpoint)
    cdef _pass_over(self, list tried)


cdef bint _has_room(Endpoint endpoint)
