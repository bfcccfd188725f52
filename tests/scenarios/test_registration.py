"""Registrations: who may, for how long, how many contacts, in which order (RFC 3261 §10.3)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_network

import pytest

from pbx.events import AuthenticationFailed, RegistrationChanged
from pbx.snapshot import Snapshot
from sip.digest import authorization, parse_challenge
from sip.events import InviteFailed, InviteReceived, ResponseReceived
from sip.name_addr import parse_contacts
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import Phone, Switchboard
from tests.fakes.virtual_loop import virtually

Headers = tuple[tuple[str, str], ...]


def board_with(**changes: object) -> Switchboard:
    """A switchboard whose device 1001 differs from the usual one."""
    snapshot = demo_snapshot()
    demo = snapshot.tenants["demo"]
    changed = replace(demo.devices["1001"], **changes)  # type: ignore[arg-type]
    users = {user: changed if one.username == "1001" else one for user, one in demo.devices_by_user.items()}
    tenant = replace(demo, devices={**demo.devices, "1001": changed}, devices_by_user=users)
    return Switchboard(Snapshot(version="x", tenants={**snapshot.tenants, "demo": tenant}, trunks=snapshot.trunks))


async def ask(phone: Phone, *headers: tuple[str, str]) -> ResponseReceived:
    """A REGISTER with these fields and right credentials."""
    first = await phone.ask_to_register(headers)
    assert first.response.status == 401, str(phone.board)
    credentials = phone._credentials(first, "REGISTER", "sip:demo.local")
    return await phone.ask_to_register((*headers, ("authorization", credentials)))


def contacts(answer: ResponseReceived) -> dict[str, int]:
    """Contacts of a 200 with the seconds that they have left."""
    rows = answer.response.headers.get_all("contact")
    return {str(one.uri): int(one.param("expires") or 0) for one in (parse_contacts(rows) if rows else ())}


def actions(board: Switchboard) -> list[str]:
    events = board.journal.events(RegistrationChanged)
    return [event.action for event in events if isinstance(event, RegistrationChanged)]


@virtually
async def test_add_refresh_remove() -> None:
    board = board_with()
    ann = board.phone("1001", "10.0.0.11")
    contact = ("contact", "<sip:1001@10.0.0.11:5060>")
    assert contacts(await ask(ann, contact, ("expires", "120"))) == {"sip:1001@10.0.0.11:5060": 120}
    await asyncio.sleep(60)
    assert contacts(await ask(ann)) == {"sip:1001@10.0.0.11:5060": 60}
    assert contacts(await ask(ann, contact, ("expires", "300"))) == {"sip:1001@10.0.0.11:5060": 300}
    assert contacts(await ask(ann, contact, ("expires", "0"))) == {}
    assert actions(board) == ["added", "refreshed", "removed"]
    await board.settled()


@pytest.mark.parametrize(
    ("contact", "expires", "granted"),
    [
        ("<sip:a@10.0.0.11>", None, 3600),
        ("<sip:a@10.0.0.11>", "60", 60),
        ("<sip:a@10.0.0.11>", "86400", 3600),
        ("<sip:a@10.0.0.11>;expires=90", "3600", 90),
        ("<sip:a@10.0.0.11>;expires=4294967296", None, 3600),
        ("<sip:a@10.0.0.11>;expires=soon", "100", 100),
        ("<sip:a@10.0.0.11>;expires=00000000000000090", None, 90),
    ],
)
@virtually
async def test_how_long(contact: str, expires: str | None, granted: int) -> None:
    board = board_with()
    ann = board.phone("1001", "10.0.0.11")
    headers: Headers = (("contact", contact),)
    if expires is not None:
        headers = (*headers, ("expires", expires))
    assert list(contacts(await ask(ann, *headers)).values()) == [granted]
    await board.settled()


@virtually
async def test_too_short() -> None:
    board = board_with()
    ann = board.phone("1001", "10.0.0.11")
    answer = await ask(ann, ("contact", "<sip:a@10.0.0.11>"), ("expires", "59"))
    assert (answer.response.status, answer.response.min_expires) == (423, 60)
    assert actions(board) == []
    await board.settled()


@virtually
async def test_a_binding_expires() -> None:
    board = board_with()
    ann, ben = board.phone("1001", "10.0.0.11"), board.phone("1002", "10.0.0.12")
    await ask(ann, ("contact", "<sip:a@10.0.0.11>"), ("expires", "60"))
    await ben.register()
    await asyncio.sleep(61)
    await ben.invite("1001")
    (record,) = await board.settled()
    assert record.reason == "offline"
    board.location.expire(board.loop.time())
    assert actions(board)[-1] == "expired"
    assert not [event for event in ann.events if isinstance(event, InviteReceived)]


@virtually
async def test_the_oldest_of_too_many_goes() -> None:
    board = board_with(max_contacts=2)
    ann = board.phone("1001", "10.0.0.11")
    for number in range(3):
        answer = await ask(ann, ("contact", f"<sip:a@10.0.1.{number}>"))
    assert list(contacts(answer)) == ["sip:a@10.0.1.1", "sip:a@10.0.1.2"]
    assert actions(board) == ["added", "added", "removed", "added"]
    await board.settled()


@virtually
async def test_several_contacts_at_once() -> None:
    board = board_with()
    ann = board.phone("1001", "10.0.0.11")
    both = ("contact", "<sip:a@10.0.1.1>;expires=100, <sip:a@10.0.1.2>;expires=200")
    assert sorted(contacts(await ask(ann, both)).values()) == [100, 200]
    mixed = ("contact", "<sip:a@10.0.1.1>;expires=0, <sip:a@10.0.1.2>;expires=300")
    assert contacts(await ask(ann, mixed)) == {"sip:a@10.0.1.2": 300}
    await board.settled()


@virtually
async def test_all_or_nothing() -> None:
    board = board_with()
    ann = board.phone("1001", "10.0.0.11")
    assert (await ask(ann, ("contact", "<sip:a@10.0.1.1>, <sip:a@10.0.1.2>;expires=5"))).response.status == 423
    assert (await ask(ann, ("contact", "<sip:a@10.0.1.1>, <mailto:a@b>"))).response.status == 400
    assert contacts(await ask(ann)) == {}
    await board.settled()


@virtually
async def test_a_star_removes_all() -> None:
    board = board_with()
    ann = board.phone("1001", "10.0.0.11")
    await ask(ann, ("contact", "<sip:a@10.0.1.1>, <sip:a@10.0.1.2>"))
    assert (await ask(ann, ("contact", "*"), ("expires", "60"))).response.status == 400
    assert (await ask(ann, ("contact", "*"))).response.status == 400
    assert len(contacts(await ask(ann))) == 2
    assert (await ask(ann, ("contact", "*"), ("expires", "0"))).response.status == 200
    assert contacts(await ask(ann)) == {}
    await board.settled()


@virtually
async def test_a_request_out_of_order_changes_nothing() -> None:
    board = board_with()
    ann = board.phone("1001", "10.0.0.11")
    ann._registers = 100
    await ask(ann, ("contact", "<sip:a@10.0.1.1>"), ("expires", "600"))
    ann._registers -= 4
    late = await ask(ann, ("contact", "<sip:a@10.0.1.1>"), ("expires", "0"))
    assert late.response.status == 500
    ann._registers += 10
    assert contacts(await ask(ann)) == {"sip:a@10.0.1.1": 600}
    await board.settled()


@virtually
async def test_a_path_is_shown_back_and_walked() -> None:
    """RFC 3327: the call goes over the flow of the registration, with the Path as its Route."""
    board = board_with()
    ann, ben = board.phone("1001", "10.0.0.11"), board.phone("1002", "10.0.0.12")
    answer = await ask(ann, ("contact", "<sip:a@192.168.0.9>"), ("path", "<sip:10.0.0.11;lr>"))
    assert answer.response.headers.get_all("path") == ["<sip:10.0.0.11;lr>"]
    await ben.register()
    usage = await ben.invite("1001")
    call = await ann.ringing()
    assert str(call.request.uri) == "sip:a@192.168.0.9"
    assert [str(route.uri) for route in call.request.routes] == ["sip:10.0.0.11;lr"]
    ben.cancel(usage)
    await board.settled()


@virtually
async def test_a_broken_path_is_refused() -> None:
    board = board_with()
    ann = board.phone("1001", "10.0.0.11")
    answer = await ann.ask_to_register((("contact", "<sip:a@10.0.0.11>"), ("path", "<<<")))
    assert answer.response.status == 400
    await board.settled()


@virtually
async def test_a_phone_behind_a_nat_is_called_over_its_flow() -> None:
    board = board_with()
    ann, ben = board.phone("1001", "10.0.0.11"), board.phone("1002", "10.0.0.12")
    await ask(ann, ("contact", "<sip:a@192.168.0.9:5062>"))
    await ben.register()
    usage = await ben.invite("1001")
    call = await ann.ringing()
    assert str(call.request.uri) == "sip:a@192.168.0.9:5062"
    ben.cancel(usage)
    await board.settled()


@virtually
async def test_a_phone_that_restarts_leaves_no_dead_contact() -> None:
    board = board_with()
    ann = board.phone("1001", "10.0.0.11")
    await ask(ann, ("contact", "<sip:first@10.0.0.11:5060>"))
    ann.call_id = "after-the-restart"
    assert contacts(await ask(ann, ("contact", "<sip:second@10.0.0.11:5060>"))) == {"sip:second@10.0.0.11:5060": 3600}
    await board.settled()


# -- credentials


@pytest.mark.parametrize(("name", "password"), [("1001", "wrong"), ("4711", "demo-4711")])
@virtually
async def test_wrong_password_and_unknown_user_look_the_same(name: str, password: str) -> None:
    board = board_with()
    phone = board.phone(name, "10.0.0.21", password=password)
    answer = await phone.register()
    assert answer.response.status == 401
    challenges = [parse_challenge(row) for row in answer.response.headers.get_all("www-authenticate")]
    assert [(one.algorithm, one.realm, one.stale) for one in challenges] == [
        ("MD5", "demo.local", False),
        ("SHA-256", "demo.local", False),
    ]
    assert actions(board) == []
    await board.settled()


@virtually
async def test_a_stale_nonce_is_told_apart_and_a_used_one_is_not_good_again() -> None:
    board = board_with()
    ann = board.phone("1001", "10.0.0.11")
    headers: Headers = (("contact", "<sip:a@10.0.0.11>"),)
    first = await ann.ask_to_register(headers)
    credentials = ("authorization", ann._credentials(first, "REGISTER", "sip:demo.local"))
    assert (await ann.ask_to_register((*headers, credentials))).response.status == 200
    replayed = await ann.ask_to_register((*headers, credentials))
    assert replayed.response.status == 401
    assert "stale" not in (replayed.response.headers.get("www-authenticate") or "")
    await asyncio.sleep(301)
    old = await ann.ask_to_register((*headers, credentials))
    assert old.response.status == 401
    assert all("stale=true" in row for row in old.response.headers.get_all("www-authenticate"))
    await board.settled()


@virtually
async def test_a_nonce_of_another_address_is_not_good() -> None:
    board = board_with()
    ann, eve = board.phone("1001", "10.0.0.11"), board.phone("1001", "10.0.0.66")
    headers: Headers = (("contact", "<sip:a@10.0.0.66>"),)
    first = await ann.ask_to_register(headers)
    credentials = ("authorization", ann._credentials(first, "REGISTER", "sip:demo.local"))
    assert (await eve.ask_to_register((*headers, credentials))).response.status == 401
    await board.settled()


@virtually
async def test_the_address_of_record_must_be_the_devices_own() -> None:
    board = board_with()
    ann = board.phone("1001", "10.0.0.11")
    first = await ann.ask_to_register(())
    ann.name = "1002"
    challenge = next(
        one
        for one in (parse_challenge(row) for row in first.response.headers.get_all("www-authenticate"))
        if one.algorithm == "MD5"
    )
    row = authorization(challenge, "REGISTER", "sip:demo.local", "1001", "demo-1001", 1, "c")
    answer = await ann.ask_to_register((("contact", "<sip:a@10.0.0.11>"), ("authorization", row)))
    assert answer.response.status == 403
    await board.settled()


@pytest.mark.parametrize("user", ["1001", "demo-1001"])
@virtually
async def test_both_user_names_of_a_device(user: str) -> None:
    board = board_with()
    ann = board.phone(user, "10.0.0.11", password="demo-1001")
    assert (await ann.register()).response.status == 200
    ben = board.phone("1002", "10.0.0.12")
    usage = await ben.invite("1001")
    await ann.ringing()
    ben.cancel(usage)
    await board.settled()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"enabled": False}, 403),
        ({"transports": ("tls",)}, 403),
        ({"allowed_nets": (ip_network("192.0.2.0/24"),)}, 401),
        ({"allowed_nets": (ip_network("10.0.0.0/24"),)}, 200),
    ],
)
@virtually
async def test_rights_of_a_device(changes: dict[str, object], status: int) -> None:
    board = board_with(**changes)
    assert (await board.phone("1001", "10.0.0.11").register()).response.status == status
    await board.settled()


@virtually
async def test_failures_are_written_down_at_counts_that_double() -> None:
    board = board_with()
    eve = board.phone("1001", "10.0.0.66", password="wrong")
    for _ in range(9):
        await eve.register()
    events = [one for one in board.journal.events(AuthenticationFailed) if isinstance(one, AuthenticationFailed)]
    assert [event.count for event in events] == [1, 2, 4, 8]
    await board.settled()


@virtually
async def test_a_device_calls_by_its_transports_only() -> None:
    board = board_with(transports=("tls",))
    ann = board.phone("1001", "10.0.0.11")
    await ann.invite("1002")
    assert (await ann.expect(InviteFailed)).status == 403
    assert await board.settled() == []
