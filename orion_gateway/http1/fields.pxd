cimport cython


@cython.final
cdef class ForwardedRules:
    cdef readonly bint forwarded
    cdef readonly bytes pseudonym
    cdef readonly bint request_id
    cdef readonly bint traceparent
    cdef readonly tuple trusted
    cdef readonly bint via
    cdef readonly bint x_forwarded


@cython.final
cdef class Peer:
    """Made once per connection; `describe` is asked once per request."""

    cdef public object address
    cdef public bint is_trusted
    cdef public bytes port
    cdef public ForwardedRules rules
    cdef public bytes scheme
    cdef public bytes text
    cdef public bytes via
    cdef bytes _forwarded
    cdef bytes _host
    cdef bytes _ready

    cpdef bytes describe(self, bytes host)
    cpdef list describe_once(self, bytes host)
    cpdef bytes forwarded_element(self, bytes host)
    cdef bytes _render(self, bytes host)
