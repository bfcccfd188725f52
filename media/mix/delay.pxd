# C types for delay.py; without them the same file runs as it is.
cdef class DelayGauge:
    cdef public double stretch_ms, cut_ms
    cdef double _margin_ms, _tight_ms, _earlier_tight_ms, _spare_ms, _earlier_spare_ms
    cdef int _seen

    cpdef bint moving(self)
    cpdef arrived(self, double ahead_ms, double early_ms)
    cpdef begin(self)
