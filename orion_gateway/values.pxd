cimport cython


@cython.final
@cython.freelist(16)
cdef class Outcome:
    cdef readonly object verdict
    cdef readonly object reason
    cdef readonly int status
    cdef readonly double duration
    cdef readonly bint sent


@cython.final
cdef class Endpoint:
    cdef readonly str url
    cdef readonly str authority
    cdef readonly str host
    cdef readonly int port
    cdef readonly str path
    cdef readonly bint tls
    cdef readonly str base_path
    cdef readonly int weight
    cdef readonly tuple metadata
    cdef public long long max_in_flight
    cdef public long long in_flight
    cdef public long long cap
    cdef public bint is_suspect
