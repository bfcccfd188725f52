"""Master: what legs said lies where it was said, each on its side."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]

from media.codecs import CODECS
from media.recording.master import FORMATS, NothingRecorded, make_master
from media.tap import OUT
from tests.media.recording.tapes import WALL_NS, Samples, Tape, lag, meta, speech

pytestmark = pytest.mark.e2e  # Hours of fake recordings.


def tape(folder: Path, side: str, *codecs: str) -> Tape:
    return Tape(folder / f"{side}-1.tap", meta(side, *(codecs or ("pcmu",))))


def read(path: Path) -> tuple[Samples, Samples, int]:
    sound, rate_hz = soundfile.read(path, dtype="int16")
    return sound[:, 0], sound[:, 1], rate_hz


@pytest.mark.parametrize("format", FORMATS)
def test_both_sides_lie_apart_and_in_time(tmp_path: Path, format: str) -> None:
    ann, ben = speech(12.0, 1), speech(11.0, 2)
    left, right = tape(tmp_path, "left"), tape(tmp_path, "right")
    left.say(ann, at_s=0.02)
    right.say(ben, at_s=0.52)
    left.flush()
    right.flush()
    out = tmp_path / f"made{FORMATS[format][0]}"
    made = make_master([left.path, right.path], out, format)
    assert made.faults == ()
    assert made.began_wall_ns == WALL_NS
    assert abs(made.duration_ms - 12_020) <= 20
    assert made.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert made.size_bytes == out.stat().st_size
    one, two, rate_hz = read(out)
    step = rate_hz // 8000
    assert abs(lag(one[::step], ann) - 160) <= 8
    assert abs(lag(two[::step], ben, 8000) - 4160) <= 8
    assert [(leg.side, leg.packets) for leg in made.legs] == [("left", 600), ("right", 550)]
    assert not list(tmp_path.glob(".*"))


def test_g711_is_kept_as_it_came(tmp_path: Path) -> None:
    said = speech(3.0)
    left = tape(tmp_path, "left")
    left.say(said, at_s=0.0)
    left.flush()
    make_master([left.path], tmp_path / "made.wav", "wav")
    one, two, _ = read(tmp_path / "made.wav")
    codec = CODECS["pcmu"]
    assert np.array_equal(one, codec.decode_rows(codec.encode_rows(said)))
    assert not two.any()


@pytest.mark.parametrize("drift", [200e-6, -200e-6])
def test_an_hour_of_drift(tmp_path: Path, drift: float) -> None:
    """The far end's clock is 0.72 s off after an hour: what is said then still lies where it was said."""
    seconds, said = 3600, speech(20.0)
    rng = np.random.default_rng(3)
    left = tape(tmp_path, "left")
    for begin in range(0, seconds, 20):
        late = rng.exponential(4.0, 1000)
        left.say(said, at_s=begin / (1 + drift), drift=drift, jitter_ms=late)
    left.flush()
    make_master([left.path], tmp_path / "made.wav", "wav")
    one, _, _ = read(tmp_path / "made.wav")
    for begin in range(20, seconds - 20, 600):
        due = round(begin / (1 + drift) * 8000)
        off = lag(one[due : due + 80_000], said[:80_000])
        assert abs(off) <= 0.020 * 8000, f"{off / 8:.1f} ms off after {begin} s"


def test_losses_are_filled_and_nothing_moves(tmp_path: Path) -> None:
    said = speech(10.0)
    rng = np.random.default_rng(4)
    lost = frozenset(rng.choice(np.arange(5, 500), 25, replace=False).tolist())
    left = tape(tmp_path, "left")
    left.say(said, at_s=0.0, lost=lost)
    left.flush()
    made = make_master([left.path], tmp_path / "made.wav", "wav")
    one, _, _ = read(tmp_path / "made.wav")
    assert made.faults == ()
    assert lag(one, said) == 0
    number = min(lost)
    assert one[number * 160 : number * 160 + 80].any(), "a lost packet is concealed"
    last = max(lost) + 1
    tail = slice(last * 160 + 80, len(one))
    codec = CODECS["pcmu"]
    assert np.array_equal(one[tail], codec.decode_rows(codec.encode_rows(said[tail])))


def test_a_pause_is_silence(tmp_path: Path) -> None:
    left = tape(tmp_path, "left")
    left.say(speech(4.0, 1), at_s=0.0)
    left.pause(4.0)
    left.skip(3.0)
    left.note(meta("left", "pcmu") + b" ", 7.0)
    again = speech(4.0, 2)
    left.say(again, at_s=7.0)
    left.flush()
    made = make_master([left.path], tmp_path / "made.wav", "wav")
    one, _, _ = read(tmp_path / "made.wav")
    assert not one[4 * 8000 : 7 * 8000].any()
    assert abs(lag(one[7 * 8000 :], again)) <= 1
    assert made.faults == ()


