cimport cython

from orion_gateway.http1.connection cimport judge_codings, judge_connection, judge_length
from orion_gateway.http1.parsed cimport HeadLimits, ResponseHead
from orion_gateway.http1.scan cimport Line, ResponseScan, find_head_end, scan_response

cdef int CONNECTION
cdef int CONTENT_LENGTH
cdef int DATE
cdef int KEEP_ALIVE
cdef int REQUEST_ID
cdef int TRANSFER_ENCODING
cdef int UPGRADE
cdef object _CHUNKED
cdef object _LENGTH
cdef object _NONE
cdef object _UNTIL_CLOSE


@cython.locals(end=Py_ssize_t, raw=bytes, scan=ResponseScan, head=ResponseHead)
cpdef tuple parse_response(bytes data, HeadLimits limits, bytes method, Py_ssize_t seen=*)
cdef object _as_answer(object refusal)
@cython.locals(raw=bytes, cuts=list, codings=bytes, value=bytes, upgrade=bytes, line=Line, kind=int, status=int)
cdef object _judge(ResponseHead head, ResponseScan scan, bytes method)
