cimport cython

from orion_gateway.routing.demands cimport Demand
from orion_gateway.routing.found cimport Matched
from orion_gateway.routing.path cimport JudgedPath


@cython.final
cdef class Entry:
    cdef readonly object route
    cdef readonly Py_ssize_t index
    cdef readonly tuple steps
    cdef readonly tuple precedence
    cdef readonly tuple demands
    cdef tuple _params
    cdef object _rest
    cdef Matched _bare

    @cython.locals(demand=Demand)
    cpdef Demand unmet(self, bytes method, JudgedPath path, object request, str listener)
    cpdef objection_to(self, JudgedPath path)
    cpdef Matched take(self, JudgedPath path)


@cython.final
cdef class Node:
    cdef public dict literals
    cdef bytes first
    cdef Node after_first
    cdef public Node param
    cdef public list ending
    cdef public list open

    @cython.locals(segments=list, segment=bytes, following=Node, found=Entry)
    cdef Entry search(self, Py_ssize_t at, bytes method, JudgedPath path, object request, str listener)


@cython.locals(entry=Entry)
cdef Entry first_taking(list entries, bytes method, JudgedPath path, object request, str listener)
