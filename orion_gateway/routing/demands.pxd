from orion_gateway.routing.path cimport JudgedPath


cdef class Demand:
    cpdef bint holds(self, bytes method, JudgedPath path, object request, str listener) except -1


cdef class PathMatches(Demand):
    cdef readonly str text
    cdef readonly object expression


cdef class MethodIn(Demand):
    cdef readonly frozenset methods
    cdef readonly tuple listed


cdef class ListenerIn(Demand):
    cdef readonly tuple listeners


cdef class HeaderIs(Demand):
    cdef readonly bytes name
    cdef readonly object wanted


cdef class QueryIs(Demand):
    cdef readonly bytes name
    cdef readonly object wanted
