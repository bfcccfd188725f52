"""Speakers: whatever packet time and codec the far end asked for, its sound goes out whole and in time."""

from __future__ import annotations

import numpy as np
import pytest

from media.codecs import CODECS
from media.mix.speaker import Speaker
from media.mix_state import Heard, Mix
from tests.media.mix.network import tone
from tests.media.mix.test_ears import Line, state

PTIMES_MS = (10, 15, 20, 25, 30, 40, 50, 60)


@pytest.mark.parametrize("ptime_ms", PTIMES_MS)
@pytest.mark.parametrize(
    ("codec", "rate_hz"),
    [("pcmu", 8000), ("g722", 16000), ("opus", 8000), ("opus", 48000), ("l16", 8000), ("l16/16000", 16000)],
)
def test_every_packet_time_is_sent_at_the_pace_of_time(codec: str, rate_hz: int, ptime_ms: int) -> None:
    speaker = Speaker(Heard(payload_type=96, codec=codec), ptime_ms, rate_hz)
    # 1.2 s: whole packets of each of these times.
    sound = tone(1.2, rate_hz=rate_hz).reshape(60, -1)
    payloads = [payload for frame in sound for payload in speaker.payloads(frame)]
    units = len(payloads) * speaker.units
    assert units == CODECS[codec].samples_per_frame(1200)
    assert speaker.units <= CODECS[codec].samples_per_frame(ptime_ms)
    # What is larger would not be sent at all.
    assert 0 < max(map(len, payloads)) <= 1400
    decoder = CODECS[codec].decoder(rate_hz)
    assert sum(len(decoder.decode(payload)) for payload in payloads) == sound.size


def test_an_opus_phone_that_wants_thirty_milliseconds_hears_the_room() -> None:
    line = Line()
    line.mixer.put(1, 1, state("pcmu", mix=Mix(room=1, rate_hz=8000), detect=()))
    line.mixer.put(2, 1, state("opus", mix=Mix(room=1, rate_hz=8000), detect=(), ptime_ms=30))
    line.says(1, "pcmu", tone(2.0), 8000)
    line.run(100)
    decoder = CODECS["opus"].decoder(8000)
    heard = np.concatenate([decoder.decode(payload) for payload in line.spoken[2]])
    assert len(heard) == pytest.approx(16000, abs=1600)
    assert np.abs(heard[-8000:]).max() > 4000


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 60])
def test_who_speaks_now_and_then_in_a_conference_is_sent_to_at_the_pace_of_time(ptime_ms: int) -> None:
    line = Line()
    for port_id in (1, 2, 3):
        mix = Mix(room=1, rate_hz=16000, conference=True)
        line.mixer.put(port_id, 1, state("g722", mix=mix, detect=(), ptime_ms=ptime_ms))
    rng = np.random.default_rng(5)
    for port_id in (1, 2):
        # Turns that begin anywhere in a packet.
        turns = [tone(float(seconds), rate_hz=16000) for seconds in rng.uniform(0.1, 1.2, 80)]
        line.says(port_id, "g722", np.concatenate([turn * (number % 2) for number, turn in enumerate(turns)]), 16000)
    line.run(1500)
    for port_id in (1, 2, 3):
        sent_ms = sum(map(len, line.spoken[port_id])) / 8
        assert sent_ms == pytest.approx(29_960, abs=ptime_ms), f"port {port_id}"
