"""Who may call: passwords, rights, room, the state of the server."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from pbx.admission import Limits, Refused
from pbx.events import AuthenticationFailed
from pbx.snapshot import Snapshot
from sip.events import AckReceived, InviteAnswered, InviteFailed, InviteReceived, ResponseReceived
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import Phone, Switchboard
from tests.fakes.virtual_loop import virtually


def board_with(
    *,
    ports: int = 1000,
    tenant: dict[str, object] | None = None,
    limits: Limits | None = None,
    trunk: dict[str, object] | None = None,
    **changes: object,
) -> Switchboard:
    """A switchboard whose extension 1001 or whose demo tenant differs from the usual one."""
    snapshot = demo_snapshot(**(trunk or {}))
    demo = snapshot.tenants["demo"]
    extensions = {**demo.extensions, "1001": replace(demo.extensions["1001"], **changes)}  # type: ignore[arg-type]
    changed = replace(demo, extensions=extensions, **(tenant or {}))  # type: ignore[arg-type]
    made = Snapshot(version="x", tenants={**snapshot.tenants, "demo": changed}, trunks=snapshot.trunks)
    return Switchboard(made, ports=ports, limits=limits)


async def registered(board: Switchboard) -> tuple[Phone, Phone]:
    ann, ben = board.phone("1001", "10.0.0.11"), board.phone("1002", "10.0.0.12")
    for phone in (ann, ben):
        assert (await phone.register()).response.status == 200, str(board)
    return ann, ben


async def talk(board: Switchboard, ann: Phone, ben: Phone) -> int:
    usage = await ann.invite("1002")
    ben.answer(await ben.ringing())
    await ann.expect(InviteAnswered)
    await ben.expect(AckReceived)
    return usage


@virtually
async def test_an_extension_has_room_for_so_many_calls() -> None:
    board = board_with(max_calls=1)
    ann, ben = await registered(board)
    usage = await talk(board, ann, ben)
    await ann.invite("*60")
    assert (await ann.expect(InviteFailed)).status == 486
    await ben.invite("1001")
    assert (await ben.expect(InviteFailed)).status == 486
    ann.hang_up(usage)
    records = await board.settled()
    assert sorted(record.reason for record in records) == ["blocked_capacity", "busy", "normal"]


@pytest.mark.parametrize(("ports", "number"), [(0, "*60"), (0, "1002"), (1, "1002"), (0, "4711")])
@virtually
async def test_no_media_port_is_left(ports: int, number: str) -> None:
    board = board_with(ports=ports)
    ann, ben = await registered(board)
    await ann.invite(number)
    assert (await ann.expect(InviteFailed)).status == 503
    (record,) = await board.settled()
    assert (record.result, record.reason, record.sip_code) == ("failed", "media_failed", 503)
    assert not [event for event in ben.events if isinstance(event, InviteReceived)]


@virtually
async def test_a_full_disk_refuses_new_calls_and_keeps_those_that_run() -> None:
    board = board_with()
    ann, ben = await registered(board)
    usage = await talk(board, ann, ben)
    board.journal.memory.disk_full = True
    await ann.invite("*60", password=False)
    failed = await ann.expect(InviteFailed)
    assert failed.response is not None
    assert (failed.status, failed.response.headers.get("retry-after")) == (503, "5")
    board.journal.memory.disk_full = False
    ann.hang_up(usage)
    (record,) = await board.settled()
    assert record.reason == "normal"


@virtually
async def test_a_server_that_shuts_down_takes_no_calls() -> None:
    board = board_with()
    ann, _ = await registered(board)
    board.ingress.admission.draining = True
    await ann.invite("*60", password=False)
    assert (await ann.expect(InviteFailed)).status == 503
    assert await board.settled() == []


@virtually
async def test_a_wrong_password_an_unknown_user_and_a_foreign_domain_get_the_same_answer() -> None:
    board = board_with()
    answers = []
    for name, host in (("1001", "10.0.0.21"), ("4711", "10.0.0.22")):
        phone = board.phone(name, host, password="wrong")
        await phone.invite("1002")
        failed = await phone.expect(InviteFailed)
        assert failed.response is not None
        shown = [
            (row, value.partition("nonce=")[0])
            for row in ("www-authenticate", "server", "allow", "warning", "reason")
            for value in failed.response.headers.get_all(row)
        ]
        answers.append((failed.status, failed.response.reason, shown))
    assert answers[0] == answers[1]
    assert answers[0][0] == 401
    events = board.journal.events(AuthenticationFailed)
    causes = [event.cause for event in events if isinstance(event, AuthenticationFailed)]
    assert causes == ["wrong password", "unknown user"]
    assert await board.settled() == []


@virtually
async def test_no_credentials_make_no_call_and_no_record() -> None:
    board = board_with()
    stranger = board.phone("1001", "203.0.113.5")
    await stranger.invite("1002", password=False)
    assert (await stranger.expect(InviteFailed)).status == 401
    assert await board.settled() == []


@pytest.mark.parametrize("what", [{"enabled": False}, {"tenant": {"status": "suspended"}}])
@virtually
async def test_who_may_not_call_is_told_so(what: dict[str, object]) -> None:
    board = board_with(**what)  # type: ignore[arg-type]
    ann = board.phone("1001", "10.0.0.11")
    await ann.invite("1002")
    assert (await ann.expect(InviteFailed)).status == 403
    assert await board.settled() == []


@pytest.mark.parametrize(("hops", "status"), [(0, 483), (1, None)])
@virtually
async def test_a_message_that_went_round_too_often(hops: int, status: int | None) -> None:
    board = board_with()
    ann, ben = await registered(board)
    if status is None:
        usage = await ann.invite("1002", max_forwards=hops)
        call = await ben.expect(InviteReceived)
        assert call.request.max_forwards == hops - 1
        ann.cancel(usage)
    else:
        await ann.invite("1002", max_forwards=hops, password=False)
        assert (await ann.expect(InviteFailed)).status == status
    await board.settled()


@virtually
async def test_max_forwards_is_one_less_on_the_way_out() -> None:
    board = board_with()
    ann, ben = await registered(board)
    usage = await ann.invite("1002", max_forwards=20)
    assert (await ben.expect(InviteReceived)).request.max_forwards == 19
    ann.cancel(usage)
    await board.settled()


@virtually
async def test_internal_calls_can_be_forbidden() -> None:
    board = board_with(tenant={"internal_calls": False})
    ann, _ = await registered(board)
    await ann.invite("1002")
    assert (await ann.expect(InviteFailed)).status == 404
    (record,) = await board.settled()
    assert record.reason == "invalid_number"


async def refused(board: Switchboard, phone: Phone) -> int | None:
    """The status that a call to the echo test is refused with before anybody is asked for a password."""
    await phone.invite("*60", password=False)
    failed = await phone.expect(InviteFailed)
    if failed.status == 503:
        assert failed.response is not None
        assert failed.response.headers.get("retry-after") == "5"
    return failed.status


@virtually
async def test_the_node_holds_so_many_calls() -> None:
    board = board_with(limits=Limits(max_calls=1))
    ann, ben = await registered(board)
    usage = await talk(board, ann, ben)
    assert await refused(board, ben) == 503
    ann.hang_up(usage)
    await asyncio.sleep(1)
    assert await refused(board, ben) == 401, "there is room again"
    assert board.ingress.admission.refused == {Refused.CALLS: 1}
    await board.settled()


@virtually
async def test_the_node_takes_so_many_calls_per_second() -> None:
    board = board_with(limits=Limits(max_cps=2))
    ann, _ = await registered(board)
    statuses = [await refused(board, ann) for _ in range(6)]
    assert statuses == [401] * 4 + [503] * 2
    await asyncio.sleep(1)
    assert [await refused(board, ann) for _ in range(3)] == [401, 401, 503]
    await board.settled()


@virtually
async def test_no_room_for_media_refuses_before_a_password_is_asked() -> None:
    board = board_with()
    ann, _ = await registered(board)
    board.free_calls = 0
    assert await refused(board, ann) == 503
    assert board.ingress.admission.refused == {Refused.PORTS: 1}
    await board.settled()


@virtually
async def test_a_loop_that_is_late_refuses_a_growing_share_and_recovers() -> None:
    board = board_with()
    ann, _ = await registered(board)

    async def burst() -> int:
        """Of twenty calls within two seconds, how many were refused."""
        count = 0
        for _ in range(20):
            count += await refused(board, ann) == 503
            await asyncio.sleep(0.09)
        return count

    assert await burst() == 0
    board.lag_s = 0.240
    rising = await burst()
    assert 5 < rising < 20
    assert await burst() >= 18, "all but a few are refused while it lasts"
    board.lag_s = 0.002
    assert await burst() < 12
    assert await burst() == 0, "recovered"
    await board.settled()


@virtually
async def test_a_tenant_has_room_for_so_many_calls() -> None:
    board = board_with(tenant={"max_calls": 1})
    ann, ben = await registered(board)
    usage = await talk(board, ann, ben)
    await ben.invite("*60")
    assert (await ben.expect(InviteFailed)).status == 486
    ann.hang_up(usage)
    assert {record.reason for record in await board.settled()} == {"blocked_capacity", "normal"}


@virtually
async def test_a_tenant_may_make_so_many_calls_per_second() -> None:
    board = board_with(tenant={"max_cps": 0.5})
    ann, _ = await registered(board)
    usage = await ann.invite("*60")
    await ann.expect(InviteAnswered)
    await ann.invite("*60")
    assert (await ann.expect(InviteFailed)).status == 486
    ann.hang_up(usage)
    assert {record.reason for record in await board.settled()} == {"blocked_capacity", "normal"}


@virtually
async def test_calls_out_wait_their_turn_on_a_trunk() -> None:
    """Two at once are within a rate of one per second; the third waits a second, the fifth is refused."""
    board = board_with(trunk={"max_cps": 1.0})
    carrier, far = board.phone("carrier", "10.0.1.1"), board.phone("far", "10.0.2.1")
    usages = [await carrier.invite("9001", password=False) for _ in range(6)]
    await asyncio.sleep(0.5)
    offered = [event for event in far.events if isinstance(event, InviteReceived)]
    assert len(offered) == 2
    await asyncio.sleep(3)
    offered = [event for event in far.events if isinstance(event, InviteReceived)]
    assert len(offered) == 4
    failed = [event.status for event in carrier.events if isinstance(event, InviteFailed)]
    assert failed == [486, 486]
    for usage in usages:
        carrier.cancel(usage)
    reasons = sorted(record.reason for record in await board.settled())
    assert reasons == ["blocked_limit"] * 2 + ["caller_cancelled"] * 4


@virtually
async def test_messages_that_pile_up_refuse_new_calls_and_nothing_else() -> None:
    """More waits at the socket than can be served soon: calls that are up are held and ended as ever."""
    board = board_with()
    ann, ben = await registered(board)
    usage = await talk(board, ann, ben)
    board.transport.backlog_bytes = 1 << 20
    ann.reinvite(usage, ann.sdp)
    await ann.expect(ResponseReceived)
    assert await refused(board, ben) == 503
    assert board.ingress.overload() == {"backlog": 1}
    board.transport.backlog_bytes = 0
    assert (await ann.register()).response.status == 200
    assert await refused(board, ben) == 401
    ann.hang_up(usage)
    (record,) = await board.settled()
    assert record.reason == "normal"
