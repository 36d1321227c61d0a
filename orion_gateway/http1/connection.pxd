cimport cython

from orion_gateway.http1.parsed cimport Head
from orion_gateway.http1.scan cimport Line


@cython.locals(tokens=list, token=bytes)
cpdef void judge_connection(Head head, bytes upgrade) except *
@cython.locals(length=cython.longlong)
cpdef object judge_length(Head head, Line line)
cpdef object judge_codings(Head head, bytes value)
cpdef list list_lines(Head head)
