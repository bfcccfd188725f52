"""Taps as a media worker writes them, of legs whose clocks and networks are as the test has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from media.codecs import CODECS
from media.tap import IN, LOST, NOTE, PAUSED, pack_block, pack_record

Samples = NDArray[np.int16]
NUMBERS = {"pcmu": 0, "pcma": 8, "g722": 9, "opus": 111, "g729": 18}
BEGIN_NS = 5_000_000_000_000
WALL_NS = 1_790_000_000_000_000_000


def meta(side: str, *codecs: str, leg: str = "", direction: str = "in") -> bytes:
    rows = [[NUMBERS[one], one, 48000 if one == "opus" else 8000, 1] for one in codecs]
    facts: dict[str, Any] = {
        "call": "CALL", "tenant": "demo", "leg": leg or side, "kind": "caller", "side": side,
        "anchor": [BEGIN_NS, WALL_NS], "in": rows, "out": rows,
    }  # fmt: skip
    return json.dumps(facts).encode()


class Tape:
    """One leg's file. Times are seconds from the beginning."""

    def __init__(self, path: Path, note: bytes) -> None:
        self.path = path
        self.kept = pack_record(BEGIN_NS, NOTE, note)
        self.ssrc = 7
        self.timestamp = 4_294_960_000  # It wraps soon.
        self.sequence = 0

    def say(
        self,
        samples: Samples,
        codec: str = "pcmu",
        *,
        at_s: float,
        drift: float = 0.0,
        lost: frozenset[int] = frozenset(),
        jitter_ms: NDArray[np.float64] | None = None,
        direction: int = IN,
    ) -> None:
        """Packets of 20 ms from `at_s` on; a clock with `drift` 200e-6 runs that much fast."""
        coder = CODECS[codec].encoder(CODECS[codec].rate_hz if codec == "g722" else 8000)
        size = 320 if codec == "g722" else 160
        step = 960 if codec == "opus" else 160
        for number in range(len(samples) // size):
            payload = coder.encode(samples[number * size : (number + 1) * size])
            late = 0.0 if jitter_ms is None else jitter_ms[number] / 1000
            when = at_s + number * 0.02 / (1 + drift) + late
            if number not in lost:
                self.kept += pack_record(
                    BEGIN_NS + int(when * 1e9), direction, payload, ssrc=self.ssrc, timestamp=self.timestamp,
                    sequence=self.sequence, payload_type=NUMBERS[codec],
                )  # fmt: skip
            self.timestamp = (self.timestamp + step) % (1 << 32)
            self.sequence = (self.sequence + 1) % 65536
            if len(self.kept) > 1 << 15:
                self.flush()

    def skip(self, seconds: float) -> None:
        """The stream's clock goes on, nothing is sent."""
        self.timestamp = (self.timestamp + int(seconds * 8000)) % (1 << 32)

    def note(self, note: bytes, at_s: float) -> None:
        self.kept += pack_record(BEGIN_NS + int(at_s * 1e9), NOTE, note)

    def pause(self, at_s: float) -> None:
        self.kept += pack_record(BEGIN_NS + int(at_s * 1e9), PAUSED, b"")

    def lose(self, count: int) -> None:
        self.kept += pack_record(0, LOST, count.to_bytes(8, "little"))

    def flush(self) -> None:
        with self.path.open("ab") as file:
            file.write(pack_block(self.kept))
        self.kept = b""


def speech(seconds: float, seed: int = 1, rate_hz: int = 8000) -> Samples:
    """Noise in bursts: every stretch of it is unlike any other."""
    rng = np.random.default_rng(seed)
    count = int(seconds * rate_hz)
    rising = np.repeat(rng.uniform(0.05, 1.0, count // (rate_hz // 10) + 1), rate_hz // 10)[:count]
    smooth = np.convolve(rng.normal(0, 6000, count), [0.25, 0.5, 0.25], "same")
    return np.clip(smooth * rising, -30000, 30000).astype(np.int16)


def lag(found: Samples, said: Samples, most: int = 4000) -> int:
    """By how many samples `found` lies behind `said`."""
    size = 1 << (len(found) + len(said)).bit_length()
    like = np.fft.irfft(np.fft.rfft(found, size) * np.conj(np.fft.rfft(said, size)), size)
    around = np.concatenate([like[-most:], like[:most]])
    return int(np.argmax(around)) - most
