"""Concealment of lost frames by repeating the last pitch periods (after ITU-T G.711 Appendix I, but without delay)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]
Wave = NDArray[np.floating[Any]]

SHORTEST_PITCH_MS: Final = 5.0
LONGEST_PITCH_MS: Final = 15.0
COMPARED_MS: Final = 20.0
"""How much of the past is compared with what came one pitch period before."""
HISTORY_MS: Final = 48.75
"""Three of the longest pitch periods and a quarter."""
STAGE_MS: Final = 10.0
"""Every 10 ms one more pitch period is repeated, up to three, so that the ear does not hear a buzz."""
FADED_MS: Final = 60.0
COARSE_HZ: Final = 8000


class Concealer:
    """One stream at `rate_hz`. What it gives back is to be played: it blends the first good frame after a loss."""

    def __init__(self, rate_hz: int) -> None:
        self._stage = round(rate_hz * STAGE_MS / 1000)
        self._kept = round(rate_hz * HISTORY_MS / 1000)
        self._pitches = (round(rate_hz * SHORTEST_PITCH_MS / 1000), round(rate_hz * LONGEST_PITCH_MS / 1000))
        self._compared = round(rate_hz * COMPARED_MS / 1000)
        self._decimation = max(1, rate_hz // COARSE_HZ)
        self._recent: list[Samples] = []
        self._known = 0
        self._repetition: Repetition | None = None

    def good(self, samples: Samples) -> Samples:
        """Take in a frame that arrived; gives it back, after a loss with its beginning blended in (another array)."""
        repetition = self._repetition
        if repetition is not None:
            self._repetition = None
            samples = self._blend(repetition, samples)
        self._keep(samples.copy())
        return samples

    def conceal(self, count: int) -> Samples:
        """`count` samples in place of lost ones: repeated, from 10 ms on fading, silent after 60 ms."""
        repetition = self._repetition
        if repetition is None:
            past = self._past()
            repetition = Repetition(past, self._pitch(past), self._stage)
            self._repetition = repetition
        samples = _whole(repetition.take(count))
        self._keep(samples)
        return samples

    def _blend(self, repetition: Repetition, samples: Samples) -> Samples:
        """Cross-fade over a quarter of a pitch period and 4 ms for each 10 ms that were lost, 10 ms at most."""
        length = repetition.pitch // 4 + self._stage * 4 // 10 * (repetition.made // self._stage)
        length = min(length, self._stage, len(samples))
        rising = np.arange(1, length + 1, dtype=np.float32) / (length + 1)
        made = repetition.take(length)
        blended = samples.copy()
        blended[:length] = _whole(made + (samples[:length] - made) * rising)
        return blended

    def _keep(self, samples: Samples) -> None:
        recent = self._recent
        recent.append(samples)
        self._known += len(samples)
        while self._known - len(recent[0]) >= self._kept:
            self._known -= len(recent.pop(0))

    def _past(self) -> Wave:
        """The last 48.75 ms, silence before the beginning."""
        past = np.zeros(self._kept, dtype=np.float32)
        if self._recent:
            known = np.concatenate(self._recent)[-self._kept :]
            past[self._kept - len(known) :] = known
        return past

    def _pitch(self, past: Wave) -> int:
        """The period in samples by which the last 20 ms are most like what was before; coarse at 8 kHz, then exact."""
        shortest, longest = self._pitches
        step = self._decimation
        if step == 1:
            return _best_period(past, self._compared, shortest, longest)
        coarse = past[len(past) % step :].reshape(-1, step).mean(axis=1)
        near = step * _best_period(coarse, self._compared // step, shortest // step, longest // step)
        return _best_period(past, self._compared, max(shortest, near - step), min(longest, near + step))


class Repetition:
    """What goes on when the signal ends: its last pitch periods again and again."""

    def __init__(self, past: Wave, pitch: int, stage: int) -> None:
        self.pitch = pitch
        self.made = 0
        self._past = past
        self._stage = stage
        self._quarter = pitch // 4
        # The step from the last sample to its likeness one period before is smoothed away over a quarter period.
        self._offset = float(past[-1] - past[-pitch - 1])

    def take(self, count: int) -> Wave:
        """The next samples."""
        parts = []
        while count > 0:
            stage = self.made // self._stage
            length = min(count, (stage + 1) * self._stage - self.made)
            parts.append(self._run(stage, self.made, length))
            self.made += length
            count -= length
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)

    def _run(self, stage: int, begin: int, length: int) -> Wave:
        """Samples of one stage (10 ms), counted from the loss."""
        gain_end = FADED_MS / STAGE_MS
        if stage >= gain_end:
            return np.zeros(length, dtype=np.float32)
        at = np.arange(begin, begin + length)
        wave = self._cycle(min(stage + 1, 3), at)
        quarter = self._quarter
        into = begin - stage * self._stage
        if into < quarter:
            rising = np.minimum(1.0, np.arange(into + 1, into + length + 1, dtype=np.float32) / (quarter + 1))
            if stage == 0:
                wave = wave + self._offset * (1 - rising)
            elif stage < 3:
                before = self._cycle(stage, at)
                wave = before + (wave - before) * rising
        if stage:
            wave = wave * (1 - (at - self._stage + 1) / ((gain_end - 1) * self._stage)).astype(np.float32)
        return wave

    def _cycle(self, periods: int, at: NDArray[np.intp]) -> Wave:
        """Endless repetition of the last `periods`; its end runs smoothly into its beginning."""
        length = periods * self.pitch
        quarter = self._quarter
        wave = self._past[-length:].copy()
        before = self._past[len(self._past) - length - quarter : len(self._past) - length]
        rising = np.arange(1, quarter + 1, dtype=np.float32) / (quarter + 1)
        wave[length - quarter :] += (before - wave[length - quarter :]) * rising
        return wave[at % length]


def _best_period(past: Wave, compared: int, shortest: int, longest: int) -> int:
    """Highest normalised correlation of the last `compared` samples with those one period before."""
    last = past[-compared:]
    before = past[len(past) - compared - longest : len(past) - shortest]
    likeness = np.correlate(before, last, "valid")
    squares = np.concatenate([[0.0], np.cumsum(before.astype(np.float64) ** 2)])
    energy = squares[compared:] - squares[:-compared]
    # Faint passages say nothing of the pitch: below one unit per sample they count as that loud.
    best = int(np.argmax(likeness / np.sqrt(np.maximum(energy, compared))))
    return longest - best


def _whole(wave: Wave) -> Samples:
    return np.clip(np.rint(wave), -32768, 32767).astype(np.int16)
