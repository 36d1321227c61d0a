from orion_gateway.values cimport Endpoint, Outcome


cdef class Policy:
    cpdef Endpoint pick(self, Py_hash_t key, double now, object rng)
    cpdef observe(self, Endpoint endpoint, Outcome outcome, double now)
    cpdef object score(self, Endpoint endpoint, double now)
