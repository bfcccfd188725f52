"""G.722 against FFmpeg's coder, bit for bit; compiled and plain."""

from types import ModuleType

import numpy as np
import pytest

import media.codecs.g722
from media.codecs import BadPayload, Samples
from tests.media.ffmpeg_coder import ffmpeg_decode, ffmpeg_encode
from tests.media.plain_source import plain_source
from tests.media.speech import frames, speech

FORMS = {"built": media.codecs.g722, "plain": plain_source("media.codecs.g722")}


def signal(name: str) -> Samples:
    """0.4 s at 16 kHz."""
    count = 6400
    rng = np.random.default_rng(722)
    made: dict[str, Samples] = {
        "speech": speech(rate_hz=16000)[16000 : 16000 + count],
        "full noise": rng.integers(-32768, 32768, count).astype(np.int16),
        "faint noise": rng.integers(-5, 6, count).astype(np.int16),
        "square": (np.sign(np.sin(np.arange(count) * 0.3)) * 32767).astype(np.int16),
        "high tone": (20000 * np.sin(np.arange(count) * 2.4)).astype(np.int16),
    }
    return made[name]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["speech", "full noise", "faint noise", "square", "high tone"])
def test_both_ways_are_those_of_ffmpeg(form: str, name: str) -> None:
    heard = signal(name)
    encoder, decoder = FORMS[form].G722Encoder(), FORMS[form].G722Decoder()
    packets = [encoder.encode(frame) for frame in frames(heard, 16000)]
    assert packets == ffmpeg_encode("g722", heard, 16000)
    decoded = np.concatenate([decoder.decode(packet) for packet in packets])
    assert np.array_equal(decoded, ffmpeg_decode("g722", packets, 16000))


@pytest.mark.parametrize("form", FORMS)
def test_any_octets_decode_as_by_ffmpeg(form: str) -> None:
    octets = np.random.default_rng(1).integers(0, 256, 8000).astype(np.uint8).tobytes()
    packets = [octets[at : at + 160] for at in range(0, 8000, 160)]
    decoder = FORMS[form].G722Decoder()
    assert np.array_equal(
        np.concatenate([decoder.decode(packet) for packet in packets]), ffmpeg_decode("g722", packets, 16000)
    )


@pytest.mark.parametrize("form", FORMS)
def test_frames_of_any_length_make_one_stream(form: str) -> None:
    module: ModuleType = FORMS[form]
    heard = signal("speech")[:2000]
    whole = module.G722Encoder().encode(heard)
    encoder, decoder = module.G722Encoder(), module.G722Decoder()
    parts = [encoder.encode(heard[at : at + 250]) for at in range(0, 2000, 250)]
    assert b"".join(parts) == whole
    assert np.array_equal(np.concatenate([decoder.decode(part) for part in parts]), module.G722Decoder().decode(whole))
    assert np.array_equal(decoder.decode(b"\xfa"), decoder.decode(b"\xfa")) is False


@pytest.mark.parametrize("form", FORMS)
def test_what_it_cannot_code_is_said(form: str) -> None:
    with pytest.raises(BadPayload, match="empty payload"):
        FORMS[form].G722Decoder().decode(b"")
    with pytest.raises(ValueError, match="321 samples"):
        FORMS[form].G722Encoder().encode(np.zeros(321, dtype=np.int16))
