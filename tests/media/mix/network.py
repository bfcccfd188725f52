"""A stream through a network that loses, delays and doubles packets, into a playout, in fake time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.codecs import CODECS, Samples
from media.mix.playout import Playout
from media.mix.understood import Understood

TICK_NS = 20_000_000
Delay = Callable[[int], float | None]
"""Packet number -> ms on the way; None: lost."""


@dataclass(slots=True)
class Packet:
    at_ns: int
    ssrc: int
    sequence: int
    timestamp: int
    payload: bytes
    payload_type: int = 0


def tone(seconds: float, hz: float = 300.0, rate_hz: int = 8000, level: float = 8000.0) -> Samples:
    """A sine wave."""
    at = np.arange(int(seconds * rate_hz)) / rate_hz
    return np.round(level * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def stream(
    samples: Samples, delay: Delay, *, ptime_ms: int = 20, drift: float = 0.0, ssrc: int = 7, first: int = 65500
) -> list[Packet]:
    """PCMU packets of a sound in the order of arrival; `drift` makes the sender's clock faster (1e-6 is one ppm)."""
    encoder = CODECS["pcmu"].encoder(8000)
    size = 8 * ptime_ms
    packets = []
    for number in range(len(samples) // size):
        late_ms = delay(number)
        if late_ms is None:
            continue
        sent_ns = number * ptime_ms * 1_000_000 / (1.0 + drift)
        packets.append(
            Packet(
                at_ns=int(sent_ns + late_ms * 1_000_000),
                ssrc=ssrc,
                sequence=(first + number) & 0xFFFF,
                timestamp=(4_294_960_000 + number * size) & 0xFFFFFFFF,
                payload=encoder.encode(samples[number * size : (number + 1) * size]),
            )
        )
    return sorted(packets, key=lambda packet: packet.at_ns)


def listen(packets: list[Packet], seconds: float, playout: Playout | None = None) -> tuple[Samples, Playout]:
    """What is heard, tick by tick."""
    playout = playout or new_playout()
    codec = CODECS["pcmu"]
    heard: list[Samples] = []
    waiting = list(reversed(packets))
    for tick in range(int(seconds * 50)):
        now_ns = tick * TICK_NS
        while waiting and waiting[-1].at_ns <= now_ns:
            one = waiting.pop()
            playout.packet(
                (now_ns - one.at_ns) / 1e6, one.ssrc, one.sequence, one.timestamp, one.payload_type, one.payload
            )
        given = playout.pull()
        if given is None:
            heard.append(np.zeros(160, dtype=np.int16))
        elif isinstance(given, bytes):
            heard.append(codec.decode_rows(np.frombuffer(given, dtype=np.uint8)))
        else:
            assert len(given) == 160
            heard.append(given)
    return np.concatenate(heard), playout


def new_playout() -> Playout:
    """A playout of PCMU."""
    codec = CODECS["pcmu"]
    types = {
        0: Understood(codec=codec, decoder=codec.decoder(8000)),
        13: Understood(noise=True),
    }
    return Playout(clock_rate=8000, rate_hz=8000, types=types)


def steps(samples: Samples) -> NDArray[np.int32]:
    """How far each sample lies from what its two neighbours lead one to expect: a click is a large one."""
    wave = samples.astype(np.int32)
    second: NDArray[np.int32] = np.abs(wave[2:] - 2 * wave[1:-1] + wave[:-2])
    return second


def likeness(heard: Samples, said: Samples) -> float:
    """The best correlation over all shifts, 0..1."""
    one, other = heard.astype(np.float64), said.astype(np.float64)
    size = 1 << (len(one) + len(other) - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size)), size)
    return float(np.max(product) / np.sqrt(np.sum(one * one) * np.sum(other * other)))
