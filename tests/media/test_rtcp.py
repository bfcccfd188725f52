"""RTCP compounds: round trip, and nothing but the documented error for any bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtcp import Compound, MalformedRtcp, ReportBlock, SenderInfo, build_compound, parse_compound

word = st.integers(0, 0xFFFFFFFF)
blocks = st.builds(
    ReportBlock,
    ssrc=word,
    fraction_lost=st.integers(0, 255),
    cumulative_lost=st.integers(-0x800000, 0x7FFFFF),
    highest_sequence=word,
    jitter=word,
    last_sr=word,
    delay=word,
)
compounds = st.builds(
    Compound,
    ssrc=word,
    sender=st.none()
    | st.builds(SenderInfo, ntp=st.integers(0, (1 << 64) - 1), timestamp=word, packets=word, octets=word),
    blocks=st.lists(blocks, max_size=3).map(tuple),
    cname=st.none() | st.text(max_size=60),
    goodbye=st.booleans(),
)


@given(compounds)
def test_round_trip(compound: Compound) -> None:
    data = build_compound(compound)
    assert len(data) % 4 == 0
    assert parse_compound(data) == compound


@given(compounds, st.integers(0, 200), st.binary(max_size=8))
def test_damaged_compounds_give_a_compound_or_the_error(compound: Compound, cut: int, noise: bytes) -> None:
    data = build_compound(compound)
    damaged = data[:cut] + noise + data[cut + len(noise) :]
    try:
        parse_compound(damaged)
    except MalformedRtcp:
        return


def test_refusals_say_what_does_not_fit() -> None:
    good = build_compound(Compound(ssrc=1, cname="x"))
    with pytest.raises(MalformedRtcp, match="begins with an SR or RR"):
        parse_compound(good[8:])
    with pytest.raises(MalformedRtcp, match="at byte 8 is longer"):
        parse_compound(good[:-4])
