"""Sums of events, and counts of messages."""

from __future__ import annotations

from random import Random

from pbx.events import CallCreated, CallEnded, LegMedia, RegistrationChanged
from pbx.histogram import Histogram
from pbx.tally import Tally
from pbx.traffic import METHODS, Traffic
from tests.fakes.call_log import call_log
from tests.fakes.journal import MemoryJournal
from tests.pbx.trace.test_ring import Clock


def test_sums_of_a_log() -> None:
    journal, tally = MemoryJournal(Clock()), Tally()
    journal.watch(tally.watchers())
    log = [event for event, _ in call_log(Random(3), 200, boots=1)]
    for event in log:
        journal.emit(event)
    assert tally.calls_begun == {"internal": sum(isinstance(event, CallCreated) for event in log)}
    assert sum(tally.calls_ended.values()) == sum(isinstance(event, CallEnded) for event in log)
    assert tally.calls_ended["answered", "normal"] > 0
    assert sum(tally.registrations.values()) == sum(isinstance(event, RegistrationChanged) for event in log)
    media = [event for event in log if isinstance(event, LegMedia)]
    assert tally.packets_in == sum(event.packets_in for event in media)
    assert tally.mos.count == tally.jitter_ms.count == tally.loss_pct.count == len(media)
    assert len(journal.events()) == len(log)


def test_a_histogram() -> None:
    made = Histogram(1.0, 2.0)
    for value in (0.5, 1.0, 1.5, 99.0):
        made.add(value)
    assert (made.buckets, made.count, made.total) == ([2, 1, 1], 4, 102.0)


def test_messages_are_counted_by_what_they_are() -> None:
    traffic = Traffic()
    for method in METHODS:
        traffic.count(f"{method} sip:a SIP/2.0\r\n".encode())
    for status in (100, 180, 200, 301, 404, 503, 603):
        traffic.count(f"SIP/2.0 {status} Text\r\n".encode())
    for strange in (b"", b"SIP/2.0 700 X", b"SIP/", b"HELO you", b"\xff"):
        traffic.count(strange)
    assert traffic.requests() == {**dict.fromkeys(METHODS, 1), "other": 5}
    assert traffic.responses() == {"1xx": 2, "2xx": 1, "3xx": 1, "4xx": 1, "5xx": 1, "6xx": 1}
