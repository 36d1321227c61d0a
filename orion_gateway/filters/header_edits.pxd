cdef class _Edits:
    cdef tuple _added
    cdef tuple _removed
    cdef tuple _set

    cpdef make(self, object head, object exchange)
