cimport cython

from orion_gateway.http1.parsed cimport RequestHead, ResponseHead
from orion_gateway.proxy.attempt cimport Attempt
from orion_gateway.proxy.client cimport Client
from orion_gateway.proxy.upstream cimport UpstreamConnection


cdef object _NO_BODY
cdef object _CHUNKED
cdef object _QUEUED
cdef object _WAITING
cdef object _ANSWERED
cdef Py_ssize_t _JOINED
cdef Py_ssize_t _SMALL
cdef Py_ssize_t _HIGH_WATER


cdef class Relay(Attempt):
    cdef public bint awaits_continue
    cdef public Client downstream
    cdef public bint expects_upgrade
    cdef public object filtering
    cdef public bint is_tunnel
    cdef public object persistence
    cdef public object phase
    cdef public bint request_done
    cdef public object request_limit
    cdef public double request_progress
    cdef public double since
    cdef public double started
    cdef public object tunnel_idle
    cdef public double unread_since
    cdef public double unread_total
    cdef public UpstreamConnection upstream
    cdef bint _has_begun
    cdef list _held
    cdef bint _is_chunked_down
    cdef bint _is_chunked_up
    cdef list _outgoing
    cdef public bint owes_request
    cdef bytes _trailers

    cdef void _begin(self, Client downstream, RequestHead head, double now) except *
    cpdef take_request(self, object pieces, double now)
    cpdef send_request(self, object pieces, double now)
    cpdef bint has_content(self) except -1
    cpdef bint has_started(self) except -1
    cpdef end_request(self, double now, bytes trailers=*)
    cpdef complete_request(self, double now)
    cpdef resume_request(self, double now)
    cpdef list take_held(self)
    cpdef reframe_request(self, long long length)
    cpdef emit(self, object pieces)
    cdef bint _begin_tunnel(self, ResponseHead head) except -1
    cdef _open_tunnel(self)
    cdef bytes _last_chunk(self)
    cdef _send(self, UpstreamConnection connection, object pieces)
    cdef _flush(self)
    cdef _take_back_content(self)


@cython.locals(size=Py_ssize_t)
cpdef write_pieces(object transport, object pieces)
