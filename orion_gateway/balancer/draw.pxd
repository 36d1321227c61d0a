cimport cython

from orion_gateway.values cimport Endpoint


@cython.final
cdef class Draw:
    cdef readonly list endpoints
    cdef list _shares
    cdef list _others
    cdef bint _is_weighted

    @cython.locals(count=Py_ssize_t, at=Py_ssize_t, place=double, share=double)
    cpdef Endpoint draw(self, object rng)
    @cython.locals(other=Endpoint, count=Py_ssize_t, at=Py_ssize_t)
    cpdef Endpoint draw_another(self, Endpoint one, object rng)
    @cython.locals(endpoint=Endpoint, found=Endpoint, free=cython.longlong, left=cython.longlong)
    cpdef Endpoint draw_free(self, object rng)
