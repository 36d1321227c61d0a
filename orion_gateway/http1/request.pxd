cimport cython

from orion_gateway.http1.connection cimport judge_codings, judge_connection, judge_length, list_lines
from orion_gateway.http1.parsed cimport HeadLimits, RequestHead, split_list
from orion_gateway.http1.scan cimport Line, RequestScan, find_head_end, scan_request
from orion_gateway.http1.target cimport judge_target

cdef int CLAIM
cdef int CONNECTION
cdef int CONTENT_LENGTH
cdef int EXPECT
cdef int HOST
cdef int MAX_FORWARDS
cdef int REQUEST_ID
cdef int TE
cdef int TRACEPARENT
cdef int TRACESTATE
cdef int TRANSFER_ENCODING
cdef int UPGRADE
cdef int VIA
cdef object _CHUNKED
cdef object _LENGTH
cdef object _NONE


@cython.locals(start=Py_ssize_t, end=Py_ssize_t, raw=bytes, scan=RequestScan, head=RequestHead)
cpdef tuple parse_request(bytes data, HeadLimits limits, Py_ssize_t seen=*)
@cython.locals(
    raw=bytes, cuts=list, hosts=int, expectations=bytes, codings=bytes, upgrade=bytes, line=Line, kind=int,
    value=bytes, number=cython.longlong
)
cdef object _judge(RequestHead head, RequestScan scan, HeadLimits limits)
cdef object _judge_underscores(RequestHead head, HeadLimits limits)
