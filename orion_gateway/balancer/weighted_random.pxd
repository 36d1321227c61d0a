cimport cython

from orion_gateway.balancer.draw cimport Draw
from orion_gateway.balancer.policy cimport Policy
from orion_gateway.values cimport Endpoint


cdef int _PATIENCE


cdef class WeightedRandom(Policy):
    cdef Draw _draw

    @cython.locals(drawn=Endpoint, free=Endpoint)
    cpdef Endpoint pick(self, Py_hash_t key, double now, object rng)
