# C types for timeline.py; without them the same file runs as it is.
cdef class Timeline:
    cdef public long long sequence, timestamp
    cdef long long _expected

    cpdef begin(self, long long sequence, long long timestamp)
    cpdef tuple place(self, long long sequence, long long timestamp)
    cpdef bint begins_anew(self, long long sequence)
