cimport cython

from orion_gateway.http1.fields cimport Peer
from orion_gateway.http1.identifiers cimport Identifiers
from orion_gateway.http1.parsed cimport Head, RequestHead, ResponseHead
from orion_gateway.http1.scan cimport Line

cdef object _CHUNKED


@cython.locals(replaced=list, own=list, pieces=list)
cpdef bytes render_request(RequestHead head, bytes target, bytes host, Peer peer, Identifiers ids)
@cython.locals(pieces=list)
cpdef bytes render_response(ResponseHead head, bytes framing, bytes own)
cdef bytes _length_line(long long length)
# As a pointer `raw` is cut without making a slice object; the head keeps the bytes alive.
@cython.locals(raw="const char *", position=Py_ssize_t, end=Py_ssize_t, line=Line)
cdef void _add_fields(list pieces, Head head, list cuts) except *
@cython.locals(position=Py_ssize_t, line=Line)
cdef list _put_in_order(list cuts)
cdef list _list_values(Head head, object said)
@cython.locals(lines=list)
cdef list _continue_claims(RequestHead head, Peer peer, list replaced)
