cimport cython

from orion_gateway.balancer.draw cimport Draw
from orion_gateway.balancer.policy cimport Policy
from orion_gateway.values cimport Endpoint, Outcome


cdef double _TAU
cdef double _START
cdef double _LEAST
cdef double _MOST
cdef double _PENALTY
cdef Py_ssize_t _FEW
cdef int _PATIENCE
cdef object _SUCCEEDED
cdef object _FAILED


@cython.final
cdef class Gauge:
    cdef readonly Endpoint endpoint
    cdef public double average
    cdef public double at

    cdef double read(self, double now)
    cdef take(self, double sample, double now)
    cdef double score(self, double now)


cdef class PeakEwma(Policy):
    cdef list _gauges
    cdef dict _by_endpoint
    cdef Draw _draw
    cdef Py_ssize_t _start

    cpdef Endpoint pick(self, Py_hash_t key, double now, object rng)
    @cython.locals(gauge=Gauge, sample=double)
    cpdef observe(self, Endpoint endpoint, Outcome outcome, double now)
    @cython.locals(gauge=Gauge)
    cpdef object score(self, Endpoint endpoint, double now)
    @cython.locals(
        gauges=list, gauge=Gauge, endpoint=Endpoint, best=Endpoint, count=Py_ssize_t, at=Py_ssize_t,
        is_full=cython.bint, is_best_full=cython.bint, score=double, least=double,
    )
    cdef Endpoint _walk(self, double now)
    @cython.locals(one=Endpoint, other=Endpoint, gauge=Gauge, rival=Gauge)
    cdef Endpoint _draw_two(self, double now, object rng)


@cython.locals(base=double)
cdef double _decay(double seconds)
