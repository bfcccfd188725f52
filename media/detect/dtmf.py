"""DTMF receiver: keys in the sound of many streams, within the limits of ITU-T Q.24."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from media.codecs import Samples
from media.detect.press import Press
from media.detect.tone_pair import HOPS, NO_PAIR, Floats, PairFinder, PairFrame

KEYS: Final = "123A456B789C*0#D"
"""By 4 * (number of the low tone) + (number of the high tone), ITU-T Q.23."""
_BEFORE: Final = 4


class DigitHeard(NamedTuple):
    """A key of the stream `key`: as soon as it is sure (not `ended`, the duration so far), and once at its end."""

    key: int
    digit: str
    duration_ms: int
    ended: bool


class DtmfReceiver:
    """Streams of 8 kHz, a row each, in frames of 20 ms; `begins`: keys are also told when they begin."""

    def __init__(self, *, begins: bool = False) -> None:
        self._begins = begins
        self._rows: dict[int, int] = {}
        self._finder = PairFinder()
        self._amplitudes: Floats = np.zeros((0, HOPS, 8), dtype=np.float32)
        self._presses: dict[int, Press] = {}
        self._at = 0

    def arrange(self, keys: list[int]) -> None:
        """From now on these streams, in this order; those that were there before go on."""
        before, self._rows = self._rows, {key: row for row, key in enumerate(keys)}
        old = [before.get(key, -1) for key in keys]
        self._finder.move(old)
        self._amplitudes = np.zeros((len(keys), HOPS, 8), dtype=np.float32)
        self._presses = {key: press for key, press in self._presses.items() if key in self._rows}

    def process(self, frames: Samples) -> list[DigitHeard]:
        """Take int16[rows, 160], in the order of `arrange`; give the keys that were recognised."""
        found = self._finder.find(frames)
        self._at += HOPS
        heard: list[DigitHeard] = []
        if found is None:
            if self._presses:
                self._silence(heard)
            self._amplitudes[:] = 0
            return heard
        busy = (found.pairs != NO_PAIR).any(axis=1)
        for key, row in self._rows.items():
            if busy[row] or key in self._presses:
                self._follow(key, row, found, heard)
        self._amplitudes = found.amplitudes
        return heard

    def _follow(self, key: int, row: int, found: PairFrame, heard: list[DigitHeard]) -> None:
        amplitudes = np.concatenate([self._amplitudes[row], found.amplitudes[row]])
        turns = found.turns[row]
        press = self._presses.get(key)
        for hop, pair in enumerate(found.pairs[row].tolist()):
            if press is None:
                if pair == NO_PAIR:
                    continue
                press = self._begun(pair, self._at - HOPS + hop, amplitudes[hop : hop + _BEFORE])
            press = self._step(
                key,
                press,
                pair,
                (float(amplitudes[_BEFORE + hop, press.low]), float(amplitudes[_BEFORE + hop, press.high])),
                (complex(turns[hop, press.low]), complex(turns[hop, press.high])),
                heard,
            )
            if press is None and pair != NO_PAIR:
                press = self._begun(pair, self._at - HOPS + hop, amplitudes[hop : hop + _BEFORE])
        if press is None:
            self._presses.pop(key, None)
        else:
            self._presses[key] = press

    def _begun(self, pair: int, at: int, before: Floats) -> Press:
        low, high = pair >> 2, 4 + (pair & 3)
        return Press(pair, at, np.hypot(before[:, low], before[:, high]).tolist())

    def _step(
        self,
        key: int,
        press: Press,
        pair: int,
        amplitudes: tuple[float, float],
        turns: tuple[complex, complex],
        heard: list[DigitHeard],
    ) -> Press | None:
        was_sure = press.confirmed
        goes_on = press.take(pair, amplitudes, turns)
        if press.confirmed and not was_sure and self._begins:
            heard.append(DigitHeard(key, KEYS[press.pair], press.duration_ms, ended=False))
        if goes_on:
            return press
        if press.confirmed:
            heard.append(DigitHeard(key, KEYS[press.pair], press.duration_ms, ended=True))
        return None

    def _silence(self, heard: list[DigitHeard]) -> None:
        for key, press in list(self._presses.items()):
            for _ in range(HOPS):
                if self._step(key, press, NO_PAIR, (0.0, 0.0), (0j, 0j), heard) is None:
                    del self._presses[key]
                    break
