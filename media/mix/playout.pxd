# C types for playout.py; without them the same file runs as it is.
from media.mix.delay cimport DelayGauge
from media.mix.filler cimport Filler
from media.mix.timeline cimport Timeline


cdef class Playout:
    cdef public object counts, given_codec
    cdef public dict types
    cdef public int rate_hz
    cdef int _clock, _samples, _units, _unlike
    cdef long long _ssrc, _next, _at, _owed
    cdef dict _store, _tables
    cdef object _ready
    cdef Timeline _line
    cdef Filler _filler
    cdef DelayGauge _gauge

    cpdef packet(
        self, double early_ms, long long ssrc, long long sequence, long long timestamp, int payload_type, bytes payload
    )
    cpdef pull(self)
