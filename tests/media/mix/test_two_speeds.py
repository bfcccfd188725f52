"""The jitter buffer compiled, and the very same files without a compiler: the same sound and counts for any input."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path

import numpy as np
import pytest

import media.mix.playout
from media.codecs import CODECS, Samples
from media.mix.playout import Playout
from media.mix.understood import Understood
from tests.media.mix.network import tone

PARTS = ("timeline", "delay", "filler", "playout")
FOLDER = Path(media.mix.playout.__file__).parent


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> type[Playout]:
    """The jitter buffer of the .py files, whatever lies compiled beside them."""
    for part in PARTS:
        name = f"media.mix.{part}"
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{part}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
    made: type[Playout] = sys.modules["media.mix.playout"].Playout
    return made


def new(kind: type[Playout], codec_name: str, rate_hz: int) -> Playout:
    codec = CODECS[codec_name]
    types = {0: Understood(codec=codec, decoder=codec.decoder(rate_hz)), 13: Understood(noise=True)}
    return kind(clock_rate=codec.clock_rate, rate_hz=rate_hz, types=types)


def octets(given: bytes | Samples | None) -> bytes | None:
    return given.tobytes() if isinstance(given, np.ndarray) else given


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("codec", "rate_hz"), [("pcmu", 8000), ("g722", 16000), ("opus", 8000), ("opus", 48000), ("l16/16000", 16000)]
)
def test_both_give_the_same(uncompiled: type[Playout], codec: str, rate_hz: int, seed: int) -> None:
    assert uncompiled is not Playout
    rng = random.Random(seed)
    both = [new(kind, codec, rate_hz) for kind in (Playout, uncompiled)]
    clock = CODECS[codec].clock_rate
    payload = CODECS[codec].encoder(rate_hz).encode(tone(0.02, rate_hz=rate_hz))
    sequence, timestamp, ssrc = 65_400, (1 << 32) - 5 * clock, 1
    # The first packets as they should be, then ever wilder.
    for tick in range(600):
        wild = rng.random() < tick / 600
        for _ in range(rng.choice((0, 1, 1, 1, 2, 4)) if wild else 1):
            if wild:
                sequence += rng.choice((0, 0, 1, 2, -3, 40, rng.randrange(1 << 16)))
                timestamp += rng.choice((0, 0, 1, 5, clock // 50, -clock // 50, 2 * clock, rng.randrange(1 << 32)))
                ssrc = ssrc if rng.random() < 0.98 else rng.randrange(1 << 32)
            packet = (
                rng.uniform(-2.0, 22.0),
                ssrc,
                sequence & 0xFFFF,
                timestamp & 0xFFFFFFFF,
                rng.choice((0, 0, 0, 0, 13, 101)) if wild else 0,
                payload if rng.random() < 0.8 else rng.randbytes(rng.choice((0, 1, 3, 160, 161, 1400))),
            )
            for one in both:
                one.packet(*packet)
            sequence += 1
            timestamp += clock // 50
        given = [octets(one.pull()) for one in both]
        assert given[0] == given[1], f"tick {tick}"
        assert both[0].delay_ms == both[1].delay_ms
        assert both[0].waiting == both[1].waiting <= 256
    assert both[0].counts == both[1].counts
