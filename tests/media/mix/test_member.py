"""Members: whatever codec of those agreed a far end sends, it is understood."""

from __future__ import annotations

import numpy as np
import pytest

from media.codecs import CODECS
from media.mix.mixer import Mixer
from media.mix_state import Heard, Mix, Voice
from media.port_state import PortState
from tests.media.mix.network import TICK_NS, tone
from tests.media.mix.test_ears import state


@pytest.mark.parametrize("room_hz", [8000, 16000])
@pytest.mark.parametrize(("first", "sent"), [("g722", "pcmu"), ("pcmu", "g722"), ("g722", "pcma"), ("l16", "g722")])
def test_a_far_end_that_changes_to_its_second_codec_is_heard(first: str, sent: str, room_hz: int) -> None:
    hear = (Heard(payload_type=100, codec=first), Heard(payload_type=101, codec=sent))
    mixer = Mixer()
    mixer.put(1, 1, PortState(voice=Voice(hear=hear, speak=hear[0]), mix=Mix(room=1, rate_hz=room_hz)))
    mixer.put(2, 1, state("pcmu", mix=Mix(room=1, rate_hz=room_hz), detect=()))
    heard: list[bytes] = []
    streams = {}
    for number, name in ((100, first), (101, sent)):
        rate_hz = CODECS[name].rate_hz
        encoder = CODECS[name].encoder(rate_hz)
        streams[number] = [encoder.encode(frame) for frame in tone(2.0, 400.0, rate_hz).reshape(100, -1)]
    for tick in range(100):
        number = 100 if tick < 40 else 101
        arrival = (1, tick * TICK_NS, 7, tick, tick * 160, number, False, streams[number][tick])
        heard += [payload for port_id, payload, *_ in mixer.tick(tick * TICK_NS + 9_000_000, [arrival]) if port_id == 2]
    last = CODECS["pcmu"].decoder(8000).decode(b"".join(heard[-40:])).astype(float)
    level = abs(np.exp(-2j * np.pi * 400 / 8000 * np.arange(len(last))) @ last) / len(last)
    assert level == pytest.approx(4000, rel=0.1)
