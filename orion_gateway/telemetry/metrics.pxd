cimport cython

from orion_gateway.values cimport Outcome

# Both sizes follow BOUNDS: importing the module fails when they do not.
cdef double[17] _bounds
cdef Py_ssize_t _LAST


@cython.final
cdef class Histogram:
    # Python code that reads the buckets gets a list of its own.
    cdef public long long[18] buckets
    cdef public double total

    @cython.locals(at=Py_ssize_t)
    cpdef observe(self, double seconds)
    @cython.locals(at=Py_ssize_t)
    cpdef merge(self, Histogram other)
    cpdef Histogram copy(self)


@cython.final
cdef class RouteMetrics:
    cdef dict _requests
    cdef readonly Histogram duration
    cdef readonly Histogram overhead
    cdef readonly long long bytes_in
    cdef readonly long long bytes_out
    cdef bytes _method
    cdef int _status
    cdef bint _is_local
    cdef long long _row

    cpdef record(
        self, bytes method, int status, double duration, double overhead, long long bytes_in, long long bytes_out,
        bint is_local
    )
    cpdef take(self, str route, delta)
    cdef _end_row(self)


@cython.final
cdef class ServiceMetrics:
    cdef dict _attempts
    cdef readonly dict retries
    cdef readonly dict refused_retries
    cdef readonly dict hedges
    cdef readonly Histogram duration
    cdef object _verdict
    cdef object _reason
    cdef long long _row

    cpdef record(self, Outcome outcome)
    cpdef record_retry(self, str reason)
    cpdef record_refused_retry(self, str why)
    cpdef record_hedge(self, str outcome)
    cpdef take(self, str service, delta)
    cdef _end_row(self)
