"""The configuration changes under calls: they go on as they began, the next ones go by what holds then."""

from __future__ import annotations

import asyncio

from pbx.compiled import gone_row, number_row
from pbx.config_object import ObjectKey
from pbx.destination import ToneDestination
from sip.events import InviteAnswered, InviteFailed
from tests.fakes.demo import demo_snapshot
from tests.fakes.switchboard import Switchboard
from tests.fakes.virtual_loop import virtually


def swap(board: Switchboard, *rows: object) -> None:
    """Bring rows into force, as the server does."""
    draft = board.configuration.draft()
    for row in rows:
        draft.take(row)  # type: ignore[arg-type]
    made = draft.finish("2")
    board.configuration.swap(made)
    for key in made.gone:
        for binding in board.location.of(key, board.clock.now()):
            board.location.remove(binding)


@virtually
async def test_a_call_outlives_its_extensions() -> None:
    board = Switchboard(demo_snapshot())
    ann, ben = board.phone("1001", "10.0.0.11"), board.phone("1002", "10.0.0.12")
    await ann.register()
    await ben.register()
    usage = await ann.invite("1002")
    invite = await ben.ringing()
    # Both are deleted while it rings; it is answered, talks and ends as if nothing had happened.
    swap(board, gone_row(ObjectKey("extension", "demo", "1001")), gone_row(ObjectKey("extension", "demo", "1002")))
    assert len(board.location) == 0
    ben.answer(invite)
    await ann.expect(InviteAnswered)
    await asyncio.sleep(5)
    ann.hang_up(usage)
    (record,) = await board.settled()
    assert (record.result, record.reason, record.called_final) == ("answered", "normal", "1002")
    assert record.talk_ms >= 4900


@virtually
async def test_the_next_call_goes_by_the_edit() -> None:
    board = Switchboard(demo_snapshot())
    ann = board.phone("1001", "10.0.0.11")
    usage = await ann.invite("*60")
    await ann.expect(InviteAnswered)
    swap(board, number_row("demo", "*60", ToneDestination(name="busy")))
    await asyncio.sleep(1)
    ann.hang_up(usage)
    await ann.invite("*60")
    failed = await ann.expect(InviteFailed, timeout_s=60)
    assert failed.status == 486
    echo, tone = sorted(await board.settled(), key=lambda record: record.call_id)
    assert (echo.result, tone.result) == ("answered", "busy")


@virtually
async def test_a_device_that_is_gone_gets_no_call() -> None:
    board = Switchboard(demo_snapshot())
    ann, ben = board.phone("1001", "10.0.0.11"), board.phone("1002", "10.0.0.12")
    await ben.register()
    swap(board, gone_row(ObjectKey("extension", "demo", "1002")))
    await ann.invite("1002")
    failed = await ann.expect(InviteFailed, timeout_s=60)
    assert failed.status == 404
    (record,) = await board.settled()
    assert record.result != "answered"
