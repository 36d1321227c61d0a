cimport cython


cdef unsigned long long _MASK
cdef unsigned long long _STEP
cdef unsigned long long _FIRST
cdef unsigned long long _SECOND
cdef double _UNIT


@cython.locals(state=cython.ulonglong, mixed=cython.ulonglong)
cpdef list spread(long long seed, Py_ssize_t count)
cpdef double scale(long long number)
