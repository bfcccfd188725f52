"""RTP packets: round trip, and refusals by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp import MalformedRtp, RtpPacket, build_rtp, parse_rtp


@given(
    st.builds(
        RtpPacket,
        payload_type=st.integers(0, 127),
        sequence=st.integers(0, 0xFFFF),
        timestamp=st.integers(0, 0xFFFFFFFF),
        ssrc=st.integers(0, 0xFFFFFFFF),
        payload=st.binary(max_size=200),
        marker=st.booleans(),
    )
)
def test_round_trip(packet: RtpPacket) -> None:
    assert parse_rtp(build_rtp(packet)) == packet


@given(st.binary(max_size=80))
def test_any_bytes_give_a_packet_or_the_error(data: bytes) -> None:
    try:
        packet = parse_rtp(data)
    except MalformedRtp:
        return
    assert len(packet.payload) <= len(data) - 12


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes"),
        (b"\x40" + bytes(11), "version 1"),
        (b"\x81" + bytes(11), "header of 16 bytes"),
        (b"\x90" + bytes(13), "extension"),
        (b"\xa0" + bytes(12), "padding of 0"),
    ],
)
def test_refusals_say_what_does_not_fit(data: bytes, message: str) -> None:
    with pytest.raises(MalformedRtp, match=message):
        parse_rtp(data)