def test_another_codec_and_another_stream(tmp_path: Path) -> None:
    parts = [speech(4.0, seed) for seed in (1, 2, 3)]
    left = tape(tmp_path, "left", "pcmu", "pcma")
    left.say(parts[0], at_s=0.0)
    left.say(parts[1], "pcma", at_s=4.0)
    left.ssrc, left.timestamp = 8, 99
    left.say(parts[2], "pcma", at_s=9.0)
    left.flush()
    make_master([left.path], tmp_path / "made.wav", "wav")
    one, _, _ = read(tmp_path / "made.wav")
    for begin, said in zip((0, 4, 9), parts, strict=True):
        assert abs(lag(one[begin * 8000 : (begin + 4) * 8000], said)) <= 8


def test_a_timestamp_that_jumps(tmp_path: Path) -> None:
    left = tape(tmp_path, "left")
    left.say(speech(4.0, 1), at_s=0.0)
    left.timestamp = (left.timestamp + 3_000_000) % (1 << 32)
    again = speech(4.0, 2)
    left.say(again, at_s=4.0)
    left.flush()
    made = make_master([left.path], tmp_path / "made.wav", "wav")
    one, _, _ = read(tmp_path / "made.wav")
    assert abs(made.duration_ms - 8000) <= 20
    assert abs(lag(one[4 * 8000 :], again)) <= 8


@pytest.mark.parametrize("codec", [name for name in ("opus", "g722") if name in CODECS])
def test_wide_codecs(tmp_path: Path, codec: str) -> None:
    said, narrow = speech(6.0, 5, 16000 if codec == "g722" else 8000), speech(6.0, 6)
    left, right = tape(tmp_path, "left", codec), tape(tmp_path, "right")
    left.say(said, codec, at_s=0.0, lost=frozenset({50, 51}))
    right.say(narrow, at_s=0.0)
    left.flush()
    right.flush()
    made = make_master([left.path, right.path], tmp_path / "made.wav", "wav")
    one, two, rate_hz = read(tmp_path / "made.wav")
    assert made.rate_hz == rate_hz == 16000
    assert abs(lag(one if codec == "g722" else one[::2], said)) <= 0.010 * 16000
    assert abs(lag(two[::2], narrow)) <= 0.005 * 8000


def test_what_the_server_says_is_on_the_other_side(tmp_path: Path) -> None:
    said, heard = speech(3.0, 1), speech(3.0, 2)
    left = tape(tmp_path, "left")
    left.say(said, at_s=0.0)
    left.ssrc = 9
    left.say(heard, at_s=0.0, direction=OUT)
    left.flush()
    make_master([left.path], tmp_path / "made.wav", "wav")
    one, two, _ = read(tmp_path / "made.wav")
    assert abs(lag(one, said)) <= 8
    assert abs(lag(two, heard)) <= 8


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    left = tape(tmp_path, "left")
    left.say(speech(2.0), at_s=0.0)
    left.flush()
    left.note(meta("left", "pcmu"), 2.5)  # By the worker that took over.
    left.lose(12)
    left.flush()
    whole = left.path.read_bytes()
    left.path.write_bytes(whole + whole[:100])
    right = Tape(tmp_path / "right-1.tap", b"nonsense")
    right.flush()
    made = make_master([left.path, right.path], tmp_path / "made.wav", "wav")
    assert made.faults == (
        "right-1.tap has no beginning that can be read",
        "left-1: no room for 12 packets",
        "left-1: a media worker was replaced in the middle",
        "left-1: the end is damaged",
    )
    assert abs(made.duration_ms - 2000) <= 20


def test_nothing_to_hear(tmp_path: Path) -> None:
    with pytest.raises(NothingRecorded):
        make_master([], tmp_path / "made.wav", "wav")
    left = tape(tmp_path, "left")
    left.flush()
    with pytest.raises(NothingRecorded, match="nobody sent sound"):
        make_master([left.path], tmp_path / "made.wav", "wav")
    assert [one.name for one in tmp_path.iterdir()] == ["left-1.tap"]


def test_any_octets_may_be_in_a_tap(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    for number in range(60):
        left = tape(tmp_path, "left", "pcmu", *(("opus",) if "opus" in CODECS else ()))
        left.say(speech(0.5), at_s=0.0)
        kept = bytearray(left.kept)
        for place in rng.integers(0, len(kept), 40):
            kept[place] = rng.integers(0, 256)
        left.kept = bytes(kept)
        left.path.unlink(missing_ok=True)
        left.flush()
        try:
            made = make_master([left.path], tmp_path / "made.wav", "wav")
        except NothingRecorded:
            continue
        assert made.duration_ms >= 0, number
