# cython: language_level=3, annotation_typing=False, boundscheck=False, wraparound=False, initializedcheck=False
"""G.722 at 64 kbit/s: two half-bands, each coded by ADPCM (ITU-T G.722, mode 1; names of its blocks and tables)."""

from __future__ import annotations

import numpy as np

from media.codecs.codec import BadPayload, Samples

# Even taps of the 24-tap quadrature mirror filter, in units of 2^-13 (Table 11); the odd ones are the same reversed.
_QMF = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11]
_HISTORY = 22

# Decision levels of the 6-bit lower quantizer (Table 14, Q6), level 1 first.
_Q6 = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121,
    1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
]  # fmt: skip
# Output of the 4-bit and 6-bit inverse quantizers by code (Tables 15 and 18, QM4 and QM6).
_QM4 = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
]  # fmt: skip
_QM6 = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
    -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
    24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
    4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
]  # fmt: skip
# Output of the 2-bit inverse quantizer by code (Table 21, QM2).
_QM2 = [-7408, -1616, 7408, 1616]
# Logarithmic step multipliers: W_L by 4-bit code (WL through RL42), W_H by 2-bit code (WH through RH2).
_WL = [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60]
_WH = [798, -214, 798, -214]
# Step sizes over one octave of the logarithmic scale (Table 17, ILB).
_ILB = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
]  # fmt: skip


_LOW_TOP, _HIGH_TOP = 18432, 22528
"""Upper limits of the logarithmic step sizes (blocks LOGSCL and LOGSCH)."""


