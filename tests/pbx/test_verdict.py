"""The verdict on a leg's media: what is wrong, in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pbx.verdict import MediaFacts, judge

GOOD = MediaFacts(
    over=False,
    direction="sendrecv",
    codec="PCMU",
    advertised="203.0.113.5:4000",
    latched="203.0.113.5:4000",
    packets_in=500,
    packets_out=490,
    far_lost=0,
    jitter_ms=1.0,
    rtt_ms=10.0,
    silent_ms=12,
)


def test_a_good_leg() -> None:
    verdict = judge(GOOD)
    assert (verdict.hearing, verdict.fault, verdict.text) == ("receiving", False, "sound flows both ways")
    assert (verdict.loss_pct, verdict.far_loss_pct) == (0.0, 0.0)
    assert verdict.mos is not None
    assert verdict.mos > 4.3


def test_a_late_packet_is_as_bad_as_a_lost_one() -> None:
    late, lost = judge(replace(GOOD, late=50)), judge(replace(GOOD, packets_in=450, lost_in=50))
    assert late.loss_pct == 0.0
    assert late.mos == lost.mos


def test_a_phone_that_reports_nothing() -> None:
    verdict = judge(replace(GOOD, far_lost=None))
    assert verdict.text == "its sound comes in, ours goes out (it does not report what it hears)"
    assert not verdict.fault


NEVER: dict[str, Any] = {"packets_in": 0, "latched": None, "silent_ms": None, "jitter_ms": None}


@pytest.mark.parametrize(
    ("change", "hearing", "text"),
    [
        (
            NEVER,
            "never",
            "nothing has come from 203.0.113.5:4000: its media does not reach us; look for a NAT or a firewall between "
            "it and our RTP ports",
        ),
        (
            {**NEVER, "advertised": "192.168.1.7:4000"},
            "never",
            "nothing has come from 192.168.1.7:4000 (a private address): its media does not reach us; look for a NAT "
            "or a firewall between it and our RTP ports",
        ),
        (
            {**NEVER, "dropped_payload_type": 40},
            "never",
            "all 40 packets from it have a payload type that was not agreed: check the codecs of the phone",
        ),
        (
            {"silent_ms": 8200},
            "silent",
            "nothing came for 8 s by now, after 500 packets: it stopped sending; muted with silence suppression, gone, "
            "or a firewall forgot the stream",
        ),
        (
            {"packets_out": 0, "far_lost": None},
            "receiving",
            "nothing is sent to it: its partner sends nothing to us (see the other leg)",
        ),
        (
            {"lost_in": 26, "far_lost": 49},
            "receiving",
            "4.9 % of its packets are lost on the way to us; 10.0 % of ours are lost on the way to it",
        ),
        (
            {"late": 25},
            "receiving",
            "5.0 % of its packets came too late to be heard: an uneven link",
        ),
        (
            {"jitter_ms": 45.0},
            "receiving",
            "its packets come unevenly (jitter 45 ms): a busy or wireless link",
        ),
    ],
)
def test_faults(change: dict[str, Any], hearing: str, text: str) -> None:
    verdict = judge(replace(GOOD, **change))
    assert verdict.fault
    assert (verdict.hearing, verdict.text) == (hearing, text)


@pytest.mark.parametrize(
    ("change", "hearing", "text"),
    [
        (
            {"latched": "198.51.100.7:61000"},
            "receiving",
            "its media comes from 198.51.100.7:61000, it advertised 203.0.113.5:4000: a NAT, harmless, we answer to "
            "where it comes from",
        ),
        ({"direction": "inactive", "silent_ms": 60_000}, "not expected", "silent both ways, as agreed (on hold)"),
        ({"direction": "sendonly", "silent_ms": 60_000}, "not expected", "it only listens, as agreed"),
        (
            {"direction": "recvonly", "packets_out": 0, "far_lost": None},
            "receiving",
            "it does not want to hear anything (it holds the call)",
        ),
        ({"direction": None, "packets_in": 0, "packets_out": 0}, "not expected", "no media was agreed so far"),
        ({"direction": None, "over": True}, "not expected", "no media was agreed"),
        ({"counted": False, **NEVER, "packets_out": 0}, "unknown", "the media process gives no counts"),
        ({"dropped_foreign": 3}, "receiving", "3 packets of other senders to its port were dropped"),
    ],
)
def test_what_is_no_fault(change: dict[str, Any], hearing: str, text: str) -> None:
    verdict = judge(replace(GOOD, **change))
    assert not verdict.fault
    assert (verdict.hearing, verdict.text) == (hearing, text)


def test_nothing_known_at_all() -> None:
    verdict = judge(MediaFacts(over=True))
    assert (verdict.mos, verdict.loss_pct, verdict.far_loss_pct) == (None, None, None)
    judge(replace(GOOD, advertised="phone.example:4000", packets_in=0))
    judge(replace(GOOD, far_lost=-3, lost_in=-3))
