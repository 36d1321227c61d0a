cimport cython

from orion_gateway.http1.parsed cimport RequestHead
from orion_gateway.http1.scan cimport is_name_and_port


@cython.locals(target=bytes)
cpdef object judge_target(RequestHead head, int hosts)
cdef object _judge_other_forms(RequestHead head, int hosts)
cdef bint _is_authority(bytes value) except -1
cdef bytes _normal(bytes authority)
