cimport cython


@cython.final
cdef class Line:
    cdef public Py_ssize_t end
    cdef public int kind
    cdef public Py_ssize_t start
    cdef public Py_ssize_t value_end
    cdef public Py_ssize_t value_start

    cpdef bytes value(self, bytes raw)
    cpdef bytes lower_value(self, bytes raw)
    cpdef long long number(self, bytes raw) except -2


@cython.final
cdef class RequestScan:
    cdef public Py_ssize_t fields
    cdef public Py_ssize_t fields_start
    cdef public bint has_odd_names
    cdef public bint has_underscores
    cdef public list lines
    cdef public bytes method
    cdef public int minor
    cdef public bytes target


@cython.final
cdef class ResponseScan:
    cdef public Py_ssize_t fields
    cdef public Py_ssize_t fields_start
    cdef public list lines
    cdef public int minor
    cdef public bytes reason
    cdef public int status


cpdef Py_ssize_t find_head_end(bytes data, Py_ssize_t start) except -1
cpdef RequestScan scan_request(bytes raw)
cpdef ResponseScan scan_response(bytes raw)
cpdef list find_lines(bytes raw, Py_ssize_t fields_start, bytes name)
cpdef Line find_line(bytes raw, Py_ssize_t fields_start, bytes name)
cpdef tuple scan_size(bytes data, Py_ssize_t position)
cpdef bint is_name_and_port(bytes authority) except -1
