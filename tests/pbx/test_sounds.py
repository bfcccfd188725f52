"""Sounds: which file is played, in which language, codec and order."""

from __future__ import annotations

from media.agreement import AgreedFormat, Agreement
from media.ready_file import ReadyFile
from pbx.sounds import Sounds

TYPES = {"PCMU": 0, "PCMA": 8, "G722": 9, "opus": 111, "G729": 18}


def ready(name: str) -> ReadyFile:
    frame_bytes = 0 if name.startswith("opus") else 160
    return ReadyFile(path=name, duration_ms=1000, frame_bytes=frame_bytes, samples_per_frame=160, ptime_ms=20)


def catalogue(*names: str, codecs: tuple[str, ...] = ("pcmu",)) -> dict[str, ReadyFile]:
    return {path: ready(path) for codec in codecs for name in names if (path := f"{codec}/{name}")}


def agreed(*names: str) -> Agreement:
    formats = tuple(
        AgreedFormat(name=name, clock_rate=8000, channels=1, send_pt=TYPES[name], receive_pt=TYPES[name])
        for name in names
    )
    return Agreement(
        formats=formats, events=(), remote_rtp=None, remote_rtcp=None, rtcp_mux=False, direction="sendrecv", ptime_ms=20
    )


class Missing(list[tuple[str, str]]):
    """What was told to be missing."""

    def __call__(self, name: str, language: str) -> None:
        self.append((name, language))


def path(sounds: Sounds, name: str, language: str | tuple[str, ...], tenant: str | None = None) -> str | None:
    player = sounds.player(name, language, "de", agreed("PCMU"), 1, tenant)
    return None if player is None else player.path


def test_a_sound_is_found_in_the_most_particular_place() -> None:
    missing = Missing()
    names = ("fr/a", "zh/a", "en/a", "de/a", "@acme/en/a", "fr/b", "tones/de/busy", "tones/us/busy", "tones/us/dial")
    sounds = Sounds(catalogue(*names, "tones/silence", "tones/beep"), on_missing=missing)
    assert path(sounds, "a", ("zh", "de")) == "pcmu/zh/a"
    assert path(sounds, "a", ("ru", "de")) == "pcmu/de/a"
    assert path(sounds, "a", "ru") == "pcmu/en/a"
    assert path(sounds, "a", "en", "acme") == path(sounds, "a", "ru", "acme") == "pcmu/@acme/en/a"
    assert path(sounds, "a", "zh", "acme") == "pcmu/zh/a"
    assert path(sounds, "a", "en", "other") == "pcmu/en/a"
    assert path(sounds, "b", ("zh", "en")) == "pcmu/fr/b"
    assert path(sounds, "busy", "en") == "pcmu/tones/de/busy"
    assert path(sounds, "dial", "en") == "pcmu/tones/us/dial"
    assert path(sounds, "beep", "en") == "pcmu/tones/beep"
    assert not missing
    assert Sounds(catalogue("zh/a", "en/a"), language="zh").player("a", (), "us", agreed("PCMU"), 1)


def test_a_sound_that_is_missing_is_silence_and_told_once() -> None:
    missing = Missing()
    sounds = Sounds(catalogue("en/a", "tones/silence"), on_missing=missing)
    for _ in range(3):
        assert path(sounds, "b", ("zh", "en")) == "pcmu/tones/silence"
    assert path(sounds, "b", "en") == "pcmu/tones/silence"
    assert missing == [("b", "zh"), ("b", "en")]
    sounds.add(catalogue("en/b"))
    assert path(sounds, "b", ("zh", "en")) == "pcmu/en/b"
    for index in range(3000):
        path(sounds, f"name-{index}", "en")
    assert len(missing) == 1002


def test_a_sequence_is_one_player_of_all_its_files() -> None:
    sounds = Sounds(catalogue("en/a", "en/b", "tones/silence", codecs=("pcmu", "opus")))
    player = sounds.sequence(["a", "silence", "b", "none", "a"], "en", "us", agreed("G729", "opus", "PCMU"), None)
    assert player is not None
    assert (player.path, player.payload_type, player.frame_bytes, player.plays) == ("opus/en/a", 111, 0, None)
    assert player.more == ("opus/tones/silence", "opus/en/b", "opus/tones/silence", "opus/en/a")
    assert sounds.sequence([], "en", "us", agreed("PCMU")) is None


def test_without_a_codec_there_is_no_player() -> None:
    sounds = Sounds(catalogue("en/a", "tones/silence"))
    assert sounds.player("a", "en", "us", agreed("G729", "PCMA"), 1) is None
    assert sounds.player("a", "en", "us", None, 1) is None
    assert sounds.music(None) is None
    assert sounds.spoken([{"pcmu": ready("x")}], agreed("PCMA")) is None


def test_players_have_numbers_of_their_own() -> None:
    sounds = Sounds(catalogue("en/a", "music/hold"))
    players = [sounds.player("a", "en", "us", agreed("PCMU"), 1), sounds.music(agreed("PCMU"))]
    assert len({player.id for player in players if player is not None}) == 2


def test_music_is_shared_and_falls_back_to_that_of_hold() -> None:
    sounds = Sounds(catalogue("music/hold", "music/jazz"))
    jazz, unknown = sounds.music(agreed("PCMU"), "jazz"), sounds.music(agreed("PCMU"), "rock")
    assert jazz is not None
    assert unknown is not None
    assert (jazz.path, jazz.shared, jazz.plays) == ("pcmu/music/jazz", True, None)
    assert unknown.path == "pcmu/music/hold"


def test_spoken_texts_follow_one_another() -> None:
    texts = [{"pcmu": ready(f"pcmu/{name}"), "opus": ready(f"opus/{name}")} for name in "xyz"]
    player = Sounds({}).spoken(texts, agreed("opus", "PCMU"), 2)
    assert player is not None
    assert (player.path, player.more, player.plays) == ("opus/x", ("opus/y", "opus/z"), 2)
    assert Sounds({}).spoken([*texts, {"pcmu": ready("w")}], agreed("opus")) is None


def test_codecs_are_those_in_which_nothing_is_left_to_be_made() -> None:
    sounds = Sounds(catalogue("en/a"))
    assert list(sounds.codecs) == ["pcma", "pcmu"]
    sounds.add(catalogue("en/a", codecs=("g722", "opus")), complete=("g722", "opus"))
    assert list(sounds.codecs) == ["pcma", "pcmu", "g722", "opus"]
    sounds.add({}, complete=("pcma",))
    assert list(sounds.codecs) == ["pcma", "pcmu", "g722", "opus"]
