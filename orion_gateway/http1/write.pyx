"""The compiled twin of `write.py`, which says what every function does: copies into memory that is allocated once."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

cdef enum:
    LEAST = 64  # bytes to make room for
    DIGITS = 20  # of the greatest number

cdef const char *_DIGITS = b"0123456789abcdef"


cdef class Writer:
    def __init__(self) -> None:
        self._data = PyBytes_FromStringAndSize(NULL, LEAST)
        self._size = 0

    cdef char *_reserve(self, Py_ssize_t size) except NULL:
        """Count `size` more bytes as written, and return where the caller is to write them."""
        cdef Py_ssize_t written = self._size, wanted = written + size
        cdef bytes wider
        if self._data is None:
            raise ValueError("the writer is used up")
        if wanted > PyBytes_GET_SIZE(self._data):
            wider = PyBytes_FromStringAndSize(NULL, wanted * 2)
            memcpy(PyBytes_AS_STRING(wider), PyBytes_AS_STRING(self._data), written)
            self._data = wider
        self._size = wanted
        return PyBytes_AS_STRING(self._data) + written

    cpdef void put(self, bytes piece) except *:
        if piece is None:
            raise TypeError("bytes are wanted, not None")
        cdef Py_ssize_t size = PyBytes_GET_SIZE(piece)
        memcpy(self._reserve(size), PyBytes_AS_STRING(piece), size)

    cpdef void put_part(self, bytes whole, Py_ssize_t start, Py_ssize_t end) except *:
        if whole is None:
            raise TypeError("bytes are wanted, not None")
        start = max(start, 0)
        end = min(end, PyBytes_GET_SIZE(whole))
        if start < end:
            memcpy(self._reserve(end - start), PyBytes_AS_STRING(whole) + start, end - start)

    cpdef void put_number(self, long long number) except *:
        cdef char digits[DIGITS]
        cdef unsigned long long rest = number
        cdef int first = DIGITS
        if number < 0:
            raise ValueError("a negative number cannot be written")
        while True:
            first -= 1
            digits[first] = c"0" + rest % 10
            rest //= 10
            if not rest:
                break
        memcpy(self._reserve(DIGITS - first), digits + first, DIGITS - first)

    cpdef bytes take(self):
        if self._data is None:
            raise ValueError("the writer is used up")
        cdef bytes data = self._data
        self._data = None
        if self._size == PyBytes_GET_SIZE(data):
            return data
        return PyBytes_FromStringAndSize(PyBytes_AS_STRING(data), self._size)


cpdef Writer begin_writing(Py_ssize_t room):
    writer = <Writer>Writer.__new__(Writer)
    writer._data = PyBytes_FromStringAndSize(NULL, max(room, 2))  # a shorter one would be shared
    return writer


cpdef bytes write_hex(bytes data, Py_ssize_t start, Py_ssize_t end):
    if data is None:
        raise TypeError("bytes are wanted, not None")
    cdef Py_ssize_t place
    start = max(start, 0)
    end = min(end, PyBytes_GET_SIZE(data))
    if start >= end:
        return b""
    cdef const unsigned char *source = <const unsigned char *>PyBytes_AS_STRING(data)
    cdef bytes digits = PyBytes_FromStringAndSize(NULL, 2 * (end - start))
    cdef char *target = PyBytes_AS_STRING(digits)
    for place in range(start, end):
        target[0] = _DIGITS[source[place] >> 4]
        target[1] = _DIGITS[source[place] & 15]
        target += 2
    return digits
