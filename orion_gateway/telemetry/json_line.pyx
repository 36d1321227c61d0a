"""Format one finished exchange as a line of flat JSON: the bytes of `json_line.py`, written into one buffer.

Every value is bounded (`text`), so a line never outgrows its buffer: 8 short values, 2 long ones, 8 numbers and the
names of the fields are about 4 KiB.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.math cimport llrint
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, strlen

from orion_gateway.http1.identifiers cimport Identifiers
from orion_gateway.http1.parsed cimport RequestHead
from orion_gateway.telemetry.finished cimport Finished
from orion_gateway.values cimport Endpoint

from orion_gateway.telemetry import text
from orion_gateway.values import Reason

cdef enum:
    BUFFER = 8192
    LONG = 640
    SHORT = 300
    KEPT_NAMES = 16384

assert (text.LONG, text.SHORT) == (LONG, SHORT)

cdef dict _REASONS = {None: b"", **{reason: reason.value.encode() for reason in Reason}}
cdef dict _names = {}
cdef object _quote = text.quote
cdef object _quote_name = text.quote_name
cdef object _stamp = text.stamp

cdef long long _second = -1
cdef bytes _second_text = b""

cdef const uint64_t ONES = 0x0101010101010101
cdef const uint64_t SPACES = 0x2020202020202020


cpdef bytes format_json(Finished finished, str route, str service, double duration, object reason, double now):
    """Return a line of flat JSON: durations in milliseconds, sizes in bytes."""
    cdef char[BUFFER] buffer
    cdef char* at = buffer
    cdef RequestHead head = finished.head
    cdef Endpoint endpoint = finished.endpoint
    cdef Identifiers ids = finished.ids
    cdef long long whole = llrint(duration * 1e6)
    cdef long long upstream = llrint(finished.upstream_duration * 1e6)

    at = _put_stamp(_put_text(at, b'{"ts":"'), now)
    at = _put_quoted(_put_text(at, b'","id":'), ids.request_id, SHORT)
    at = _put_quoted(_put_text(at, b',"trace":'), ids.trace_id, SHORT)
    at = _put_quoted(_put_text(at, b',"client":'), finished.client, SHORT)
    at = _put_quoted(_put_text(at, b',"method":'), finished.method, SHORT)
    at = _put_quoted(_put_text(at, b',"host":'), head.host, LONG)
    at = _put_quoted(_put_text(at, b',"path":'), head.path, LONG)
    at = _put_number(_put_text(at, b',"status":'), finished.status)
    at = _put_name(_put_text(at, b',"route":'), route)
    at = _put_name(_put_text(at, b',"service":'), service)
    at = _put_name(_put_text(at, b',"endpoint":'), "" if endpoint is None else endpoint.url)
    at = _put_number(_put_text(at, b',"attempts":'), finished.attempts)
    at = _put_milliseconds(_put_text(at, b',"dur_ms":'), whole)
    at = _put_milliseconds(_put_text(at, b',"up_ms":'), upstream)
    at = _put_milliseconds(_put_text(at, b',"overhead_ms":'), whole - upstream)
    at = _put_number(_put_text(at, b',"bytes_in":'), PyBytes_GET_SIZE(head.raw) + finished.request_bytes)
    at = _put_number(_put_text(at, b',"bytes_out":'), finished.bytes_out)
    at = _put(_put_text(at, b',"reason":"'), b"" if reason is None else <bytes?>_REASONS[reason])
    at = _put_text(at, b'"')
    if finished.notes:
        at = _put_quoted(_put_text(at, b',"notes":'), finished.notes.encode(), SHORT)
    at = _put_text(at, b'}\n')
    return PyBytes_FromStringAndSize(buffer, at - buffer)


cdef inline char* _put_text(char* at, const char* text) noexcept:
    cdef size_t size = strlen(text)  # known when it is compiled
    memcpy(at, text, size)
    return at + size


cdef inline char* _put(char* at, bytes value) noexcept:
    cdef Py_ssize_t size = PyBytes_GET_SIZE(value)
    memcpy(at, PyBytes_AS_STRING(value), size)
    return at + size


cdef char* _put_quoted(char* at, bytes value, Py_ssize_t longest) except NULL:
    """Copy a value between quotes; what needs an escape or a cut is written again."""
    if value is None:
        raise TypeError("a value of a line is missing")
    cdef Py_ssize_t size = PyBytes_GET_SIZE(value)
    if size <= longest and _is_plain(PyBytes_AS_STRING(value), size):
        at[0] = c'"'
        at = _put(at + 1, value)
        at[0] = c'"'
        return at + 1
    return _put(at, <bytes?>_quote(value, longest))


cdef bint _is_plain(const char* text, Py_ssize_t size) noexcept:
    """Say whether a value needs no escape; eight bytes at a time, for it looks at a quarter of every line."""
    cdef uint64_t word = 0
    while size >= 8:
        memcpy(&word, text, 8)
        if _has_special(word):
            return False
        text += 8
        size -= 8
    word = SPACES
    memcpy(&word, text, size)
    return not _has_special(word)


cdef inline bint _has_special(uint64_t word) noexcept:
    """Say whether one of eight bytes is a control, `"`, `\\` or no ASCII.

    Subtracting carries into the top bit of a byte that is too small. It may also reach the byte above that one, which
    changes nothing: the answer was yes already.
    """
    cdef uint64_t quotes = word ^ (ONES * c'"'), backslashes = word ^ (ONES * c'\\')
    cdef uint64_t controls = (word - SPACES) | (word + ONES)  # below the space, and 0x7F
    return ((word | controls | (quotes - ONES) | (backslashes - ONES)) & (ONES * 0x80)) != 0


cdef char* _put_name(char* at, str name) except NULL:
    quoted = _names.get(name)
    if quoted is None:
        quoted = _quote_name(name)
        if len(_names) >= KEPT_NAMES:
            _names.clear()
        _names[name] = quoted
    return _put(at, <bytes?>quoted)


cdef char* _put_number(char* at, long long number) noexcept:
    cdef char[20] digits
    cdef int size = 0
    cdef unsigned long long left = <unsigned long long>number
    if number < 0:
        at[0] = c'-'
        at += 1
        left = 0 - left
    while True:
        digits[size] = <char>(c'0' + left % 10)
        left //= 10
        size += 1
        if left == 0:
            break
    while size > 0:
        size -= 1
        at[0] = digits[size]
        at += 1
    return at


cdef inline char* _put_thousandths(char* at, int thousandths) noexcept:
    at[0] = c'.'
    at[1] = <char>(c'0' + thousandths // 100)
    at[2] = <char>(c'0' + thousandths // 10 % 10)
    at[3] = <char>(c'0' + thousandths % 10)
    return at + 4


cdef char* _put_milliseconds(char* at, long long microseconds) noexcept:
    if microseconds < 0:
        at[0] = c'-'
        at += 1
        microseconds = -microseconds
    return _put_thousandths(_put_number(at, microseconds // 1000), <int>(microseconds % 1000))


cdef char* _put_stamp(char* at, double now) except NULL:
    """Write RFC 3339 in UTC with milliseconds; the part down to the second is kept for its second."""
    global _second, _second_text
    cdef long long whole = <long long>now
    if whole != _second:
        _second_text = (<bytes?>_stamp(<double>whole))[:-5]
        _second = whole
    at = _put_thousandths(_put(at, _second_text), <int>((now - whole) * 1000))
    at[0] = c'Z'
    return at + 1
