cimport cython


@cython.final
@cython.freelist(4)
cdef class Writer:
    cdef bytes _data  # nobody else knows it before `take`
    cdef char *_at  # where in it the next byte goes
    cdef char *_end

    cdef void _copy(self, const char *piece, Py_ssize_t size) except *
    cdef void _widen(self, Py_ssize_t size) except *
    cdef void _use(self, bytes data, Py_ssize_t written) noexcept
    cpdef void put(self, bytes piece) except *
    cpdef void put_part(self, bytes whole, Py_ssize_t start, Py_ssize_t end) except *
    cpdef void put_number(self, long long number) except *
    cpdef bytes take(self)


cpdef Writer begin_writing(Py_ssize_t room)
cpdef bytes write_hex(bytes data, Py_ssize_t start, Py_ssize_t end)
