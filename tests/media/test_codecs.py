"""G.711 and L16 against known values."""

import numpy as np
import pytest

from media.codecs import CODECS
from media.codecs.g711 import codes, levels

# ITU-T G.711 tables 1 and 2, scaled to 16 bits.
MU_LAW = {0: 0xFF, 32767: 0x80, -32768: 0x00, -1: 0x7F, 8: 0xFE, 1000: 0xCE, -1000: 0x4E, 31100: 0x81}
A_LAW = {0: 0xD5, 32767: 0xAA, -32768: 0x2A, -1: 0x55, 16: 0xD4, 1000: 0xFA, -1000: 0x7A}
MU_LEVELS = {0xFF: 0, 0x7F: 0, 0x80: 32124, 0x00: -32124, 0xFE: 8, 0xEF: 132}
A_LEVELS = {0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256, 0xD4: 24}


@pytest.mark.parametrize(("name", "vectors"), [("pcmu", MU_LAW), ("pcma", A_LAW)])
def test_known_codes(name: str, vectors: dict[int, int]) -> None:
    samples = np.array(list(vectors), dtype=np.int16)
    assert list(CODECS[name].encode(samples)) == list(vectors.values())


@pytest.mark.parametrize(("name", "vectors"), [("pcmu", MU_LEVELS), ("pcma", A_LEVELS)])
def test_known_levels(name: str, vectors: dict[int, int]) -> None:
    assert CODECS[name].decode(bytes(vectors)).tolist() == list(vectors.values())


@pytest.mark.parametrize("law", ["mu", "a"])
def test_every_code_survives_a_round_trip(law: str) -> None:
    table = levels(law)
    again = codes(law)[table.astype(int) + 32768]
    # Mu-law has two codes of level nought; the positive one is encoded.
    differing = [code for code in range(256) if again[code] != code]
    assert differing == ([0x7F] if law == "mu" else [])


@pytest.mark.parametrize("law", ["mu", "a"])
def test_encoding_takes_a_level_as_near_as_the_step_allows(law: str) -> None:
    linear = np.arange(-32768, 32768)
    decoded = levels(law)[codes(law)].astype(int)
    error = np.abs(decoded - linear)
    assert np.all(np.diff(decoded) >= 0)
    assert np.all(error <= np.maximum(np.abs(linear) // 16, 16) + (np.abs(linear) > 32256) * 700)


def test_l16_is_big_endian() -> None:
    samples = np.array([1, -2, 32767], dtype=np.int16)
    data = CODECS["l16"].encode(samples)
    assert data == b"\x00\x01\xff\xfe\x7f\xff"
    assert CODECS["l16"].decode(data + b"\x00").tolist() == samples.tolist()


def test_frame_sizes() -> None:
    assert [CODECS[name].frame_bytes(20) for name in ("pcmu", "pcma", "l16")] == [160, 160, 320]
    assert CODECS["pcmu"].samples_per_frame(30) == 240
