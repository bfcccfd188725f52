"""Offer and answer as RFC 3264 has them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from media.codec import default_codecs
from media.offer_answer import (
    AgreedFormat,
    Agreement,
    CodecMismatch,
    LocalEnd,
    SdpError,
    common_formats,
    conclude,
    make_answer,
    make_offer,
    relay_map,
)
from media.sdp import Direction, Format, SessionDescription, parse_sdp

OURS = ("opus", "G722", "PCMA", "PCMU", "telephone-event", "CN")
LOCAL = LocalEnd(address="198.51.100.1", rtp_port=10000, rtcp_port=10001, session_id=7, version=1)


def describe(*lines: str, address: str = "192.0.2.1") -> SessionDescription:
    head = ["v=0", f"o=- 1 1 IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0"]
    return parse_sdp("\r\n".join([*head, *lines, ""]).encode())


def names(formats: tuple[AgreedFormat, ...]) -> list[tuple[str, int, int]]:
    return [(item.name, item.send_pt, item.receive_pt) for item in formats]


def test_answer_keeps_the_offerers_order_and_numbers() -> None:
    offer = describe(
        "m=audio 4000 RTP/AVP 0 8 97 101",
        "a=rtpmap:97 speex/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
    )
    answer, agreement = make_answer(offer, LOCAL, OURS)
    assert names(agreement.formats) == [("PCMU", 0, 0), ("PCMA", 8, 8)]
    assert names(agreement.events) == [("telephone-event", 101, 101)]
    assert (agreement.remote_rtp, agreement.remote_rtcp) == (("192.0.2.1", 4000), ("192.0.2.1", 4001))
    assert (agreement.direction, agreement.ptime_ms, agreement.rtcp_mux) == ("sendrecv", 20, False)
    assert answer.encode().decode().split("\r\n") == [
        "v=0",
        "o=- 7 1 IN IP4 198.51.100.1",
        "s=-",
        "c=IN IP4 198.51.100.1",
        "t=0 0",
        "m=audio 10000 RTP/AVP 0 8 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=sendrecv",
        "",
    ]


def test_our_order_when_wanted() -> None:
    offer = describe("m=audio 4000 RTP/AVP 0 8 9")
    _, agreement = make_answer(offer, LOCAL, OURS, prefer="local")
    assert [item.name for item in agreement.formats] == ["G722", "PCMA", "PCMU"]


def test_events_only_at_clock_rates_of_agreed_codecs() -> None:
    lines = (
        "m=audio 4000 RTP/AVP 111 0 101 110 13",
        "a=rtpmap:111 OPUS/48000/2",
        "a=rtpmap:101 telephone-event/8000",
        "a=rtpmap:110 telephone-event/48000",
    )
    _, both = make_answer(describe(*lines), LOCAL, OURS)
    assert names(both.events) == [
        ("telephone-event", 101, 101),
        ("telephone-event", 110, 110),
        ("CN", 13, 13),
    ]
    _, narrow = make_answer(describe(*lines), LOCAL, ("PCMU", "telephone-event"))
    assert names(narrow.events) == [("telephone-event", 101, 101)]
    _, wide = make_answer(describe(*lines), LOCAL, ("opus", "telephone-event"))
    assert names(wide.events) == [("telephone-event", 110, 110)]


def test_every_other_line_is_refused() -> None:
    offer = describe(
        "m=video 5000 RTP/AVP 31",
        "m=audio 0 RTP/AVP 0",
        "m=audio 4000 RTP/AVP 0",
        "m=audio 4002 RTP/AVP 8",
        "m=image 4004 udptl t38",
    )
    answer, _ = make_answer(offer, LOCAL, OURS)
    assert [(line.kind, line.port, line.raw_formats) for line in answer.media] == [
        ("video", 0, ("31",)),
        ("audio", 0, ("0",)),
        ("audio", 10000, ()),
        ("audio", 0, ("8",)),
        ("image", 0, ("t38",)),
    ]
    assert parse_sdp(answer.encode()).media[2].raw_formats == ("0",)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("m=audio 4000 RTP/AVP 18", "offered G729/8000; allowed here: PCMU"),
        ("m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000", "offered telephone-event/8000"),
        ("m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/16000", "offered PCMU/16000"),
        ("m=audio 4000 RTP/SAVP 0", "RTP/SAVP is not supported"),
        ("m=audio 0 RTP/AVP 0", "no audio line is switched on"),
        ("m=video 4000 RTP/AVP 31", "no audio line is switched on"),
    ],
)
def test_nothing_in_common(line: str, reason: str) -> None:
    with pytest.raises(CodecMismatch, match=reason):
        make_answer(describe(line), LOCAL, ("PCMU", "telephone-event"))


@pytest.mark.parametrize(
    ("theirs", "wanted", "expected"),
    [
        ("sendrecv", "sendrecv", "sendrecv"),
        ("sendonly", "sendrecv", "recvonly"),
        ("recvonly", "sendrecv", "sendonly"),
        ("inactive", "sendrecv", "inactive"),
        ("sendrecv", "sendonly", "sendonly"),
        ("sendonly", "sendonly", "inactive"),
        ("recvonly", "recvonly", "inactive"),
    ],
)
def test_directions_are_mirrored(theirs: str, wanted: Direction, expected: Direction) -> None:
    offer = describe("m=audio 4000 RTP/AVP 0", f"a={theirs}")
    answer, agreement = make_answer(offer, replace(LOCAL, direction=wanted), OURS)
    assert agreement.direction == answer.media[0].direction == expected
    assert agreement.may_send == (expected in ("sendrecv", "sendonly"))
    assert agreement.may_receive == (expected in ("sendrecv", "recvonly"))


def test_hold_by_address() -> None:  # RFC 3264 §8.4
    offer = describe("m=audio 4000 RTP/AVP 0", address="0.0.0.0")
    answer, agreement = make_answer(offer, LOCAL, OURS)
    assert answer.media[0].direction == agreement.direction == "recvonly"
    assert (agreement.remote_rtp, agreement.remote_rtcp) == (None, None)


def test_rtcp_mux_only_when_both_can() -> None:
    offer = describe("m=audio 4000 RTP/AVP 0", "a=rtcp-mux", "a=rtcp:4500")
    answer, agreement = make_answer(offer, replace(LOCAL, rtcp_mux=True), OURS)
    assert answer.media[0].rtcp_mux
    assert agreement.remote_rtcp == ("192.0.2.1", 4000)
    answer, agreement = make_answer(offer, LOCAL, OURS)
    assert not answer.media[0].rtcp_mux
    assert agreement.remote_rtcp == ("192.0.2.1", 4500)


def test_rtcp_at_an_odd_place_is_announced() -> None:
    offer = make_offer(replace(LOCAL, rtcp_port=10007), default_codecs())
    assert parse_sdp(offer.encode()).media[0].rtcp == ("198.51.100.1", 10007)


@pytest.mark.parametrize(
    ("attributes", "ptime_ms"),
    [((), 20), (("a=ptime:30",), 30), (("a=ptime:200",), 60), (("a=ptime:30", "a=maxptime:20"), 20)],
)
def test_packet_time(attributes: tuple[str, ...], ptime_ms: int) -> None:
    _, agreement = make_answer(describe("m=audio 4000 RTP/AVP 0", *attributes), LOCAL, OURS)
    assert agreement.ptime_ms == ptime_ms


def test_fmtp_that_binds_both_ways_is_repeated() -> None:
    offer = describe("m=audio 4000 RTP/AVP 18 111", "a=fmtp:18 annexb=yes", "a=rtpmap:111 opus/48000/2")
    answer, agreement = make_answer(offer, LOCAL, ("G729", "opus"))
    assert [item.fmtp for item in answer.media[0].formats] == ["annexb=yes", "useinbandfec=1"]
    assert [item.fmtp for item in agreement.formats] == ["annexb=yes", None]


def test_default_offer() -> None:
    offer = make_offer(LOCAL, default_codecs())
    assert [(item.payload_type, item.encoding) for item in offer.media[0].formats] == [
        (111, "opus/48000/2"),
        (9, "G722/8000"),
        (8, "PCMA/8000"),
        (0, "PCMU/8000"),
        (101, "telephone-event/8000"),
        (110, "telephone-event/48000"),
        (13, "CN/8000"),
    ]


def test_offer_renumbers_only_what_clashes() -> None:
    codecs = (
        Format(payload_type=96, name="opus", clock_rate=48000, channels=2),
        Format(payload_type=0, name="PCMU", clock_rate=8000),
        Format(payload_type=96, name="telephone-event", clock_rate=8000),
        Format(payload_type=97, name="telephone-event", clock_rate=16000),
    )
    offer = make_offer(LOCAL, codecs)
    assert [(item.payload_type, item.name) for item in offer.media[0].formats] == [
        (96, "opus"),
        (0, "PCMU"),
        (97, "telephone-event"),
    ]
    with pytest.raises(CodecMismatch, match="no audio codec to offer"):
        make_offer(LOCAL, codecs[2:])


def test_reoffer_keeps_the_number_of_lines() -> None:
    first = describe("m=video 5000 RTP/AVP 31", "m=audio 4000 RTP/AVP 0")
    again = make_offer(replace(LOCAL, version=2, direction="sendonly"), default_codecs(), previous=first)
    assert [(line.kind, line.port) for line in again.media] == [("video", 0), ("audio", 10000)]
    assert again.media[1].direction == "sendonly"


def test_conclude_with_other_numbers() -> None:
    offer = make_offer(LOCAL, default_codecs())
    answer = describe(
        "m=audio 4000 RTP/AVP 8 96 100",
        "a=rtpmap:96 telephone-event/8000",
        "a=rtpmap:100 opus/48000/2",
        "a=recvonly",
    )
    agreement = conclude(offer, answer)
    assert names(agreement.formats) == [("PCMA", 8, 8), ("opus", 100, 111)]
    assert names(agreement.events) == [("telephone-event", 96, 101)]
    assert agreement.direction == "sendonly"


@pytest.mark.parametrize(
    ("lines", "error", "reason"),
    [
        (("m=audio 0 RTP/AVP 0",), CodecMismatch, "refused the audio stream"),
        (("m=audio 4000 RTP/AVP 3",), CodecMismatch, "answered GSM/8000"),
        (("m=audio 4000 RTP/SAVP 0",), SdpError, "into audio RTP/SAVP"),
        (("m=video 4000 RTP/AVP 0",), SdpError, "into video"),
        ((), SdpError, "answer has 0 m-lines"),
    ],
)
def test_answers_that_settle_nothing(lines: tuple[str, ...], error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        conclude(make_offer(LOCAL, default_codecs()), describe(*lines))


def test_a_description_without_media_is_no_offer() -> None:
    with pytest.raises(CodecMismatch, match="no audio line"):
        make_answer(describe(), LOCAL, OURS)


def join(caller_lines: tuple[str, ...], callee_lines: tuple[str, ...]) -> tuple[Agreement, Agreement]:
    """Relay a call: the caller's formats are offered on, the callee's choice is answered back."""
    allowed = (*OURS, "iLBC", "G729")
    caller_offer = describe(*caller_lines)
    formats = common_formats(caller_offer.media[0], allowed)
    callee = conclude(make_offer(LOCAL, formats), describe(*callee_lines))
    chosen = [item.name for item in (*callee.formats, *callee.events)]
    _, caller = make_answer(caller_offer, LOCAL, chosen)
    return caller, callee


def test_relay_map_translates_payload_types() -> None:
    caller, callee = join(
        (
            "m=audio 4000 RTP/AVP 96 0 8 101",
            "a=rtpmap:96 opus/48000/2",
            "a=rtpmap:101 telephone-event/8000",
        ),
        ("m=audio 5000 RTP/AVP 8 97 99", "a=rtpmap:97 telephone-event/8000", "a=rtpmap:99 opus/48000/2"),
    )
    assert relay_map(caller, callee) == ((96, 99), (8, 8), (101, 97))
    assert relay_map(callee, caller) == ((8, 8), (96, 96), (101, 101))


def test_relay_looks_at_fmtp_only_where_packets_differ() -> None:
    def agreement(name: str, fmtp: str | None) -> Agreement:
        item = AgreedFormat(name=name, clock_rate=8000, channels=1, send_pt=97, receive_pt=97, fmtp=fmtp)
        return Agreement(
            formats=(item,),
            events=(),
            remote_rtp=None,
            remote_rtcp=None,
            rtcp_mux=False,
            direction="sendrecv",
            ptime_ms=20,
        )

    assert relay_map(agreement("iLBC", "mode=20"), agreement("ilbc", "mode=30")) == ()
    assert relay_map(agreement("iLBC", None), agreement("ilbc", "mode=30")) == ((97, 97),)
    assert relay_map(agreement("G729", "annexb=no"), agreement("G729", None)) == ((97, 97),)
