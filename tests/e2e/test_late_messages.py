"""Messages that cross, come twice or come too late: the call still ends once, with one record."""

from __future__ import annotations

from sip.events import ByeReceived
from tests.e2e.conftest import Phones
from tests.e2e.script_phone import ScriptPhone, talk
from tests.e2e.server import CallBook, Server


def answers_to_bye(phone: ScriptPhone, count: int) -> list[bytes]:
    """All answers to BYE requests, once there are `count` of them."""

    def found() -> list[bytes]:
        return [data for data in phone.received if data.startswith(b"SIP/2.0 ") and b" BYE\r\n" in data]

    phone.pump_until(lambda: len(found()) >= count, f"{count} answers to a BYE")
    return found()


def test_both_hang_up_at_once(demo: Server, book: CallBook, phones: Phones) -> None:
    ann, ben = phones.scripted(demo, "1003"), phones.scripted(demo, "1004", registered=True)
    usages = talk(ann, ben)
    for phone, usage in zip((ann, ben), usages, strict=True):
        phone.hang_up(usage)
    for phone in (ann, ben):
        (answer,) = answers_to_bye(phone, 1)
        assert answer.startswith(b"SIP/2.0 200 ")
    row = book.one()
    assert (row["result"], row["reason"]) == ("answered", "normal")
    assert row["hangup_party"] in ("caller", "callee")
    ben.register(0)


def test_a_bye_that_comes_twice(demo: Server, book: CallBook, phones: Phones) -> None:
    ann, ben = phones.scripted(demo, "1003"), phones.scripted(demo, "1004", registered=True)
    usage, _ = talk(ann, ben)
    ann.hang_up(usage)
    ben.expect(ByeReceived)
    row = book.one()
    (bye,) = (data for data in ann.sent if data.startswith(b"BYE "))
    ann.send_raw(bye)

    first, second = answers_to_bye(ann, 2)
    assert first == second
    assert first.startswith(b"SIP/2.0 200 ")
    assert book.one() == row
    ben.register(0)
