cimport cython

from orion_gateway.routing.plain cimport split_plain


@cython.final
@cython.freelist(16)
cdef class JudgedPath:
    cdef readonly bytes raw
    cdef readonly list segments
    cdef readonly bint has_encoded_slash
    cdef readonly bint has_empty_segments
    cdef readonly bint has_parameters


@cython.locals(segments=list, judged=JudgedPath)
cpdef JudgedPath judge_path(bytes path)
