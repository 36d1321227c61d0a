cimport cython


@cython.final
@cython.freelist(4)
cdef class Writer:
    cdef bytes _data  # nobody else knows it before `take`
    cdef Py_ssize_t _size  # how many of its bytes are written

    cdef char *_reserve(self, Py_ssize_t size) except NULL
    cpdef void put(self, bytes piece) except *
    cpdef void put_part(self, bytes whole, Py_ssize_t start, Py_ssize_t end) except *
    cpdef void put_number(self, long long number) except *
    cpdef bytes take(self)


cpdef Writer begin_writing(Py_ssize_t room)
cpdef bytes write_hex(bytes data, Py_ssize_t start, Py_ssize_t end)
