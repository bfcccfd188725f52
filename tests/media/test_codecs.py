"""The table of codecs; G.711 and L16 against known values."""

import numpy as np
import pytest

from media.codecs import CODECS, BadPayload, codec_for
from media.codecs.g711 import Law, codes, levels

# ITU-T G.711 tables 1 and 2, scaled to 16 bits.
MU_LAW = {0: 0xFF, 32767: 0x80, -32768: 0x00, -1: 0x7F, 8: 0xFE, 1000: 0xCE, -1000: 0x4E, 31100: 0x81}
A_LAW = {0: 0xD5, 32767: 0xAA, -32768: 0x2A, -1: 0x55, 16: 0xD4, 1000: 0xFA, -1000: 0x7A}
MU_LEVELS = {0xFF: 0, 0x7F: 0, 0x80: 32124, 0x00: -32124, 0xFE: 8, 0xEF: 132}
A_LEVELS = {0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256, 0xD4: 24}


@pytest.mark.parametrize(("name", "vectors"), [("pcmu", MU_LAW), ("pcma", A_LAW)])
def test_known_codes(name: str, vectors: dict[int, int]) -> None:
    samples = np.array(list(vectors), dtype=np.int16)
    assert list(CODECS[name].encoder(8000).encode(samples)) == list(vectors.values())


@pytest.mark.parametrize(("name", "vectors"), [("pcmu", MU_LEVELS), ("pcma", A_LEVELS)])
def test_known_levels(name: str, vectors: dict[int, int]) -> None:
    assert CODECS[name].decoder(8000).decode(bytes(vectors)).tolist() == list(vectors.values())


@pytest.mark.parametrize("law", ["mu", "a"])
def test_every_code_survives_a_round_trip(law: Law) -> None:
    again = codes(law)[levels(law).view(np.uint16)]
    # Mu-law has two codes of level nought; the positive one is encoded.
    differing = [code for code in range(256) if again[code] != code]
    assert differing == ([0x7F] if law == "mu" else [])


@pytest.mark.parametrize("law", ["mu", "a"])
def test_encoding_takes_a_level_as_near_as_the_step_allows(law: Law) -> None:
    linear = np.arange(-32768, 32768, dtype=np.int16)
    decoded = levels(law)[codes(law)[linear.view(np.uint16)]].astype(int)
    error = np.abs(decoded - linear)
    assert np.all(np.diff(decoded) >= 0)
    assert np.all(error <= np.maximum(np.abs(linear.astype(int)) // 16, 16) + (np.abs(linear) > 32256) * 700)


@pytest.mark.parametrize("name", ["pcmu", "pcma"])
def test_rows_are_coded_as_each_alone(name: str) -> None:
    codec = CODECS[name]
    samples = np.random.default_rng(1).integers(-32768, 32768, (3, 160)).astype(np.int16)
    octets = codec.encode_rows(samples)
    assert [row.tobytes() for row in octets] == [codec.encoder(8000).encode(row) for row in samples]
    levels_of = codec.decode_rows(octets)
    assert levels_of.dtype == np.int16
    assert np.array_equal(levels_of[1], codec.decoder(8000).decode(octets[1].tobytes()))


def test_codecs_with_a_state_have_no_rows() -> None:
    with pytest.raises(ValueError, match=r"G722 keeps a state for each stream; use decoder\(\)"):
        CODECS["g722"].decode_rows(np.zeros((2, 160), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"use encoder\(\)"):
        CODECS["g722"].encode_rows(np.zeros((2, 320), dtype=np.int16))


def test_l16_is_big_endian() -> None:
    samples = np.array([1, -2, 32767], dtype=np.int16)
    data = CODECS["l16"].encoder(8000).encode(samples)
    assert data == b"\x00\x01\xff\xfe\x7f\xff"
    assert CODECS["l16"].decoder(8000).decode(data + b"\x00").tolist() == samples.tolist()


def test_frame_sizes() -> None:
    assert [CODECS[name].fixed_frame_bytes(20) for name in ("pcmu", "pcma", "g722", "l16", "l16/16000")] == [
        160,
        160,
        160,
        320,
        640,
    ]
    assert CODECS["pcmu"].samples_per_frame(30) == 240


def test_clock_rates_tell_codecs_of_one_name_apart() -> None:
    assert codec_for("PCMU", 8000) is CODECS["pcmu"]
    assert codec_for("G722", 8000) is CODECS["g722"]
    assert codec_for("L16", 16000) is CODECS["l16/16000"]
    assert codec_for("L16", 8000) is CODECS["l16"]
    assert codec_for("L16", 44100) is None
    assert codec_for("G729", 8000) is None


@pytest.mark.parametrize("name", list(CODECS))
def test_every_codec_keeps_the_contract(name: str) -> None:
    codec = CODECS[name]
    assert codec.impairment is not None
    for rate_hz in codec.rates_hz:
        frame = np.zeros(rate_hz // 50, dtype=np.int16)
        payload = codec.encoder(rate_hz).encode(frame)
        assert len(payload) == (codec.fixed_frame_bytes(20) or len(payload))
        decoder = codec.decoder(rate_hz)
        heard = decoder.decode(payload)
        assert heard.dtype == np.int16
        assert heard.shape == frame.shape
        concealed = decoder.conceal(160)
        assert concealed is None or concealed.shape == (160,)
        with pytest.raises(BadPayload):
            decoder.decode(b"")
    with pytest.raises(ValueError, match=r"at 11025 Hz \(allowed: .*\); resample first"):
        codec.decoder(11025)
    with pytest.raises(ValueError, match="at 11025 Hz"):
        codec.encoder(11025)
