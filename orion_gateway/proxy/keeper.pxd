from orion_gateway.proxy.plane cimport DataPlane


cdef class Keeper:
    cdef public bint is_draining
    cdef public str listener
    cdef public DataPlane plane
    cdef public int port
