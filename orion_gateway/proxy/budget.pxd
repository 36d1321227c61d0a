cimport cython


@cython.final
cdef class RetryBudget:
    cdef double _share
    cdef double _floor
    cdef list _recent
    cdef list _spent
    cdef list _wasted
    cdef long long _requests
    cdef long long _retries
    cdef long long _futile
    cdef long long _second

    cpdef deposit(self, double now)
    cpdef bint withdraw(self, double now) except -1
    cpdef charge(self, double now)
    @cython.locals(earned=double)
    cpdef double left(self, double now) except? -1
    @cython.locals(at=Py_ssize_t, offset=Py_ssize_t, passed=cython.longlong)
    cdef _turn(self, long long second)
