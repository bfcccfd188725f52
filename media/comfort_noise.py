"""Comfort noise: the payload that says how a silence sounds (RFC 3389), and noise that sounds like it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.codecs.codec import BadPayload, Samples

QUIETEST: Final = 127
OVERLOAD: Final = 32767.0
"""0 dBov: the root mean square of the loudest square wave (RFC 3389 §3.1)."""
ORDER: Final = 10
"""Reflection coefficients that are made, and at most heeded, as in the RFC's example."""
_MIDDLE, _SCALE = 127, 258 / 32768
"""Code of nought, and the step between codes (RFC 3389 §3.2)."""
_RESPONSE: Final = 256
"""Samples of the filter's impulse response that are used; what comes later counts no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComfortNoise:
    """`level_dbov` is the loudness below overload, 0..127; `reflection` are the spectrum's codes 0..254, () if flat."""

    level_dbov: int
    reflection: tuple[int, ...] = ()

    @classmethod
    def parse(cls, payload: bytes) -> ComfortNoise:
        """Read a payload; coefficients beyond the tenth are left out. Raises BadPayload for an empty one."""
        if not payload:
            raise BadPayload("CN: empty payload, the level is missing")
        # The first bit must be 0 and is not heeded. 255 is no code: taken as the nearest.
        return cls(level_dbov=payload[0] & 127, reflection=tuple(min(code, 254) for code in payload[1 : 1 + ORDER]))

    @classmethod
    def of(cls, samples: Samples, order: int = ORDER) -> ComfortNoise:
        """Describe a passage of background noise, some hundred samples long; `order` 0 tells the level only."""
        wave = samples.astype(np.float64)
        power = float(np.mean(wave**2)) if len(wave) else 0.0
        level = QUIETEST if power < 1e-4 else round(-10 * np.log10(power / OVERLOAD**2))
        coefficients = _reflection(wave, order) if power else np.zeros(0)
        codes = np.clip(np.rint(coefficients / _SCALE) + _MIDDLE, 0, 254).astype(int)
        return cls(level_dbov=min(max(level, 0), QUIETEST), reflection=tuple(codes.tolist()))

    def pack(self) -> bytes:
        """The payload."""
        return bytes((self.level_dbov, *self.reflection))


class NoiseMaker:
    """Noise of one stream, whose description may change at any time. `rng` is its dice."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._noise = ComfortNoise(level_dbov=QUIETEST)
        self._response: NDArray[np.float64] | None = None
        self._past = np.zeros(0)

    def hear(self, noise: ComfortNoise) -> None:
        """From now on sound like this."""
        if noise == self._noise:
            return
        if noise.reflection != self._noise.reflection:
            self._response = _response(noise.reflection)
            self._past = self._rng.standard_normal(_RESPONSE - 1)
        self._noise = noise

    def make(self, count: int) -> Samples:
        """The next samples."""
        if self._response is None:
            return noise(self._noise.level_dbov, count, self._rng)
        white = np.concatenate([self._past, self._rng.standard_normal(count)])
        self._past = white[count:]
        return _scaled(np.convolve(white, self._response, "valid"), self._noise.level_dbov)


def noise(level_dbov: int, count: int, rng: np.random.Generator) -> Samples:
    """White noise of a loudness below overload (0..127); at 127 silence."""
    if level_dbov >= QUIETEST:
        return np.zeros(count, dtype=np.int16)
    return _scaled(rng.standard_normal(count), level_dbov)


def _scaled(wave: NDArray[np.float64], level_dbov: int) -> Samples:
    loud = wave * (OVERLOAD * 10 ** (-level_dbov / 20))
    return np.clip(np.rint(loud), -32768, 32767).astype(np.int16)


def _reflection(wave: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """Reflection coefficients by Levinson's recursion, signs as of 1 + a1 z^-1 + …"""
    windowed = wave * np.hanning(len(wave) + 2)[1:-1]
    powers = np.array(
        [windowed[lag:] @ windowed[: len(wave) - lag] if lag < len(wave) else 0.0 for lag in range(order + 1)]
    )
    powers[0] *= 1.0001  # A floor 40 dB down, so that a pure tone makes no endless ringing.
    predictor = np.zeros(order + 1)
    predictor[0] = 1.0
    error = powers[0]
    found = np.zeros(order)
    for n in range(order):
        found[n] = -(predictor[: n + 1] @ powers[n + 1 : 0 : -1]) / error
        predictor[: n + 2] = _step_up(predictor[: n + 1], found[n])
        error *= 1 - found[n] ** 2
    return found


def _step_up(predictor: NDArray[np.float64], reflection: float) -> NDArray[np.float64]:
    longer = np.append(predictor, 0.0)
    return longer + reflection * longer[::-1]


def _response(codes: tuple[int, ...]) -> NDArray[np.float64] | None:
    """Impulse response of the all-pole filter, of energy 1; None where the spectrum is flat."""
    if not codes:
        return None
    predictor = np.ones(1)
    for code in codes:
        predictor = _step_up(predictor, (code - _MIDDLE) * _SCALE)
    response = np.fft.irfft(1 / np.fft.rfft(predictor, 4 * _RESPONSE))[:_RESPONSE]
    # Poles near the circle ring on past the end: they are made to die away with it.
    faded = response * np.hanning(2 * _RESPONSE)[_RESPONSE:]
    energy = float(faded @ faded)
    unit: NDArray[np.float64] = faded / np.sqrt(energy)
    return unit
