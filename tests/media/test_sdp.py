"""Reading and printing session descriptions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.sdp import Format, MediaLine, SdpError, SessionDescription, parse_sdp

PHONE = b"""v=0\r
o=alice 2890844526 2890844527 IN IP4 192.0.2.10\r
s=A call\r
i=nothing\r
c=IN IP4 192.0.2.11\r
b=AS:84\r
t=0 0\r
a=group:BUNDLE 0\r
a=ptime:30\r
m=audio 49170 RTP/AVP 0 8 96 101 13 120\r
a=rtpmap:96 opus/48000/2\r
a=fmtp:96 useinbandfec=1;stereo=0\r
a=rtpmap:101 telephone-event/8000\r
a=fmtp:101 0-15\r
a=sendonly\r
a=rtcp:53020 IN IP4 192.0.2.12\r
a=rtcp-mux\r
a=maxptime:40\r
a=ice-ufrag:8hhY\r
a=candidate:1 1 UDP 2130706431 192.0.2.11 49170 typ host\r
m=video 0 RTP/AVP 31 34\r
c=IN IP6 2001:db8::1\r
m=image 5000 udptl t38\r
"""


def test_a_full_description() -> None:
    sdp = parse_sdp(PHONE)
    assert (sdp.username, sdp.session_id, sdp.version) == ("alice", "2890844526", "2890844527")
    assert (sdp.origin_address, sdp.address, sdp.name) == ("192.0.2.10", "192.0.2.11", "A call")
    assert sdp.attributes == (("group", "BUNDLE 0"),)
    audio, video, image = sdp.media
    assert sdp.audio is audio
    assert [(item.payload_type, item.encoding) for item in audio.formats] == [
        (0, "PCMU/8000"),
        (8, "PCMA/8000"),
        (96, "opus/48000/2"),
        (101, "telephone-event/8000"),
        (13, "CN/8000"),
    ]
    assert audio.formats[2].fmtp == "useinbandfec=1;stereo=0"
    assert audio.raw_formats == ("0", "8", "96", "101", "13", "120")
    assert (audio.address, audio.port, audio.direction) == ("192.0.2.11", 49170, "sendonly")
    assert (audio.ptime_ms, audio.maxptime_ms) == (30, 40)
    assert (audio.rtcp, audio.rtcp_mux) == (("192.0.2.12", 53020), True)
    assert audio.attribute("ice-ufrag") == "8hhY"
    assert audio.attribute("absent") is None
    assert (video.port, video.address, [item.name for item in video.formats]) == (
        0,
        "2001:db8::1",
        ["H261", "H263"],
    )
    assert (image.protocol, image.formats, image.raw_formats) == ("UDPTL", (), ("t38",))


def test_what_is_printed_reads_the_same() -> None:
    sdp = parse_sdp(PHONE)
    assert parse_sdp(sdp.encode()).media[1:] == sdp.media[1:]
    # Static types gain the rtpmap that RFC 3264 §5.1 recommends; nothing else may differ.
    assert parse_sdp(sdp.encode()) == sdp


def test_lenient_where_phones_are_careless() -> None:
    sdp = parse_sdp(b"v=0\nc=IN IP4 192.0.2.1\nm=audio 4000/2 RTP/AVP 0 x 200 0 97\na=ptime:20.0\na=ptime:x\n\n")
    audio = sdp.media[0]
    assert [item.name for item in audio.formats] == ["PCMU"]
    assert (audio.port, audio.ptime_ms, sdp.session_id) == (4000, None, "0")


@pytest.mark.parametrize("encoding", ["LPC", "x/0", "/8000", "x/8000/0", "x y/8000", "x/²", "x/99999999999"])
def test_a_broken_rtpmap_costs_only_its_format(encoding: str) -> None:  # RFC 4475 sends a=rtpmap:31 LPC
    text = f"v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 96 0\na=rtpmap:96 {encoding}\n"
    assert [item.name for item in parse_sdp(text.encode()).media[0].formats] == ["PCMU"]


@pytest.mark.parametrize(
    ("address", "direction", "effective"),
    [
        ("0.0.0.0", "sendrecv", "sendonly"),
        ("0.0.0.0", "recvonly", "inactive"),
        ("::", "sendonly", "sendonly"),
        ("192.0.2.1", "inactive", "inactive"),
        ("192.0.2.1", "recvonly", "recvonly"),
    ],
)
def test_hold_by_address_and_by_direction(address: str, direction: str, effective: str) -> None:
    family = "IP6" if ":" in address else "IP4"
    text = f"v=0\r\nc=IN {family} {address}\r\na={direction}\r\nm=audio 4000 RTP/AVP 0\r\n"
    audio = parse_sdp(text.encode()).media[0]
    assert audio.effective_direction == effective
    assert audio.on_hold == (effective in ("sendonly", "inactive"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "does not begin"),
        ("v=1", "does not begin"),
        ("v=0\nhello", "not a line"),
        ("v=0\nm=audio 1 RTP/AVP", "expected m="),
        ("v=0\nm=audio x RTP/AVP 0", "number up to"),
        ("v=0\nm=audio 70000 RTP/AVP 0", "number up to"),
        ("v=0\nm=audio ² RTP/AVP 0", "number up to"),
        ("v=0\nm=audio 1 RTP/AVP 0", "no c= line"),
        ("v=0\nc=IN IP4 example.com", "not a numeric address"),
        ("v=0\nc=IN IP6 fe80::1%eth0", "zone"),
        ("v=0\nc=IN IP4 239.1.2.3/127", "single hosts"),
        ("v=0\nc=IN IP4", "expected c="),
        ("v=0\no=x", "expected o="),
        ("v=0\nc=IN IP4 192.0.2.1\n" + "m=audio 1 RTP/AVP 0\n" * 11, "over 10 m-lines"),
        ("v=0\nc=IN IP4 192.0.2.1\nm=audio 1 RTP/AVP" + " 0" * 65, "over 64 formats"),
        ("v=0\ns=\r-\n", "CR or NUL"),
        ("v=0\r\n" + "a=x\r\n" * 20_000, "over 65536 bytes"),
    ],
)
def test_broken_descriptions(text: str, reason: str) -> None:
    with pytest.raises(SdpError, match=reason):
        parse_sdp(text.encode())


def test_nothing_is_smuggled_into_a_line() -> None:
    sdp = SessionDescription(name="x\r\na=evil")
    with pytest.raises(SdpError, match="CR, LF or NUL"):
        sdp.encode()


def test_formats_without_their_line_entry_are_printed_by_number() -> None:
    line = MediaLine(
        kind="audio",
        port=4000,
        address="192.0.2.1",
        formats=(Format(payload_type=111, name="opus", clock_rate=48000, channels=2, fmtp="x=1"),),
        rtcp=("192.0.2.1", 4005),
    )
    text = replace(SessionDescription(media=(line,)), address="192.0.2.9").encode().decode()
    assert "m=audio 4000 RTP/AVP 111\r\nc=IN IP4 192.0.2.1\r\na=rtpmap:111 opus/48000/2\r\n" in text
    assert "a=fmtp:111 x=1\r\na=rtcp:4005\r\na=sendrecv\r\n" in text


LINES = st.sampled_from(PHONE.split(b"\r\n")) | st.binary(max_size=30) | st.sampled_from([b"a=rtpmap:96 ", b"m="])


@given(st.lists(LINES, max_size=25), st.sampled_from([b"\r\n", b"\n"]))
def test_only_sdp_errors_come_out(lines: list[bytes], line_end: bytes) -> None:
    try:
        sdp = parse_sdp(line_end.join([b"v=0", *lines]))
    except SdpError:
        return
    assert parse_sdp(sdp.encode()).media == sdp.media
