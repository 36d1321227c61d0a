cimport cython

from orion_gateway.http1.fields cimport ForwardedRules
from orion_gateway.http1.parsed cimport RequestHead
from orion_gateway.http1.write cimport Writer, begin_writing, write_hex

cdef bytes _NO_SPAN
cdef bytes _NO_TRACE


@cython.final
@cython.freelist(4)
cdef class Identifiers:
    cdef public bytes new_traceparent
    cdef public bytes request_id
    cdef public bytes trace_id


cpdef bint is_request_id(bytes value) except -1
cpdef bint is_traceparent(bytes value) except -1
@cython.locals(trace=bytes, span=bytes, kept=bytes, request_id=bytes, parent=Writer)
cpdef Identifiers choose_identifiers(RequestHead head, ForwardedRules rules, bytes random, bint is_trusted)
@cython.locals(ids=Identifiers)
cdef Identifiers _gather(bytes request_id, bytes trace_id, bytes new_traceparent)
