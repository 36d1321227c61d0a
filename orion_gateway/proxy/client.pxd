from orion_gateway.http1.fields cimport Peer


cdef class Client:
    cdef public double blocked_since
    cdef public bint is_closed
    cdef public bint keep_alive
    cdef public Peer peer
    cdef public object transport

    cpdef bytes connection_field(self)
    cpdef adjust_reading(self)
    cpdef end_exchange(self, double now, bint keep)
