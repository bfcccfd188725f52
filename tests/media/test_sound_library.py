"""Sound library: what is made ready, from which folder, and when it is made anew."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]

from media import payload_index
from media.codecs import CODECS
from media.loudness import loudness_lufs
from media.payload import PayloadError, read_payload
from media.sound_library import Catalogue, master, prepare, sound_file

pytestmark = pytest.mark.e2e  # Renders whole libraries of sounds.

SOUNDS = Path(__file__).resolve().parents[2] / "sounds"
CODEC_NAMES = ("pcmu", "g722", "opus")


def write(path: Path, seconds: float, frequency_hz: float = 500.0, rate_hz: int = 16000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    at = np.arange(round(rate_hz * seconds)) / rate_hz
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * frequency_hz * at), rate_hz)
    return path


def duration_ms(catalogue: Catalogue, name: str) -> int:
    return catalogue.files[f"pcmu/{name}"].duration_ms


def test_own_prompts_are_ready_in_both_languages(tmp_path: Path) -> None:
    made = prepare([SOUNDS], tmp_path, None, ["PCMU"])
    assert not made.faults
    for language in ("en", "zh"):
        for prompt in ("not-in-service", "welcome"):
            file = made.files[f"pcmu/{language}/{prompt}"]
            assert 1000 <= file.duration_ms <= 6000
            heard = (read_payload(Path(file.path), CODECS["pcmu"]) / 32768).astype(np.float32)
            assert loudness_lufs(heard, 8000) == pytest.approx(-23.0, abs=1.0)
    assert made.files["pcmu/tones/cn/busy"].duration_ms == 700
    assert made.files["pcmu/tones/silence"].duration_ms == 200
    assert "pcmu/music/hold" in made.files


def test_what_is_ready_is_kept_and_what_changed_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "s/en/hello.wav", 0.13)

    def made() -> tuple[Catalogue, dict[str, int]]:
        catalogue = prepare([tmp_path / "s"], tmp_path / "out", ["en"], CODEC_NAMES)
        return catalogue, {name: os.stat(file.path).st_ino for name, file in catalogue.files.items()}

    first, files = made()
    assert (duration_ms(first, "en/hello"), first.files["opus/en/hello"].frame_bytes) == (140, 0)
    assert made() == (first, files)
    write(source, 0.25)
    # Older than the file that was made of its forerunner, as a copy that kept its time is.
    os.utime(source, (1_000_000_000, 1_000_000_000))
    second, changed = made()
    assert duration_ms(second, "en/hello") == 260
    assert {name for name in files if files[name] != changed[name]} == {f"{one}/en/hello" for one in CODEC_NAMES}
    Path(second.files["g722/en/hello"].path).unlink()
    assert Path(made()[0].files["g722/en/hello"].path).exists()
    monkeypatch.setattr(payload_index, "RENDERER", payload_index.RENDERER + 1)
    _, anew = made()
    assert all(anew[name] != inode for name, inode in changed.items())


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"renderer": 1}', '{"renderer": 1, "files": {"a": 1}}'])
def test_a_damaged_index_counts_as_empty(tmp_path: Path, damage: str) -> None:
    write(tmp_path / "s/en/hello.wav", 0.1)
    made = prepare([tmp_path / "s"], tmp_path / "out", ["en"], ["pcmu"])
    (tmp_path / "out" / payload_index.INDEX).write_text(damage)
    assert prepare([tmp_path / "s"], tmp_path / "out", ["en"], ["pcmu"]) == made


def test_the_first_root_that_has_a_sound_wins(tmp_path: Path) -> None:
    roots = [tmp_path / "own", tmp_path / "recorded", tmp_path / "rendered"]
    for seconds, root in zip((0.2, 0.3, 0.4), roots, strict=True):
        for name in ("a", "b", "c")[: 1 + roots.index(root)]:
            write(root / "en" / f"{name}.wav", seconds)
    made = prepare(roots, tmp_path / "out", ["en"], ["pcmu"])
    assert [duration_ms(made, f"en/{name}") for name in "abc"] == [200, 300, 400]
    (roots[0] / "en/a.wav").unlink()
    assert duration_ms(prepare(roots, tmp_path / "out", ["en"], ["pcmu"]), "en/a") == 300


def test_a_damaged_file_is_told_and_the_next_root_serves(tmp_path: Path) -> None:
    write(tmp_path / "recorded/en/a.wav", 0.3)
    (tmp_path / "own/en").mkdir(parents=True)
    (tmp_path / "own/en/a.wav").write_text("no sound at all")
    (tmp_path / "own/en/b.mp3").write_bytes(b"")
    made = prepare([tmp_path / "own", tmp_path / "recorded"], tmp_path / "out", ["en"], CODEC_NAMES)
    assert duration_ms(made, "en/a") == 300
    assert not [name for name in made.files if name.endswith("/b")]
    assert len(made.faults) == 2
    assert "own/en/a.wav: cannot be read as sound" in made.faults[0]
    assert "own/en/b.mp3: the file is empty" in made.faults[1]


def test_tenants_have_prompts_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "s/tenants/acme/en/welcome.flac", 0.2)
    write(tmp_path / "s/tenants/acme/zh/welcome.flac", 0.2)
    write(tmp_path / "s/en/welcome.flac", 0.3)
    names = set(prepare([tmp_path / "s"], tmp_path / "out", ["en"], ["pcmu"]).files)
    assert {"pcmu/@acme/en/welcome", "pcmu/en/welcome"} < names
    assert "pcmu/@acme/zh/welcome" not in names
    assert "pcmu/@acme/zh/welcome" in prepare([tmp_path / "s"], tmp_path / "out", None, ["pcmu"]).files


def test_a_folder_of_music_is_one_row_of_its_pieces(tmp_path: Path) -> None:
    music = tmp_path / "s/music"
    write(music / "single.ogg", 0.5)
    for index in range(6):
        write(music / "mixed" / f"{index}.wav", 0.1 * (index + 1), 300.0 + 200 * index)

    def octets() -> bytes:
        made = prepare([tmp_path / "s"], tmp_path / "out", [], ["pcmu"])
        assert {name for name in made.files if "/music/" in name} == {"pcmu/music/single", "pcmu/music/mixed"}
        assert duration_ms(made, "music/mixed") == 2100
        return Path(made.files["pcmu/music/mixed"].path).read_bytes()

    sorted_by_name = octets()
    heard = read_payload(tmp_path / "out/pcmu/music/mixed.raw", CODECS["pcmu"])
    assert np.argmax(np.abs(np.fft.rfft(heard[:800]))) == 30
    assert np.argmax(np.abs(np.fft.rfft(heard[-1600:]))) == 260
    (music / "mixed" / "random").touch()
    assert octets() != sorted_by_name


def test_errors_name_what_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(PayloadError, match=r"codec 'g729' cannot be encoded \(allowed: .*pcmu, "):
        prepare([SOUNDS], tmp_path, ["en"], ["g729"])
    assert prepare([tmp_path / "nowhere"], tmp_path / "out", ["xx"], ["pcmu"]).faults == []


def test_one_name_in_two_kinds_of_file(tmp_path: Path) -> None:
    write(tmp_path / "a.ogg", 0.2)
    assert sound_file(tmp_path, "a") == tmp_path / "a.ogg"
    write(tmp_path / "a.wav", 0.3)
    assert sound_file(tmp_path, "a") == tmp_path / "a.wav"
    assert sound_file(tmp_path, "b") is None
    assert len(master(tmp_path / "a.wav")) == 4800


def test_what_is_not_ready_in_time_is_left(tmp_path: Path) -> None:
    def made(over: bool) -> Catalogue:
        roots = [tmp_path / "own", tmp_path / "recorded"]
        return prepare(roots, tmp_path / "out", ["en"], ["pcmu"], lambda: over)

    assert made(True).files == {}
    write(tmp_path / "recorded/en/a.wav", 0.3)
    assert (duration_ms(made(False), "en/a"), made(True).left) == (300, 0)
    # A new recording: the old one is heard until it is ready.
    write(tmp_path / "own/en/a.wav", 0.2)
    assert (duration_ms(made(True), "en/a"), made(True).left) == (300, 1)
    assert (duration_ms(made(False), "en/a"), made(True).left) == (200, 0)
