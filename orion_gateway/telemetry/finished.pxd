from orion_gateway.http1.identifiers cimport Identifiers
from orion_gateway.http1.parsed cimport RequestHead
from orion_gateway.values cimport Endpoint


cdef class Finished:
    cdef public bytes method
    cdef public RequestHead head
    cdef public Identifiers ids
    cdef public bytes client
    cdef public int status
    cdef public bint is_local
    cdef public Endpoint endpoint
    cdef public int attempts
    cdef public double upstream_duration
    cdef public long long request_bytes
    cdef public long long bytes_out
    cdef public str notes
