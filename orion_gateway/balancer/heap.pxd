cimport cython

from orion_gateway.values cimport Endpoint


@cython.final
cdef class Place:
    cdef readonly Endpoint endpoint
    cdef public double key
    cdef long long _turn
    cdef Py_ssize_t _at


@cython.final
cdef class Heap:
    cdef list _places
    cdef long long _turn

    @cython.locals(place=Place)
    cpdef fill(self, object places)
    cpdef Place first(self)
    cpdef move(self, Place place, double key)
    cpdef requeue(self, Place place, double key)
    @cython.locals(places=list, above=Place, at=Py_ssize_t, parent=Py_ssize_t)
    cdef _rise(self, Place place)
    @cython.locals(places=list, below=Place, other=Place, at=Py_ssize_t, child=Py_ssize_t, count=Py_ssize_t)
    cdef _sink(self, Place place)


cdef bint _comes_before(Place one, Place other)
