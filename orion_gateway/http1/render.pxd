cimport cython

from orion_gateway.http1.fields cimport Peer
from orion_gateway.http1.identifiers cimport Identifiers
from orion_gateway.http1.parsed cimport Head, RequestHead, ResponseHead
from orion_gateway.http1.scan cimport Line
from orion_gateway.http1.write cimport Writer, begin_writing

cdef object _CHUNKED
cdef Py_ssize_t _ROOM


@cython.locals(says_request_id=bint, replaced=list, described=bytes, spends_hop=bint, out=Writer)
cpdef bytes render_request(RequestHead head, bytes target, bytes host, Peer peer, Identifiers ids, bytes own=*)
@cython.locals(out=Writer)
cpdef bytes render_response(ResponseHead head, bytes framing, bytes own)
cdef void _put_length(Writer out, long long length) except *
@cython.locals(position=Py_ssize_t, end=Py_ssize_t, line=Line, added=bytes)
cdef void _put_fields(Writer out, Head head, list cuts) except *
@cython.locals(position=Py_ssize_t, line=Line)
cdef list _put_in_order(list cuts)
cdef list _list_values(Head head, object said)
@cython.locals(lines=list)
cdef bytes _continue_claims(RequestHead head, Peer peer, list replaced)
