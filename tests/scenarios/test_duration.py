"""Calls that last too long: warned, then cut; and calls that come back to us again and again."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from pbx.ingress import MAX_DEPTH
from pbx.reasons import Reason
from pbx.snapshot import Snapshot
from sip.events import AckReceived, ByeReceived, InviteAnswered, InviteFailed, InviteReceived
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import SERVER, Switchboard
from tests.fakes.virtual_loop import virtually


def limited(tenant_s: float | None, trunk_s: float | None) -> Snapshot:
    snapshot = demo_snapshot(max_duration_s=trunk_s)
    tenants = {key: replace(one, max_duration_s=tenant_s) for key, one in snapshot.tenants.items()}
    return replace(snapshot, tenants=tenants)


@pytest.mark.parametrize(("tenant_s", "trunk_s", "lasts_s"), [(120.0, None, 120), (120.0, 60.0, 60), (None, 20.0, 20)])
@virtually
async def test_a_call_is_warned_and_cut(tenant_s: float | None, trunk_s: float | None, lasts_s: int) -> None:
    board = Switchboard(limited(tenant_s, trunk_s))
    carrier, far = board.phone("carrier", "10.0.1.1"), board.phone("far", "10.0.2.1")
    await carrier.invite("9001", password=False)
    far.answer(await far.ringing())
    await carrier.expect(InviteAnswered)
    await far.expect(AckReceived)
    began = board.loop.time()
    warned: list[float] = []
    put = board.media.put

    def watch(port_id: int, state: object) -> int:
        if getattr(state, "player", None) is not None:
            warned.append(board.loop.time() - began)
        return put(port_id, state)  # type: ignore[arg-type]

    board.media.put = watch  # type: ignore[method-assign]
    for phone in (carrier, far):
        bye = (await phone.expect(ByeReceived, 200)).request
        assert "max_duration" in (bye.headers.get("reason") or "")
    assert round(board.loop.time() - began) == lasts_s
    assert {round(at) for at in warned} == ({lasts_s - 30} if lasts_s > 30 else set())
    (record,) = await board.settled()
    assert (record.result, record.reason, record.hangup_party) == ("answered", "max_duration", "system")


@virtually
async def test_without_a_limit_a_call_goes_on() -> None:
    board = Switchboard(limited(None, None))
    carrier, far = board.phone("carrier", "10.0.1.1"), board.phone("far", "10.0.2.1")
    usage = await carrier.invite("9001", password=False)
    far.answer(await far.ringing())
    await carrier.expect(InviteAnswered)
    with pytest.raises(pytest.fail.Exception):
        await far.expect(ByeReceived, 100_000)
    carrier.hang_up(usage)
    await far.expect(ByeReceived)
    assert (await board.settled())[0].reason == "normal"


@virtually
async def test_a_trunk_that_sends_our_calls_back_is_a_loop() -> None:
    """The far end is a proxy that routes everything back to us: after a few turns the call ends, at once for all."""
    board = Switchboard(demo_snapshot())
    carrier = board.phone("carrier", "10.0.1.1")
    mirror = ("10.0.2.1", 5060)

    def reflect(data: bytes, source: tuple[str, int]) -> None:
        if data.startswith(b"SIP/2.0"):
            head, _, rest = data.partition(b"\r\nVia: ")
            data = head + b"\r\n" + rest.split(b"\r\n", 1)[1]
        else:
            branch = re.search(rb"branch=([^;\r]+)", data)
            assert branch is not None
            via = b"Via: SIP/2.0/UDP 10.0.2.1:5060;branch=" + branch[1] + b"-again\r\nVia: "
            data = data.replace(b"Via: ", via, 1)
        board.network.carry(data, mirror, SERVER)

    board.network.attach(mirror, "mirror", reflect)
    await carrier.invite("9001", password=False)
    assert (await carrier.expect(InviteFailed)).status == 500
    records = await board.settled()
    assert [record.reason for record in records] == [Reason.LOOP] * (MAX_DEPTH + 2)
    assert not [event for event in carrier.events if isinstance(event, InviteReceived)]
