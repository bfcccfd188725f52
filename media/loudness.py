"""Loudness: how loud a sound is to people (ITU-R BS.1770-4, EBU R 128), and sounds brought to one loudness."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]

TARGET_LUFS: Final = -23.0
CEILING: Final = 10.0 ** (-1.0 / 20.0)
"""Peaks are kept 1 dB below full scale."""

_BLOCK_S: Final = 0.4
_STEP_S: Final = 0.1
_ABSOLUTE_GATE_LUFS: Final = -70.0
_RELATIVE_GATE_LU: Final = -10.0
# The filter's memory: its 38 Hz high-pass has faded by far more than 100 dB after that.
_MEMORY_S: Final = 0.2
_CHUNK_S: Final = 20.0
_LOOK_AHEAD_S: Final = 0.005
_MOST_GAIN_DB: Final = 30.0


def loudness_lufs(samples: Float, rate_hz: int) -> float:
    """Integrated, gated loudness of a mono sound; -inf for silence. Less than 0.4 s are one block."""
    step = round(_STEP_S * rate_hz)
    squares = _weighted_squares(samples, rate_hz)
    if len(squares) < round(_BLOCK_S * rate_hz):
        return _lufs(float(squares.mean())) if len(squares) else -math.inf
    sums = np.add.reduceat(squares, np.arange(0, len(squares) - len(squares) % step, step), dtype=np.float64)
    # The last sum may hold a remainder shorter than a step: it is left out, as the standard leaves it out.
    sums[-1] = squares[(len(sums) - 1) * step : len(sums) * step].sum(dtype=np.float64)
    blocks = np.convolve(sums, np.ones(4), mode="valid") / (4 * step)
    loud = blocks[blocks > _power(_ABSOLUTE_GATE_LUFS)]
    if not len(loud):
        return -math.inf
    gate = loud.mean() * 10.0 ** (_RELATIVE_GATE_LU / 10.0)
    return _lufs(float(loud[loud > gate].mean()))


def levelled(samples: Float, rate_hz: int, target_lufs: float = TARGET_LUFS) -> Float:
    """The sound at `target_lufs`, its peaks limited to -1 dBFS; silence stays silence, at most 30 dB are added."""
    found = loudness_lufs(samples, rate_hz)
    if not math.isfinite(found):
        return samples
    gain_db = min(target_lufs - found, _MOST_GAIN_DB)
    return limited(samples * np.float32(10.0 ** (gain_db / 20.0)), rate_hz)


def limited(samples: Float, rate_hz: int, ceiling: float = CEILING) -> Float:
    """No peak above `ceiling`: the gain goes down ahead of it and up again behind it, within 5 ms."""
    magnitude = np.abs(samples)
    if not len(samples) or magnitude.max() <= ceiling:
        return samples
    width = 2 * max(1, round(_LOOK_AHEAD_S * rate_hz / 2)) + 1
    gain = np.minimum(1.0, ceiling / np.maximum(magnitude, 1e-9))
    # The least gain of a window, smoothed over a window as long: each mean is over values that all suffice.
    least = _least(np.pad(gain, width - 1, constant_values=1.0), width)
    sums = np.cumsum(np.concatenate([[0.0], least]), dtype=np.float64)
    smooth = ((sums[width:] - sums[:-width]) / width).astype(np.float32)
    held: Float = np.clip(samples * smooth, -ceiling, ceiling)
    return held


def _least(values: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Minimum of each window of `width`, by doubling."""
    result, have = values, 1
    while have < width:
        shift = min(have, width - have)
        result = np.minimum(result[:-shift], result[shift:])
        have += shift
    return result


def _lufs(power: float) -> float:
    return -0.691 + 10.0 * math.log10(power) if power > 0.0 else -math.inf


def _power(lufs: float) -> float:
    return math.pow(10.0, (lufs + 0.691) / 10.0)


def _weighted_squares(samples: Float, rate_hz: int) -> Float:
    """Squares of the K-weighted sound, filtered in chunks by its spectrum: numpy has no recursive filter."""
    memory, chunk = round(_MEMORY_S * rate_hz), round(_CHUNK_S * rate_hz)
    squares = np.empty(len(samples), dtype=np.float32)
    size = 1 << (min(chunk, len(samples)) + 2 * memory - 1).bit_length()
    response = _k_weighting(rate_hz, size)
    for begin in range(0, len(samples), chunk):
        head = max(0, begin - memory)
        part = samples[head : begin + chunk]
        filtered = np.fft.irfft(np.fft.rfft(part, size) * response, size)[begin - head : len(part)]
        squares[begin : begin + len(filtered)] = np.square(filtered)
    return squares


def _k_weighting(rate_hz: int, size: int) -> NDArray[np.complex128]:
    """Frequency response of BS.1770's two filters at any rate: the bilinear transform of what they are at 48 kHz."""
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    k, q = math.tan(math.pi * 1681.974450955533 / rate_hz), 0.7071752369554196
    high = 10.0 ** (3.999843853973347 / 20.0)
    band = high**0.4996667741545416
    shelf = _quadratic(z, high + band * k / q + k * k, 2 * (k * k - high), high - band * k / q + k * k)
    shelf /= _quadratic(z, 1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k)
    k, q = math.tan(math.pi * 38.13547087602444 / rate_hz), 0.5003270373238773
    low_cut = _quadratic(z, 1.0, -2.0, 1.0)
    low_cut /= _quadratic(z, 1.0, 2 * (k * k - 1) / (1 + k / q + k * k), (1 - k / q + k * k) / (1 + k / q + k * k))
    response: NDArray[np.complex128] = shelf * low_cut
    return response


def _quadratic(z: NDArray[np.complex128], a: float, b: float, c: float) -> NDArray[np.complex128]:
    polynomial: NDArray[np.complex128] = a + b * z + c * z * z
    return polynomial
