# C types for filler.py; without them the same file runs as it is.
cdef class Filler:
    cdef int _rate_hz
    cdef object _past, _concealer, _noise
    cdef public bint begun

    cpdef bint filling(self)
    cpdef bint noisy(self)
    cpdef played(self, object frame)
    cpdef speech(self)
