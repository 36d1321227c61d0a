cimport cython

from orion_gateway.values cimport Endpoint


cdef double _LEAST_SHARE


@cython.final
cdef class Warming:
    cdef readonly Endpoint endpoint
    cdef readonly double since
    cdef public double normal
    cdef public double credit


@cython.final
cdef class Warmup:
    cdef readonly bint is_over
    cdef double _window
    cdef Py_ssize_t _others
    cdef dict _warming

    cpdef double share_of(self, Endpoint endpoint, double now)
    @cython.locals(one=Warming, share=double, has_held=cython.bint, is_any_done=cython.bint)
    cpdef bint hold(self, double now)
    @cython.locals(one=Warming)
    cpdef release(self)
    @cython.locals(one=Warming)
    cpdef charge(self, Endpoint endpoint)
    cdef double _share(self, double since, double now)
