cimport cython

from orion_gateway.http1.scan cimport scan_size

cdef object _CHUNK_END
cdef object _SIZE
cdef object _TRAILER


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
    cdef long long _remaining
    cdef object _removed
    cdef Py_ssize_t _trailer_room

    @cython.locals(pieces=list, position=Py_ssize_t, size=Py_ssize_t, end=Py_ssize_t, plain=tuple)
    cpdef tuple feed(self, bytes data)
    @cython.locals(bound=Py_ssize_t, stop=Py_ssize_t, end=Py_ssize_t, line=bytes, plain=tuple)
    cdef Py_ssize_t _read_line(self, bytes data, Py_ssize_t position) except -1
    cdef void _take_size(self, bytes line) except *
    cdef void _begin_chunk(self, long long size) except *
    cdef void _take_trailer(self, bytes line) except *


@cython.locals(size=Py_ssize_t)
cpdef list encode_chunk(object pieces)
cpdef bytes encode_last_chunk(bytes trailers=*)
