cimport cython
from orion_gateway.http1.body cimport Body, ChunkedBody, LengthBody, NoBody, UntilCloseBody
from orion_gateway.http1.scan cimport Line, find_line, find_lines

cdef object _CHUNKED
cdef object _LENGTH
cdef object _NONE
cdef object _UNTIL_CLOSE


@cython.final
cdef class HeadLimits:
    cdef readonly Py_ssize_t fields
    cdef readonly Py_ssize_t request_line
    cdef readonly Py_ssize_t section
    cdef readonly str underscores


cdef class Head:
    cdef public tuple added
    cdef public bytes connection
    cdef public long long content_length
    cdef public list cuts
    cdef public Py_ssize_t fields_start
    cdef public object framing
    cdef public bint has_odd_names
    cdef public bint is_keep_alive
    cdef public int minor
    cdef public bytes raw
    cdef public bytes upgrade

    cdef void _begin(self, bytes raw, Py_ssize_t fields_start, int minor) noexcept
    cpdef list fields(self)
    cpdef list lines(self, bytes name)
    cpdef bytes value_at(self, Line line)
    cpdef list values(self, bytes name)
    cpdef list field_values(self, bytes name)
    cpdef bytes first(self, bytes name)
    cpdef void remove(self, bytes name) except *
    cpdef void add(self, bytes name, bytes value) except *
    cpdef void set(self, bytes name, bytes value) except *
    cdef void _remove_spellings(self, bytes name) except *
    @cython.locals(cut=Line)
    cdef bint _is_cut(self, Line line) except -1


@cython.locals(size=Py_ssize_t, place=Py_ssize_t, byte=int)
cdef bint _is_named(bytes line, bytes name) except -1


@cython.final
cdef class RequestHead(Head):
    cdef public dict claims
    cdef public bint expects_continue
    cdef public bint has_tracestate
    cdef public bytes host
    cdef public long long max_forwards
    cdef public bytes method
    cdef public bytes path
    cdef public bytes query
    cdef public bytes request_id
    cdef public bytes target
    cdef public bytes traceparent
    cdef public bint trailers
    cdef public bytes via

    cdef void begin(self, bytes raw, Py_ssize_t fields_start, int minor, bytes method, bytes target) except *
    cpdef bint is_websocket(self) except -1
    cpdef Body body(self, Py_ssize_t max_trailers)


@cython.final
cdef class ResponseHead(Head):
    cdef public bint has_date
    cdef public bint has_request_id
    cdef public object keep_alive_timeout
    cdef public bytes reason
    cdef public int status

    cdef void begin(self, bytes raw, Py_ssize_t fields_start, int minor, int status, bytes reason) except *
    cpdef bint is_websocket(self) except -1
    cpdef Body body(self, Py_ssize_t max_trailers)


cpdef list split_list(bytes value)
