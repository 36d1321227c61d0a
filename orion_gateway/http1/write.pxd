cimport cython


@cython.final
cdef class Writer:
    cdef bytes _data  # nobody else knows it before `take`
    cdef char *_at  # where in it the next byte goes
    cdef char *_end

    cdef int _copy(self, const char *piece, Py_ssize_t size) except -1
    cdef int _widen(self, Py_ssize_t size) except -1
    cdef void _use(self, bytes data, Py_ssize_t written) noexcept
    cpdef put(self, bytes piece)
    cpdef put_part(self, bytes whole, Py_ssize_t start, Py_ssize_t end)
    cpdef put_number(self, long long number)
    cpdef bytes take(self)


cpdef Writer begin_writing(Py_ssize_t room)
cpdef bytes write_hex(bytes data, Py_ssize_t start, Py_ssize_t end)
