"""The compiled twin of `write.py`, which says what every function does: copies into memory that is allocated once."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcpy

cdef enum:
    LEAST = 64  # bytes to make room for
    DIGITS = 20  # of the greatest number

cdef const char *_DIGITS = b"0123456789abcdef"


@cython.freelist(4)
cdef class Writer:
    def __init__(self) -> None:
        self._widen(LEAST)

    cdef int _copy(self, const char *piece, Py_ssize_t size) except -1:
        if self._end - self._at < size:
            self._widen(size)
        if size:
            memcpy(self._at, piece, size)
            self._at += size
        return 0

    cdef int _widen(self, Py_ssize_t size) except -1:
        """Move to memory that has room for `size` more bytes, and for as many again as are there."""
        cdef Py_ssize_t written = self._at - PyBytes_AS_STRING(self._data) if self._data is not None else 0
        cdef bytes wider = PyBytes_FromStringAndSize(NULL, (written + max(size, 2)) * 2)  # a shorter one would be shared
        if written:
            memcpy(PyBytes_AS_STRING(wider), PyBytes_AS_STRING(self._data), written)
        self._use(wider, written)
        return 0

    cdef void _use(self, bytes data, Py_ssize_t written) noexcept:
        self._data = data
        self._at = PyBytes_AS_STRING(data) + written
        self._end = PyBytes_AS_STRING(data) + PyBytes_GET_SIZE(data)

    cpdef put(self, bytes piece):
        if piece is None:
            raise TypeError("bytes are wanted, not None")
        self._copy(PyBytes_AS_STRING(piece), PyBytes_GET_SIZE(piece))

    cpdef put_part(self, bytes whole, Py_ssize_t start, Py_ssize_t end):
        if whole is None:
            raise TypeError("bytes are wanted, not None")
        start = max(start, 0)
        end = min(end, PyBytes_GET_SIZE(whole))
        if start < end:
            self._copy(PyBytes_AS_STRING(whole) + start, end - start)

    cpdef put_number(self, long long number):
        cdef char digits[DIGITS]
        cdef unsigned long long rest = number
        cdef int first = DIGITS
        if number < 0:
            raise ValueError("a negative number cannot be written")
        while True:
            first -= 1
            digits[first] = c"0" + <char>(rest % 10)
            rest //= 10
            if not rest:
                break
        self._copy(digits + first, DIGITS - first)

    cpdef bytes take(self):
        cdef bytes data = self._data
        cdef Py_ssize_t size
        if data is None:
            return b""
        size = self._at - PyBytes_AS_STRING(data)
        self._data = None
        self._at = self._end = NULL
        return data if size == PyBytes_GET_SIZE(data) else PyBytes_FromStringAndSize(PyBytes_AS_STRING(data), size)


cpdef Writer begin_writing(Py_ssize_t room):
    writer = <Writer>Writer.__new__(Writer)
    writer._use(PyBytes_FromStringAndSize(NULL, max(room, 2)), 0)
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
