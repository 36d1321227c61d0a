cimport cython


@cython.final
cdef class Gate:
    cdef readonly bint is_clean
    cdef readonly object view
    cdef readonly long long epoch
    cdef readonly long long refused
    cdef str _service
    cdef object _rules
    cdef double _slow_start
    cdef object _tell
    cdef long long _successes
    cdef long long _refused_told
    cdef bint _owes
    cdef bint _is_ramping
    cdef double _credit
    cdef bint _is_asking
    cdef long long _ask_epoch

    cpdef object enter(self, double now)
    cpdef record(self, object verdict, long long epoch, long long permit, double now)
    @cython.locals(is_new=cython.bint)
    cpdef take_view(self, object view)
    cpdef bint take_answer(self, long long permit)
    @cython.locals(successes=cython.longlong, refused=cython.longlong)
    cpdef object take_counts(self)
    cpdef object retry_after(self, double now)
    @cython.locals(elapsed=cython.double)
    cdef bint _has_share(self, double now)
    cdef _judge(self)
    @cython.locals(successes=cython.longlong, refused=cython.longlong)
    cdef _tell_verdicts(self, long long failures)
