"""Addresses that do not fit: foreign domains, other schemes, media in the other IP version, redirections."""

from __future__ import annotations

import pytest

from pbx.codec_policy import policy
from pbx.location import SPARE_EXPIRIES, Location
from pbx.reasons import Reason, from_sip
from sip.commands import SendRequest
from sip.events import InviteFailed, ResponseReceived
from tests.fakes.demo import demo_snapshot
from tests.fakes.journal import MemoryJournal
from tests.fakes.switchboard import Phone, Switchboard
from tests.fakes.virtual_loop import virtually
from tests.pbx.test_keepalive import StillClock, binding


async def register_as(phone: Phone, to: str, *headers: tuple[str, str]) -> ResponseReceived:
    """A REGISTER of this address of record with right credentials."""
    first = await phone.ask_to_register(headers)
    credentials = phone._credentials(first, "REGISTER", "sip:demo.local")
    phone.send(
        SendRequest(
            target=phone.flow,
            method="REGISTER",
            uri="sip:demo.local",
            from_=f"<{to}>",
            to=f"<{to}>",
            headers=(*headers, ("authorization", credentials)),
            cseq=50,
        )
    )
    return await phone.expect(ResponseReceived)


@virtually
async def test_an_address_of_record_of_another_domain_is_not_found() -> None:
    board = Switchboard(demo_snapshot())
    ann = board.phone("1001", "10.0.0.11")
    contact = ("contact", "<sip:1001@10.0.0.11>")
    answer = await register_as(ann, "sip:1001@evil.example", contact)
    assert answer.response.status == 404
    answer = await register_as(ann, "sip:1001@10.0.0.1", contact)
    assert answer.response.status == 200, str(board)


@virtually
async def test_an_old_request_removes_nothing() -> None:
    board = Switchboard(demo_snapshot())
    ann = board.phone("1001", "10.0.0.11")
    assert (await ann.register()).response.status == 200
    ann._registers = 0
    first = await ann.ask_to_register((("contact", "*"), ("expires", "0")))
    credentials = ann._credentials(first, "REGISTER", "sip:demo.local")
    ann._registers = 0
    answer = await ann.ask_to_register((("contact", "*"), ("expires", "0"), ("authorization", credentials)))
    assert answer.response.status == 500
    assert len(board.location) == 1


@virtually
async def test_media_in_the_other_ip_version_is_refused() -> None:
    board = Switchboard(demo_snapshot())
    ann = board.phone("1001", "10.0.0.11")
    body = ann.sdp.replace(b"c=IN IP4 10.0.0.11", b"c=IN IP6 2001:db8::11")
    await ann.invite("*60", body=body)
    failed = await ann.expect(InviteFailed)
    assert failed.status == 488
    (record,) = await board.settled()
    assert record.reason == "codec_mismatch"


@virtually
async def test_a_redirection_is_not_passed_on() -> None:
    board = Switchboard(demo_snapshot())
    ann, ben = board.phone("1001", "10.0.0.11"), board.phone("1002", "10.0.0.12")
    await ben.register()
    await ann.invite("1002")
    ben.refuse(await ben.ringing(), 302)
    assert (await ann.expect(InviteFailed)).status == 480
    (record,) = await board.settled()
    assert record.legs[1].sip_code == 302


@pytest.mark.parametrize(("status", "reason"), [(499, Reason.UNKNOWN), (699, Reason.BUSY), (599, Reason.CARRIER_ERROR)])
def test_an_unknown_status_counts_as_the_first_of_its_class(status: int, reason: Reason) -> None:
    assert from_sip(status) is reason


def test_refreshes_without_end_take_no_memory() -> None:
    location = Location(MemoryJournal(StillClock()))
    for number in range(SPARE_EXPIRIES + 100):
        location.store(binding("sip:1001@192.168.1.5", expires_at=3600.0 + number), 5, float(number))
    assert len(location) == 1
    assert len(location._expiries) < SPARE_EXPIRIES
    location.expire(1e9)
    assert len(location) == 0


def test_codec_names_are_compared_in_lower_case_and_digits_always_go_along() -> None:
    assert policy(("PCMU",)) == ("pcmu", "telephone-event", "cn")
    assert policy(())[:4] == ("opus", "g722", "pcma", "pcmu")
    assert "g729" in policy(())
