from orion_gateway.http1.parsed cimport ResponseHead
from orion_gateway.proxy.upstream cimport UpstreamConnection
from orion_gateway.telemetry.finished cimport Finished
from orion_gateway.values cimport Endpoint


cdef class Attempt(Finished):
    cdef public long long key
    cdef public list tried
    cdef public Endpoint wanted

    cpdef take_trial(self, long long permit, double now)
    cpdef begin_connecting(self, Endpoint endpoint, double now)
    cpdef take_connection(self, UpstreamConnection connection, double now)
    cpdef lose_upstream(self, object reason, double now)
    cpdef take_interim(self, ResponseHead head, double now)
    cpdef take_response_head(self, ResponseHead head, double now)
    cpdef take_response(self, object pieces)
    cpdef flush_response(self, double now)
    cpdef end_response(self, double now)
    cpdef block_request(self, double now)
    cpdef unblock_request(self, double now)
