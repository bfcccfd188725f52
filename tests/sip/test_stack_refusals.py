"""What the server side of a stack refuses by itself (RFC 3261 §8.2)."""

from __future__ import annotations

import pytest

from sip.commands import Respond
from sip.core import StackSettings
from sip.events import (
    InviteReceived,
    RequestReceived,
)
from tests.fakes.pair import SDP, Pair
from tests.fakes.raw_peer import RawPeer


def test_an_extension_that_is_required_and_unknown() -> None:
    pair = Pair()
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ann.address)
    peer.ask("INVITE", 1, "Require: 100rel, foo", body=SDP)
    refused = peer.last_answer("INVITE")
    assert (refused.status, refused.unsupported) == (420, ("100rel", "foo"))
    pair.settled()


def test_an_extension_that_is_required_and_known() -> None:
    pair = Pair(StackSettings(supported=("timer",)))
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ben.address)
    peer.ask("OPTIONS", 1, "Require: Timer")
    request = pair.expect(pair.ben, RequestReceived)
    pair.ben.stack.send(Respond(tx=request.tx, status=200), pair.wire.now)
    pair.run()
    assert peer.answers("OPTIONS") == [200]
    pair.settled()


def test_a_request_that_comes_by_two_paths_is_merged() -> None:
    pair = Pair()
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ann.address)
    peer.ask("INVITE", 1, body=SDP)
    peer.ask("INVITE", 1, body=SDP)
    assert peer.answers("INVITE") == [100, 482]
    event = pair.expect(pair.ann, InviteReceived)
    assert pair.ann.events == []
    pair.ann.stack.send(Respond(usage=event.usage, status=486), pair.wire.now)
    pair.settled()


def test_a_double_that_was_refused_leaves_its_original_known() -> None:
    pair = Pair()
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ann.address)
    peer.ask("INVITE", 1, body=SDP)
    double = peer.ask("INVITE", 1, body=SDP)
    peer.ask("ACK", 1, via=double, to_tag=peer.last_answer("INVITE").to_tag)
    pair.run(10.0)
    peer.ask("INVITE", 1, body=SDP)
    assert peer.answers("INVITE") == [100, 482, 482]
    event = pair.expect(pair.ann, InviteReceived)
    assert pair.ann.events == []
    pair.ann.stack.send(Respond(usage=event.usage, status=486), pair.wire.now)
    pair.settled()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (("Content-Type: text/plain",), 415),
        (("Content-Type: application/sdp", "Content-Encoding: gzip"), 415),
        (("Content-Type: multipart/mixed",), 415),
    ],
)
def test_bodies_that_cannot_be_read(headers: tuple[str, ...], status: int) -> None:
    pair = Pair()
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ann.address)
    peer.ask("INVITE", 1, *headers, body=SDP)
    refused = peer.last_answer("INVITE")
    assert (refused.status, refused.headers.get("accept")) == (status, "application/sdp")
    pair.settled()


def test_an_invite_without_contact() -> None:
    pair = Pair()
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ann.address)
    peer.send(
        """INVITE sip:ann@10.0.0.1 SIP/2.0
        Via: SIP/2.0/UDP 10.0.0.3:5060;branch=z9hG4bKa
        From: <sip:raw@10.0.0.3>;tag=raw
        To: <sip:ann@10.0.0.1>
        Call-ID: rawcall
        CSeq: 1 INVITE"""
    )
    refused = peer.last_answer("INVITE")
    assert refused.status == 400
    assert "Contact" in (refused.headers.get("warning") or "")
    pair.settled()


def test_malformed_messages_are_counted_and_answered_where_they_can_be() -> None:
    pair = Pair()
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ann.address)
    for junk in (b"\r\n\r\n", b"\0\0\0\0", b"   "):
        pair.wire.inject(junk, peer.address, pair.ann.address)
    pair.run()
    assert (pair.ann.stack.malformed, peer.heard) == (0, [])
    for junk in (b"hello", b"\xff" * 100, b"SIP/2.0 200 OK\r\n\r\n", b"INVITE sip:a SIP/2.0\r\n\r\n"):
        pair.wire.inject(junk, peer.address, pair.ann.address)
    pair.run()
    assert (pair.ann.stack.malformed, peer.heard) == (4, [])
    peer.ask("INVITE", 1, "Record-Route: <<<", body=SDP)
    assert peer.answers("INVITE") == [400]
    assert pair.ann.stack.malformed == 5
    pair.settled()


def test_a_response_to_nothing_is_a_stray() -> None:
    pair = Pair()
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ann.address)
    peer.send(
        """SIP/2.0 200 OK
        Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKnone
        From: <sip:ann@10.0.0.1>;tag=a
        To: <sip:raw@10.0.0.3>;tag=raw
        Call-ID: rawcall
        CSeq: 1 INVITE"""
    )
    assert pair.ann.stack.strays == 1
    pair.settled()


@pytest.mark.parametrize("status", [401, 407])
def test_a_challenge_of_an_invite_is_sent_once_and_forgotten(status: int) -> None:
    pair = Pair()
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ann.address)
    for turn in (1, 2):  # the second is a retransmission: the first answer was lost
        peer.ask("INVITE", 1, body=SDP, via="SIP/2.0/UDP 10.0.0.3;branch=z9hG4bKsame")
        event = pair.expect(pair.ann, InviteReceived)
        pair.ann.stack.send(Respond(usage=event.usage, status=status), pair.wire.now)
        pair.run(40.0)
        assert peer.answers("INVITE") == [100, status] * turn
        assert set(pair.ann.stack.census().values()) == {0}
    peer.ask("ACK", 1, via="SIP/2.0/UDP 10.0.0.3;branch=z9hG4bKsame", to_tag=peer.last_answer("INVITE").to_tag)
    peer.ask("CANCEL", 1, via="SIP/2.0/UDP 10.0.0.3;branch=z9hG4bKsame")
    assert peer.answers("CANCEL") == [481]
    pair.settled()


def test_a_challenge_of_another_request_is_forgotten_too() -> None:
    pair = Pair()
    peer = RawPeer(pair.wire, ("10.0.0.3", 5060), pair.ann.address)
    peer.ask("REGISTER", 1)
    request = pair.expect(pair.ann, RequestReceived)
    pair.ann.stack.send(Respond(tx=request.tx, status=401), pair.wire.now)
    pair.run()
    assert peer.answers("REGISTER") == [401]
    assert set(pair.ann.stack.census().values()) == {0}
    pair.settled()
