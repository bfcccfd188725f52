"""Opus: what fmtp asks for is done, losses are made good, nothing that comes in does harm."""

from __future__ import annotations

import contextlib
import gc
import weakref
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media import codecs
from media.codecs import CODECS, BadPayload, Samples
from media.codecs.opus import RATES_HZ, OpusDecoder, OpusEncoder
from media.codecs.opus_library import OpusLibrary, opus_library
from media.codecs.opus_parameters import OpusParameters
from tests.media.ffmpeg_coder import ffmpeg_decode, ffmpeg_encode
from tests.media.speech import frames, speech

OPUS = CODECS["opus"]


def packets(rate_hz: int, fmtp: str | None = None, ptime_ms: int = 20, samples: Samples | None = None) -> list[bytes]:
    encoder = OPUS.encoder(rate_hz, fmtp)
    heard = speech(rate_hz=rate_hz)[: 2 * rate_hz] if samples is None else samples
    return [encoder.encode(frame) for frame in frames(heard, rate_hz, ptime_ms)]


def library() -> OpusLibrary:
    opened = opus_library()
    assert isinstance(opened, OpusLibrary), opened
    return opened


def loudness(samples: Samples) -> float:
    return float(np.sqrt(np.mean(samples.astype(float) ** 2)))


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("ptime_ms", [10, 20, 40, 60])
def test_all_rates_and_frames_come_out_as_they_went_in(rate_hz: int, ptime_ms: int) -> None:
    heard = speech(rate_hz=rate_hz)[rate_hz // 2 : rate_hz]
    decoder = OPUS.decoder(rate_hz)
    decoded = np.concatenate([decoder.decode(packet) for packet in packets(rate_hz, None, ptime_ms, heard)])
    size = len(heard) // (rate_hz * ptime_ms // 1000) * (rate_hz * ptime_ms // 1000)
    assert len(decoded) == size
    # RFC 6716 §2.1.7: the algorithmic delay of 6.5 ms.
    delay = rate_hz * 65 // 10000
    assert np.corrcoef(decoded[delay:], heard[: size - delay])[0, 1] > 0.85


def test_ffmpeg_understands_ours_and_we_ffmpegs() -> None:
    ours = packets(48000)
    decoder = OPUS.decoder(48000)
    own = np.concatenate([decoder.decode(packet) for packet in ours])
    theirs = ffmpeg_decode("libopus", ours, 48000)
    # FFmpeg rounds without dither and decodes in two channels, so a few units differ.
    assert np.corrcoef(own[:48000], theirs[:48000])[0, 1] > 0.999
    decoder = OPUS.decoder(48000)
    heard = np.concatenate(
        [decoder.decode(packet) for packet in ffmpeg_encode("libopus", speech(rate_hz=48000), 48000)]
    )
    assert loudness(heard) == pytest.approx(loudness(speech(rate_hz=48000)), rel=0.1)


def test_an_encoder_of_one_rate_feeds_a_decoder_of_another() -> None:
    decoder = OPUS.decoder(8000)
    decoded = np.concatenate([decoder.decode(packet) for packet in packets(48000)])
    assert len(decoded) == len(speech())
    assert loudness(decoded) == pytest.approx(loudness(speech()), rel=0.1)


def test_stereo_comes_out_as_mono() -> None:
    ffi, functions = library().ffi, library().functions
    error = ffi.new("int *")
    encoder = ffi.gc(functions.opus_encoder_create(48000, 2, 2049, error), functions.opus_encoder_destroy)
    tone = (8000 * np.sin(np.arange(4800) * 2 * np.pi * 440 / 48000)).astype(np.int16)
    both = np.stack([tone, tone], axis=1).copy()
    packet = ffi.new("unsigned char[1275]")
    decoder = OPUS.decoder(48000)
    for at in range(0, 4800, 960):
        frame = np.ascontiguousarray(both[at : at + 960])
        size = functions.opus_encode(encoder, ffi.from_buffer("int16_t[]", frame), 960, packet, 1275)
        payload = bytes(ffi.buffer(packet)[:size])
        decoded = decoder.decode(payload)
    assert payload[0] & 4, "this packet is not stereo"
    assert decoded.shape == (960,)
    assert loudness(decoded) == pytest.approx(8000 / np.sqrt(2), rel=0.05)


def test_lost_packets_are_recovered_from_the_next_ones() -> None:
    sent = packets(16000, "useinbandfec=1")
    whole, recovering, concealing = (OPUS.decoder(16000) for _ in range(3))
    original, recovered, concealed = [], [], []
    for at, packet in enumerate(sent):
        heard = whole.decode(packet)
        again = recovering.recover(sent[at + 1], 320) if at % 5 == 4 and at + 1 < len(sent) else None
        if again is None:
            recovering.decode(packet)
            concealing.decode(packet)
            continue
        original.append(heard)
        recovered.append(again)
        made = concealing.conceal(320)
        assert made is not None
        concealed.append(made)
    assert len(recovered) > 10
    near = np.corrcoef(np.concatenate(recovered), np.concatenate(original))[0, 1]
    guessed = np.corrcoef(np.concatenate(concealed), np.concatenate(original))[0, 1]
    assert near > 0.8
    assert near > guessed + 0.1


@pytest.mark.parametrize(("rate_hz", "ptime_ms"), [(8000, 20), (8000, 60), (16000, 40), (16000, 10), (48000, 20)])
def test_recovery_only_where_the_packet_repeats_something(rate_hz: int, ptime_ms: int) -> None:
    decoder = OPUS.decoder(rate_hz)
    size = rate_hz * ptime_ms // 1000
    assert all(decoder.recover(packet, size) is None for packet in packets(rate_hz, None, ptime_ms))
    with_fec = [decoder.recover(packet, size) for packet in packets(rate_hz, "useinbandfec=1", ptime_ms)]
    found = [one for one in with_fec if one is not None]
    assert len(found) > len(with_fec) // 3
    assert {len(one) for one in found} == {size}


@pytest.mark.parametrize("samples", [0, 1, 100, 960, 5760, 100_000])
def test_conceals_any_number_of_samples(samples: int) -> None:
    decoder = OPUS.decoder(48000)
    for packet in packets(48000)[:40]:
        decoder.decode(packet)
    concealed = decoder.conceal(samples)
    assert concealed is not None
    assert concealed.shape == (samples,)
    assert not concealed[5760:].any()


def test_dtx_sends_nothing_through_a_pause() -> None:
    speaking = speech(rate_hz=16000)[8000:16000]
    pause = np.zeros(32000, dtype=np.int16)
    sent = packets(16000, "usedtx=1", samples=np.concatenate([speaking, pause, speaking]))
    assert all(sent[:25])
    assert sum(map(bool, sent[50:120])) <= 8
    assert all(sent[-20:])
    assert all(packets(16000, None, samples=pause))


def test_bit_rates_are_as_asked() -> None:
    def mean_rate(fmtp: str | None, rate_hz: int = 48000) -> float:
        sent = packets(rate_hz, fmtp)
        return sum(map(len, sent)) * 8 * 50 / len(sent)

    assert 24000 < mean_rate(None) < 42000
    assert mean_rate("maxaveragebitrate=16000") < 17600
    assert mean_rate("maxplaybackrate=8000") < 17600
    assert mean_rate("maxaveragebitrate=510000") == mean_rate(None)
    assert len({len(packet) for packet in packets(48000, "cbr=1")}) == 1
    narrow = packets(48000, "maxplaybackrate=8000")
    # RFC 6716 §3.1: configurations 0 to 3 are narrowband.
    assert {packet[0] >> 3 for packet in narrow} <= {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("fmtp", "expected"),
    [
        (None, OpusParameters()),
        ("", OpusParameters()),
        (
            "maxplaybackrate=16000; sprop-maxcapturerate=16000; maxaveragebitrate=20000; stereo=1; useinbandfec=1;"
            "usedtx=0",
            OpusParameters(
                max_playback_rate_hz=16000, max_average_bitrate=20000, stereo=True, use_in_band_fec=True, use_dtx=False
            ),
        ),
        ("CBR=1;UseDTX=1", OpusParameters(cbr=True, use_dtx=True)),
        ("maxplaybackrate=0;maxaveragebitrate=-1;stereo=yes;cbr;=;;", OpusParameters()),
        ("maxaveragebitrate=" + "9" * 100_000, OpusParameters()),
        ("maxaveragebitrate=\u0663\u0663\u0663\u0663\u0663", OpusParameters()),
    ],
)
def test_parameters(fmtp: str | None, expected: OpusParameters) -> None:
    assert OpusParameters.parse(fmtp) == expected


@pytest.mark.parametrize(
    ("rate_hz", "fmtp", "bitrate"),
    [
        (48000, None, 40000),
        (16000, None, 24000),
        (16000, "useinbandfec=1", 36000),
        (8000, "useinbandfec=1", 28000),
        (48000, "maxplaybackrate=11000", 16000),
        (48000, "maxaveragebitrate=18000", 18000),
        (16000, "maxaveragebitrate=30000;useinbandfec=1", 24000),
        (16000, "maxaveragebitrate=40000;useinbandfec=1", 36000),
    ],
)
def test_bit_rate_follows_what_is_heard(rate_hz: int, fmtp: str | None, bitrate: int) -> None:
    assert OpusParameters.parse(fmtp).bitrate(rate_hz) == bitrate


def test_nothing_is_repeated_where_the_limit_leaves_no_room() -> None:
    assert OpusParameters.parse("useinbandfec=1;maxaveragebitrate=36000").repeats(16000)
    assert not OpusParameters.parse("useinbandfec=1;maxaveragebitrate=35000").repeats(16000)
    assert not OpusParameters.parse("maxaveragebitrate=64000").repeats(16000)


VALID = packets(16000, "useinbandfec=1", 60) + packets(48000)


@settings(max_examples=150, deadline=None)
@given(
    payload=st.binary(max_size=200)
    | st.builds(lambda packet, cut: packet[:cut], st.sampled_from(VALID), st.integers(0, 200))
    | st.builds(lambda head, packet: head + packet[1:], st.binary(min_size=1, max_size=3), st.sampled_from(VALID)),
    rate_hz=st.sampled_from(RATES_HZ),
    samples=st.integers(1, 8000),
)
def test_no_payload_does_harm(payload: bytes, rate_hz: int, samples: int) -> None:
    decoder = OpusDecoder(library(), rate_hz)
    steps: list[Callable[[], Samples | None]] = [
        lambda: decoder.recover(payload, samples),
        lambda: decoder.decode(payload),
        lambda: decoder.conceal(samples),
        lambda: decoder.decode(VALID[0]),
    ]
    for step in steps:
        with contextlib.suppress(BadPayload):
            heard = step()
            assert heard is None or 0 < len(heard) <= max(samples, rate_hz * 120 // 1000)


def test_what_no_frame_can_be_is_said() -> None:
    encoder = OPUS.encoder(16000, None)
    with pytest.raises(ValueError, match=r"Opus at 16000 Hz: 100 samples \(allowed: \[160, 320, 640, 960\]\)"):
        encoder.encode(np.zeros(100, dtype=np.int16))
    with pytest.raises(BadPayload, match=r"invalid argument \(0 octets\)"):
        OPUS.decoder(16000).decode(b"")


def test_every_other_sample_of_an_array_is_no_trouble() -> None:
    samples = speech(rate_hz=16000)[8000:8640]
    assert OPUS.encoder(16000).encode(samples[::2]) == OPUS.encoder(16000).encode(samples[::2].copy())


def test_coders_are_freed_with_their_owner() -> None:
    encoder, decoder = OpusEncoder(library(), 48000, None), OpusDecoder(library(), 48000)
    states = [weakref.ref(encoder._state), weakref.ref(decoder._state)]
    del encoder, decoder
    gc.collect()
    assert [state() for state in states] == [None, None]


def test_an_absent_library_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match=r"libnothing\.so"):
        OpusLibrary("libnothing.so")
    assert codecs.missing() == {}
    monkeypatch.setattr(codecs, "opus_library", lambda: "libopus.so.0: cannot open; install libopus")
    assert codecs.missing() == {"opus": "libopus.so.0: cannot open; install libopus"}
    assert library().version.startswith("libopus 1.")
