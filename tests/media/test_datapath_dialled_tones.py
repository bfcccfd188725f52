"""Contract of both data paths with the mix runner: keys as tones always come to an end."""

from __future__ import annotations

import pytest

from media.event import DigitsSent
from media.mix_runner import MixRunner
from media.mix_state import Heard, Mix, Voice
from media.port_state import PortState, SentDigits
from tests.media.datapath_bench import Bench

PCMU = Heard(payload_type=0, codec="pcmu")
VOICE = Voice(hear=(PCMU,), speak=PCMU)


def dialling(digits: str, ident: int, mix: Mix | None) -> PortState:
    tones = SentDigits(id=ident, digits=digits, payload_type=0, tones=True)
    return PortState(voice=VOICE if mix is not None else None, mix=mix, send_digits=tones)


def ended(runner: MixRunner) -> list[int]:
    return [event.digits_id for event in runner.events() if isinstance(event, DigitsSent)]


@pytest.mark.parametrize(("digits", "mix"), [("5", None), ("!", Mix(room=1))])
def test_keys_that_cannot_be_heard_are_over_at_once(bench: Bench, digits: str, mix: Mix | None) -> None:
    bench.port(1)
    runner = MixRunner(bench.path)
    runner.put(1, 1, dialling(digits, 7, mix), 0)
    assert ended(runner) == [7]
    # The rest of that state was carried out.
    assert bench.path.stats(1).packets_received == 0
    runner.put(1, 2, dialling("1", 8, Mix(room=1)), 0)
    assert ended(runner) == []


def test_keys_of_a_member_that_leaves_its_room_are_over(bench: Bench) -> None:
    bench.port(1)
    runner = MixRunner(bench.path)
    runner.put(1, 1, dialling("123", 7, Mix(room=1)), 0)
    assert ended(runner) == []
    runner.put(1, 2, dialling("123", 7, None), 0)
    assert ended(runner) == [7]
