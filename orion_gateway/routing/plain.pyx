"""Cut a path that needs no closer look into its segments: what `plain.py` says in a regular expression, in one pass."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE

cdef bint[256] _is_plain
cdef int _byte
for _byte in range(256):
    _is_plain[_byte] = 0x21 <= _byte <= 0x7E and _byte not in b"%\\#?/;"


cpdef list split_plain(bytes path):
    """Return what stands between the slashes, None for a path that must be judged closely."""
    if path is None:
        raise TypeError("a path is bytes")
    cdef const unsigned char* text = <const unsigned char*>PyBytes_AS_STRING(path)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(path), start = 1, at
    cdef list segments
    if size == 0 or text[0] != c"/":
        return None
    segments = []
    for at in range(1, size):
        if text[at] == c"/":
            if at == start:
                return None
            segments.append(PyBytes_FromStringAndSize(<const char*>text + start, at - start))
            start = at + 1
        elif not _is_plain[text[at]] or (text[at] == c"." and at == start):
            return None
    segments.append(PyBytes_FromStringAndSize(<const char*>text + start, size - start))
    return segments
