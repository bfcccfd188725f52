"""Pulses of tone pairs with every fault a line can give them, through a law, into a receiver."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from media.codecs import CODECS, Samples
from media.detect.dtmf import KEYS, DigitHeard, DtmfReceiver
from media.detect.tone_pair import HIGH_HZ, LOW_HZ

Wave = NDArray[np.float64]
LAWS = ("pcma", "pcmu")


def amplitude(dbm0: float) -> float:
    """Of one tone; a full-scale sine is 3.14 dBm0."""
    return float(32767.0 * 10.0 ** ((dbm0 - 3.14) / 20.0))


def silence(ms: float) -> Wave:
    return np.zeros(round(ms * 8))


def pulse(
    key: str,
    ms: float,
    rng: np.random.Generator,
    *,
    low_dbm0: float = -8.0,
    high_dbm0: float = -6.0,
    low_off: float = 0.0,
    high_off: float = 0.0,
) -> Wave:
    """A key with hard edges and any phase; `*_off`: frequency errors as parts of one."""
    place = KEYS.index(key)
    at = np.arange(round(ms * 8)) / 8000
    low, high = rng.uniform(0, 2 * np.pi, 2)
    wave: Wave = amplitude(low_dbm0) * np.sin(2 * np.pi * LOW_HZ[place >> 2] * (1 + low_off) * at + low)
    wave += amplitude(high_dbm0) * np.sin(2 * np.pi * HIGH_HZ[place & 3] * (1 + high_off) * at + high)
    return wave


def through(wave: Wave, law: str) -> Samples:
    """Coded and decoded."""
    codec = CODECS[law]
    return codec.decode_rows(codec.encode_rows(np.clip(np.round(wave), -32768, 32767).astype(np.int16)))


def heard(waves: list[Wave], law: str) -> list[list[DigitHeard]]:
    """What a receiver with a row for each wave tells at the ends of keys."""
    length = max(map(len, waves))
    rows = np.zeros((len(waves), length + -length % 160))
    for row, wave in enumerate(waves):
        rows[row, : len(wave)] = wave
    coded = through(rows, law)
    receiver = DtmfReceiver()
    receiver.arrange(list(range(len(waves))))
    found: list[list[DigitHeard]] = [[] for _ in waves]
    for at in range(0, coded.shape[1], 160):
        for one in receiver.process(coded[:, at : at + 160]):
            found[one.key].append(one)
    return found


def digits(found: list[DigitHeard]) -> str:
    return "".join(one.digit for one in found)
