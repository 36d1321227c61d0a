cimport cython

from orion_gateway.balancer.keyed cimport KeyedPolicy, Owner


@cython.final
cdef class Claim:
    cdef readonly Owner owner
    cdef Py_ssize_t _weight
    cdef Py_ssize_t _due
    cdef Py_ssize_t _at
    cdef Py_ssize_t _skip

    @cython.locals(at=Py_ssize_t, size=Py_ssize_t)
    cdef bint take_turn(self, Py_ssize_t turn, Py_ssize_t heaviest, list table) except -1


cdef class Maglev(KeyedPolicy):
    cdef Py_ssize_t _size

    cdef Py_ssize_t _locate(self, Py_hash_t key) except -1


@cython.locals(claim=Claim, left=Py_ssize_t, turn=Py_ssize_t)
cdef _share_out(list claims, Py_ssize_t heaviest, list table)
