"""Early dialogs and forked answers (RFC 3261 §13.2.2.4)."""

from __future__ import annotations

from sip.events import (
    InviteAnswered,
    InviteFailed,
    InviteProgress,
    ResponseReceived,
)
from sip.uac import MAX_FORKS
from tests.fakes.line import SDP, Line


def test_forks_ring_one_answers_the_second_is_ended() -> None:
    line = Line()
    usage = line.invite()
    asked = line.asked()
    for tag in ("a", "b", "a"):
        line.peer.reply(asked, 180, tag=tag)
        progress = line.ann.take(InviteProgress)
        assert progress.early == tag
    assert line.ann.stack.census()["dialogs"] == 2
    line.peer.reply(asked, 200, tag="b", body=SDP)
    line.ann.take(InviteAnswered)
    assert line.ann.stack.census()["dialogs"] == 1
    line.peer.reply(asked, 200, tag="a", body=SDP)
    assert line.ann.events == []
    (bye,) = line.peer.requests("BYE")
    assert (bye.to_tag, bye.cseq.number) == ("a", 2)
    assert [ack.to_tag for ack in line.peer.requests("ACK")] == ["b", "a"]
    line.peer.reply(bye, 200)
    # The fork says it again: acknowledged again, not ended twice.
    line.peer.reply(asked, 200, tag="a", body=SDP)
    assert [ack.to_tag for ack in line.peer.requests("ACK")] == ["b", "a", "a"]
    assert len(line.peer.requests("BYE")) == 1
    line.hang_up(usage)
    line.peer.reply(line.peer.requests("BYE")[1], 200)
    line.settled()


def test_forks_without_end_cost_no_more_than_so_many() -> None:
    line = Line()
    usage = line.invite()
    asked = line.asked()
    for number in range(MAX_FORKS + 20):
        line.peer.reply(asked, 180, tag=f"r{number}")
        line.ann.take(InviteProgress)
    assert line.ann.stack.census()["dialogs"] == MAX_FORKS
    for number in range(MAX_FORKS + 20):
        line.peer.reply(asked, 200, tag=f"r{number}", body=SDP)
    line.ann.take(InviteAnswered)
    assert len({ack.to_tag for ack in line.peer.requests("ACK")}) == MAX_FORKS
    for bye in line.peer.requests("BYE"):
        line.peer.reply(bye, 200)
    line.hang_up(usage)
    line.peer.reply(line.peer.requests("BYE")[-1], 200)
    line.settled()


def test_a_2xx_that_comes_again_gets_the_same_ack() -> None:
    line = Line()
    usage = line.call_out()
    asked = line.asked()
    for _ in range(2):
        line.peer.reply(asked, 200, body=SDP)
    acks = line.peer.requests("ACK")
    assert len(acks) == 3
    assert len({ack.encode() for ack in acks}) == 1
    line.hang_up(usage)
    line.peer.reply(asked, 200, body=SDP)
    assert len(line.peer.requests("ACK")) == 4
    line.peer.reply(line.peer.requests("BYE")[0], 200)
    line.settled()


def test_a_2xx_that_comes_again_after_a_reinvite_ends_nothing() -> None:
    line = Line()
    usage = line.call_out()
    first = line.asked()
    line.send_within(usage, "INVITE", SDP)
    line.peer.reply(line.asked(), 200, body=SDP)
    line.ann.take(ResponseReceived)
    line.peer.reply(first, 200, body=SDP)
    assert line.peer.requests("BYE") == []
    line.hang_up(usage)
    line.peer.reply(line.peer.requests("BYE")[0], 200)
    line.settled()


def test_an_early_dialog_cannot_be_ended_by_the_callee_with_bye() -> None:
    line = Line()
    line.invite()
    asked = line.asked()
    line.peer.reply(asked, 180)
    line.ann.take(InviteProgress)
    line.peer.call_id = asked.call_id
    line.peer.ask("BYE", 1, to_tag=asked.from_tag)
    assert line.peer.answers("BYE") == [481]
    line.peer.reply(asked, 486)
    line.ann.take(InviteFailed)
    line.settled()
