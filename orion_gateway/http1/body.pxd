cdef class Body:
    cdef public bint done

    cpdef tuple feed(self, bytes data)
    cpdef bint end(self) except -1


cdef class NoBody(Body):
    pass


cdef class LengthBody(Body):
    cdef public long long remaining


cdef class UntilCloseBody(Body):
    pass


cdef class ChunkedBody(Body):
    cdef public bytes trailers
    cdef object _due
    cdef Py_ssize_t _extension_room
    cdef bytes _line
    cdef unsigned long long _remaining
    cdef object _removed
    cdef Py_ssize_t _trailer_room

    cdef Py_ssize_t _read_line(self, bytes data, Py_ssize_t position) except -1
    cdef void _take_size(self, bytes line) except *
    cdef void _begin_chunk(self, unsigned long long size) except *
    cdef void _take_trailer(self, bytes line) except *


cpdef list encode_chunk(object pieces)
cpdef bytes encode_last_chunk(bytes trailers=*)
