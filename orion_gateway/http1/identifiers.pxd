cimport cython

from orion_gateway.http1.parsed cimport RequestHead


cdef class Identifiers:
    cdef public bytes new_traceparent
    cdef public bytes request_id
    cdef public bytes trace_id


cpdef bint is_request_id(bytes value) except -1
cpdef bint is_traceparent(bytes value) except -1
cpdef Identifiers choose_identifiers(RequestHead head, object rules, bytes random, bint is_trusted)
