cimport cython

from orion_gateway.http1.fields cimport Peer
from orion_gateway.http1.identifiers cimport Identifiers
from orion_gateway.http1.parsed cimport Head, RequestHead, ResponseHead
from orion_gateway.http1.scan cimport Line

cdef object _CHUNKED


cpdef bytes render_request(RequestHead head, bytes target, bytes host, Peer peer, Identifiers ids)
cpdef bytes render_response(ResponseHead head, bytes framing, bytes own)
