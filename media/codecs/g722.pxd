# C types for g722.py; without them the same file runs as it is.
cimport cython

cdef int[12] _QMF
cdef int _HISTORY
cdef int[29] _Q6
cdef int[16] _QM4
cdef int[64] _QM6
cdef int[4] _QM2
cdef int[16] _WL
cdef int[4] _WH
cdef int[32] _ILB
cdef int _LOW_TOP, _HIGH_TOP


@cython.final
cdef class Predictor:
    cdef int step, log_step, value, zeros_value
    cdef int pole1, pole2
    cdef int[6] zeros, differences
    cdef int rebuilt1, partial1, partial2

    @cython.locals(log_step=cython.int, shift=cython.int, step=cython.int)
    cdef void rescale(self, int multiplier, int top, int octave) noexcept nogil

    @cython.locals(rebuilt=cython.int, partial=cython.int, poles_value=cython.int)
    cdef void learn(self, int difference) noexcept nogil

    @cython.locals(same1=cython.bint, change=cython.int, pole1=cython.int, pole2=cython.int, limit=cython.int)
    cdef void adapt_poles(self, int partial) noexcept nogil

    @cython.locals(gain=cython.int, total=cython.int, newest=cython.int, older=cython.int, zero=cython.int, i=cython.int)
    cdef int filter_zeros(self, int difference) noexcept nogil


cdef int _saturate(int value) noexcept nogil
cdef int _saturate15(int value) noexcept nogil

@cython.locals(magnitude=cython.int, low=cython.int, high=cython.int, middle=cython.int)
cdef int _quantize_low(int difference, int step) noexcept nogil

@cython.locals(magnitude=cython.int, large=cython.bint)
cdef int _quantize_high(int difference, int step) noexcept nogil


@cython.final
cdef class G722Decoder:
    cdef Predictor _low, _high
    cdef object _history

    @cython.locals(
        low=Predictor, high=Predictor, i=cython.int, code=cython.int, step=cython.int, part=cython.int,
        difference=cython.int, low_value=cython.int, high_value=cython.int,
    )
    cdef int _expand(self, const unsigned char[::1] codes, int[::1] bands) except -1

    @cython.locals(i=cython.int, even=cython.int, odd=cython.int, tap=cython.int)
    cdef int _join(self, int[::1] bands, short[::1] samples) except -1


@cython.final
cdef class G722Encoder:
    cdef Predictor _low, _high
    cdef object _history

    @cython.locals(
        low=Predictor, high=Predictor, i=cython.int, even=cython.int, odd=cython.int, tap=cython.int,
        low_code=cython.int, high_code=cython.int, part=cython.int,
    )
    cdef int _compress(self, const short[::1] heard, unsigned char[::1] codes) except -1
