cdef class AccessLog:
    cdef object _format
    cdef dict _sample
    cdef bint _samples_all
    cdef double _min_duration
    cdef object _rng
    cdef list _lines
    cdef Py_ssize_t _size
    cdef object _writer
    cdef Py_ssize_t _batch

    cpdef write(self, object finished, str route, str service, double duration, object reason)
    cpdef flush(self)
