cimport cython

from orion_gateway.routing.path cimport JudgedPath
from orion_gateway.routing.tree cimport Entry, Node


@cython.final
cdef class RouteTable:
    cdef readonly tuple routes
    cdef readonly tuple entries
    cdef readonly tuple trees
    cdef tuple _anywhere
    cdef dict _exact
    cdef dict _wildcard

    @cython.locals(tree=Node, entry=Entry)
    cpdef find(self, bytes method, bytes host, JudgedPath path, object request, str listener)
    @cython.locals(tree=Node, entry=Entry)
    cdef bint _leads_elsewhere(
        self, Entry found, bytes method, bytes host, JudgedPath path, object request, str listener
    ) except -1
    @cython.locals(trees=tuple)
    cpdef tuple trees_for(self, bytes host)
