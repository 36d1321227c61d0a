cimport cython


@cython.final
cdef class Matched:
    cdef readonly object route
    cdef readonly Py_ssize_t index
    cdef readonly dict params
