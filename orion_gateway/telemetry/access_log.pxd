cimport cython

from orion_gateway.telemetry.finished cimport Finished
from orion_gateway.telemetry.json_line cimport format_json

cdef object time


cdef class AccessLog:
    cdef public bint is_on
    cdef object _format
    cdef bint _is_json
    cdef dict _sample
    cdef bint _samples_all
    cdef double _min_duration
    cdef object _rng
    cdef list _lines
    cdef Py_ssize_t _size
    cdef object _writer
    cdef Py_ssize_t _batch

    @cython.locals(line=bytes, size=Py_ssize_t, now=double)
    cpdef write(self, Finished finished, str route, str service, double duration, object reason)
    cpdef flush(self)
