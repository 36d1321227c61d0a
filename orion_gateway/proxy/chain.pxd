cimport cython


# Exchanges are no type here: they hold a chain, and each would have to be compiled before the other.
cdef class Step:
    cdef object _hook
    cdef object _hook_back
    cdef double _logged
    cdef readonly object affected
    cdef public long long allowed
    cdef readonly bint decides
    cdef readonly bint enforces
    cdef public long long failed
    cdef readonly object filter
    cdef readonly bint has_end
    cdef readonly bint has_request
    cdef readonly bint has_response
    cdef readonly str name
    cdef public long long refused

    cdef object ask(self, object exchange)
    cdef object show(self, object exchange)
    cpdef object result_of(self, object waited, object exchange)
    cpdef object take_verdict(self, object verdict, object exchange)
    cpdef object refusal_of(self, object shown, object exchange)
    cpdef object take_failure(self, object exchange)


cdef class Chain:
    cdef readonly tuple steps
    cdef readonly Py_ssize_t count
    cdef readonly bint has_attempts
    cdef readonly tuple request_needs
    cdef readonly tuple response_needs
    cdef readonly bint takes_request
    cdef readonly bint takes_response
    cdef readonly bint has_end
    cdef readonly object preflight

    @cython.locals(step=Step)
    cdef end(self, object exchange)
    @cython.locals(step=Step)
    cdef edit_attempt(self, object exchange)


@cython.locals(steps=tuple, step=Step)
cpdef bint walk(object exchange, Chain chain, Py_ssize_t at, double now) except -1
@cython.locals(steps=tuple, step=Step)
cpdef bint walk_back(object exchange, Chain chain, Py_ssize_t at, double now) except -1
