"""Keys between phones that say them in different forms: RFC 4733 of a softphone, INFO of SIPp."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from tests.e2e.baresip import Baresip
from tests.e2e.conftest import Phones
from tests.e2e.ports import Ports
from tests.e2e.script_phone import ScriptPhone
from tests.e2e.server import CallBook, Server
from tests.e2e.wait import wait_until

EVENTS = 101


class KeyPhone(ScriptPhone):
    """A scripted phone that speaks telephone-event."""

    @property
    def sdp(self) -> bytes:
        text = super().sdp.decode().replace("RTP/AVP 0 8", f"RTP/AVP 0 8 {EVENTS}")
        return f"{text}a=rtpmap:{EVENTS} telephone-event/8000\r\na=fmtp:{EVENTS} 0-16\r\n".encode()


def test_events_of_a_softphone_reach_a_phone_without_them_as_info(
    demo: Server, book: CallBook, phones: Phones, ports: Ports, tmp_path: Path
) -> None:
    ben = phones.sipp(demo, "1009", registered=True)
    ben.expect_call("callee_hears_keys")
    with closing(Baresip(demo, ports, tmp_path, "1008", seed=8)) as ann:
        ann.start()
        ann.dial("1009")
        ann.wait_event("CALL_ESTABLISHED")
        for number, key in enumerate("1#0", 2):
            ann.press(key)
            # The INFO and its answer: SIPp takes its time, as baresip drops a key that follows another at once.
            answered = f"CSeq: {number} INFO"
            wait_until(lambda answered=answered: ben.messages.count(answered) == 2, 20, "INFO and its answer")  # type: ignore[misc]
        ann.hang_up()
        ann.wait_event("CALL_CLOSED")
        ben.finish()
    # Each key came once: SIPp would have stumbled over another INFO.
    row = book.one()
    assert (row["result"], row["reason"]) == ("answered", "normal")


def test_info_becomes_events_in_the_sound_of_the_other_phone(
    demo: Server, book: CallBook, phones: Phones, ports: Ports
) -> None:
    with closing(KeyPhone(demo, ports.take(), "1004")) as ben:
        assert ben.register().status == 200
        ann = phones.sipp(demo, "1009")
        ann.call("1004", "caller_informs_of_keys")
        call = ben.ringing()
        ben.answer(call)
        ben.expect_bytes(b"ACK ")
        ben.pump_until(lambda: len(ends(ben)) >= 9, "three ends of three keys")
        ben.hang_up(call.usage)
        ann.finish()
        ben.pump_until(lambda: any(b" BYE\r\n" in data for data in ben.received), "the answer to its BYE")
        ben.register(0)
        packets = list(ben.rtp.events)
    assert {packet[1] & 0x7F for packet in packets} == {EVENTS}
    assert len({packet[8:12] for packet in packets}) == 1
    numbers = [int.from_bytes(packet[2:4], "big") for packet in packets]
    assert [(number - numbers[0]) & 0xFFFF for number in numbers] == list(range(len(numbers)))
    keys = dict.fromkeys((packet[4:8], packet[12]) for packet in packets)
    assert [code for _, code in keys] == [5, 11, 9]
    assert [int.from_bytes(packet[14:16], "big") for packet in ends(ben)[::3]] == [1280, 800, 1280]
    row = book.one()
    assert (row["result"], row["reason"]) == ("answered", "normal")


def ends(phone: ScriptPhone) -> list[bytes]:
    """Packets that carry the end of an event."""
    return [packet for packet in phone.rtp.events if packet[13] & 0x80]