class Predictor:
    """Adaptive prediction of one half-band: two poles and six zeros (block 4), and the step size (block 3)."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.log_step = 0
        self.value = 0
        self.zeros_value = 0
        self.pole1 = self.pole2 = 0
        self.zeros = [0, 0, 0, 0, 0, 0]
        self.differences = [0, 0, 0, 0, 0, 0]
        self.rebuilt1 = self.partial1 = self.partial2 = 0

    def rescale(self, multiplier: int, top: int, octave: int) -> None:
        """Blocks LOGSCL/LOGSCH and SCALEL/SCALEH: the step size for the next sample."""
        log_step = (self.log_step * 127 >> 7) + multiplier
        log_step = 0 if log_step < 0 else top if log_step > top else log_step
        self.log_step = log_step
        shift = octave - (log_step >> 11)
        step = _ILB[log_step >> 6 & 31]
        self.step = (step << -shift if shift < 0 else step >> shift) << 2

    def learn(self, difference: int) -> None:
        """Take in a quantized difference and predict the next sample into `value`."""
        rebuilt = _saturate(self.value + difference)
        partial = _saturate(self.zeros_value + difference)
        self.adapt_poles(partial)
        self.partial2 = self.partial1
        self.partial1 = partial
        # Blocks FILTEP and FILTEZ.
        poles_value = _saturate(
            (self.pole1 * _saturate(2 * rebuilt) >> 15) + (self.pole2 * _saturate(2 * self.rebuilt1) >> 15)
        )
        self.rebuilt1 = rebuilt
        self.zeros_value = self.filter_zeros(difference)
        self.value = _saturate(poles_value + self.zeros_value)

    def adapt_poles(self, partial: int) -> None:
        """Blocks UPPOL2 and UPPOL1."""
        same1 = (partial ^ self.partial1) >= 0
        change = _saturate(4 * self.pole1)
        change = -change if same1 else change
        change = 32767 if change > 32767 else change
        pole2 = (128 if (partial ^ self.partial2) >= 0 else -128) + (change >> 7) + (self.pole2 * 32512 >> 15)
        pole2 = 12288 if pole2 > 12288 else -12288 if pole2 < -12288 else pole2
        pole1 = (192 if same1 else -192) + (self.pole1 * 32640 >> 15)
        limit = 15360 - pole2
        self.pole1 = limit if pole1 > limit else -limit if pole1 < -limit else pole1
        self.pole2 = pole2

    def filter_zeros(self, difference: int) -> int:
        """Blocks UPZERO, DELAYA and FILTEZ."""
        gain = 0 if difference == 0 else 128
        total = 0
        newest = difference
        for i in range(6):
            older = self.differences[i]
            zero = (gain if (older ^ difference) >= 0 else -gain) + (self.zeros[i] * 32640 >> 15)
            self.zeros[i] = zero
            self.differences[i] = newest
            total += zero * _saturate(2 * newest) >> 15
            newest = older
        return _saturate(total)


def _saturate(value: int) -> int:
    return -32768 if value < -32768 else 32767 if value > 32767 else value


def _saturate15(value: int) -> int:
    return -16384 if value < -16384 else 16383 if value > 16383 else value


def _quantize_low(difference: int, step: int) -> int:
    """6-bit code (block QUANTL). Its highest bits say the sign; codes fall as the difference grows."""
    magnitude = difference if difference >= 0 else -difference - 1
    low = 0
    high = 29
    while low < high:
        middle = (low + high) >> 1
        if magnitude < _Q6[middle] * step >> 12:
            high = middle
        else:
            low = middle + 1
    if difference >= 0:
        return 61 - low
    return 63 - low if low < 2 else 33 - low


def _quantize_high(difference: int, step: int) -> int:
    """2-bit code (block QUANTH)."""
    magnitude = difference if difference >= 0 else -difference - 1
    large = magnitude >= 564 * step >> 12
    if difference >= 0:
        return 2 if large else 3
    return 0 if large else 1


class G722Decoder:
    """One octet, two samples at 16 kHz."""

    def __init__(self) -> None:
        self._low = Predictor(32)
        self._high = Predictor(8)
        self._history = np.zeros(_HISTORY, dtype=np.int32)

    def decode(self, payload: bytes) -> Samples:
        """Samples of one packet. Raises BadPayload for an empty one."""
        if not payload:
            raise BadPayload("G.722: empty payload")
        bands = np.empty(_HISTORY + 2 * len(payload), dtype=np.int32)
        bands[:_HISTORY] = self._history
        self._expand(payload, bands.data)
        self._history = bands[-_HISTORY:]
        samples = np.empty(2 * len(payload), dtype=np.int16)
        self._join(bands.data, samples.data)
        return samples

    def conceal(self, samples: int) -> Samples | None:
        """None: lost packets are concealed outside."""
        return None

    def recover(self, next_payload: bytes, samples: int) -> Samples | None:
        """None: packets repeat nothing."""
        return None

    def _expand(self, codes: bytes, bands: memoryview[int]) -> None:
        """Sums and differences of the two half-bands, behind the history."""
        low = self._low
        high = self._high
        for i in range(len(codes)):
            code = codes[i]
            step = low.step
            low_value = _saturate15(low.value + (step * _QM6[code & 63] >> 15))
            part = code >> 2 & 15
            low.learn(step * _QM4[part] >> 15)
            low.rescale(_WL[part], _LOW_TOP, 8)
            part = code >> 6
            difference = high.step * _QM2[part] >> 15
            high_value = _saturate15(high.value + difference)
            high.learn(difference)
            high.rescale(_WH[part], _HIGH_TOP, 10)
            bands[_HISTORY + 2 * i] = low_value + high_value
            bands[_HISTORY + 2 * i + 1] = low_value - high_value

    def _join(self, bands: memoryview[int], samples: memoryview[int]) -> None:
        """The receive quadrature mirror filter."""
        for i in range(0, len(samples), 2):
            even = 0
            odd = 0
            for tap in range(12):
                even += bands[i + 2 * tap + 1] * _QMF[11 - tap]
                odd += bands[i + 2 * tap] * _QMF[tap]
            samples[i] = _saturate(even >> 11)
            samples[i + 1] = _saturate(odd >> 11)


class G722Encoder:
    """Two samples at 16 kHz, one octet."""

    def __init__(self) -> None:
        self._low = Predictor(32)
        self._high = Predictor(8)
        self._history = np.zeros(_HISTORY, dtype=np.int16)

    def encode(self, samples: Samples) -> bytes:
        """Payload of an even number of samples. Raises ValueError for an odd one."""
        if len(samples) % 2:
            raise ValueError(f"G.722: {len(samples)} samples, a code has two")
        heard = np.concatenate([self._history, samples])
        self._history = heard[-_HISTORY:]
        codes = np.empty(len(samples) // 2, dtype=np.uint8)
        self._compress(heard.data, codes.data)
        return codes.tobytes()

    def _compress(self, heard: memoryview[int], codes: memoryview[int]) -> None:
        """Split by the transmit quadrature mirror filter, and code both half-bands."""
        low = self._low
        high = self._high
        for i in range(len(codes)):
            even = 0
            odd = 0
            for tap in range(12):
                odd += heard[2 * (i + tap)] * _QMF[tap]
                even += heard[2 * (i + tap) + 1] * _QMF[11 - tap]
            low_code = _quantize_low(_saturate(((even + odd) >> 14) - low.value), low.step)
            part = low_code >> 2
            low.learn(low.step * _QM4[part] >> 15)
            low.rescale(_WL[part], _LOW_TOP, 8)
            high_code = _quantize_high(_saturate(((even - odd) >> 14) - high.value), high.step)
            high.learn(high.step * _QM2[high_code] >> 15)
            high.rescale(_WH[high_code], _HIGH_TOP, 10)
            codes[i] = high_code << 6 | low_code
