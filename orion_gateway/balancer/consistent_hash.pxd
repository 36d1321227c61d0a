cimport cython

from orion_gateway.balancer.hashing cimport scale
from orion_gateway.balancer.keyed cimport KeyedPolicy, Owner


cdef double _POINTS
cdef double _MOST


cdef class ConsistentHash(KeyedPolicy):
    cdef list _points
    cdef list _starts

    @cython.locals(at=Py_ssize_t, count=Py_ssize_t, points=list, value=double, point=double)
    cdef Py_ssize_t _locate(self, Py_hash_t key) except -1


@cython.locals(starts=list, parts=Py_ssize_t, at=Py_ssize_t, part=Py_ssize_t, next_part=Py_ssize_t, point=double)
cdef list _list_starts(list points)
