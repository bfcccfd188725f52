"""Conferences: people come and go; nobody's music is heard, and nothing is left of a room."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from media.event import Talking
from media.port_state import PortState
from pbx.conference import Conference
from pbx.events import ConferenceJoined, ConferenceLeft
from pbx.snapshot import Snapshot
from sip.events import ByeReceived, InviteAnswered, ResponseReceived
from tests.fakes.demo import demo_snapshot, device, extension
from tests.fakes.switchboard import Phone, Switchboard, sdp
from tests.fakes.virtual_loop import virtually

OPUS = ((111, "opus/48000/2"), (101, "telephone-event/48000"))
G711 = ("pcmu", "pcma", "telephone-event")


def twelve() -> Snapshot:
    """The demo with twelve extensions."""
    snapshot = demo_snapshot()
    numbers = [str(number) for number in range(1001, 1013)]
    devices = [device(number, codecs=("opus", *G711)) for number in numbers]
    demo = replace(
        snapshot.tenants["demo"],
        extensions={number: extension(number) for number in numbers},
        devices={one.username: one for one in devices},
        devices_by_user={user: one for one in devices for user, _ in one.ha1},
    )
    return replace(snapshot, tenants={**snapshot.tenants, "demo": demo})


class Meeting:
    """Phones that dial 8000."""

    def __init__(self) -> None:
        self.board = Switchboard(twelve())
        self.usages: dict[Phone, int] = {}

    async def join(self, number: int, *formats: tuple[int, str]) -> Phone:
        phone = self.board.phone(str(number), f"10.0.0.{number - 990}")
        phone.sdp = sdp(phone.address[0], 4000, *formats)
        self.usages[phone] = await phone.invite("8000")
        await phone.expect(InviteAnswered)
        await asyncio.sleep(1)
        return phone

    @property
    def room(self) -> Conference:
        found = self.board.node.conferences.find("demo", "8000")
        assert found is not None
        return found

    def port(self, phone: Phone) -> PortState:
        states = [state for state in self.board.media.states.values() if state is not None and state.remote_rtp]
        (state,) = [state for state in states if state.remote_rtp == (phone.address[0], 4000)]
        return state

    def port_id(self, phone: Phone) -> int:
        state = self.port(phone)
        return next(number for number, one in self.board.media.states.items() if one is state)

    async def leave(self, *phones: Phone) -> None:
        for phone in phones:
            phone.hang_up(self.usages[phone])
            await asyncio.sleep(1)


@virtually
async def test_ten_people_meet() -> None:
    meeting = Meeting()
    phones = [await meeting.join(1001 + number) for number in range(10)]
    mixes = [meeting.port(phone).mix for phone in phones]
    assert len({None if mix is None else mix.room for mix in mixes}) == 1
    assert all(mix is not None and mix.conference and mix.rate_hz == 8000 and not mix.muted for mix in mixes)
    assert all(meeting.port(phone).voice is not None and meeting.port(phone).relay_to is None for phone in phones)
    assert [sound.path for _, sound in meeting.board.media.room_sounds] == ["/nowhere/room8000/tones/join.raw"] * 10
    full = await meeting.join(1011)
    await full.expect(ByeReceived)
    meeting.board.node.on_media(Talking(port_id=meeting.port_id(phones[3]), revision=1, talking=True))
    await asyncio.sleep(1)
    assert [member.talking for member in meeting.room.members.values()] == [number == 3 for number in range(10)]
    await meeting.leave(*phones)
    records = await meeting.board.settled()
    assert [record.result for record in records] == ["answered"] * 11
    joined = [event.members for event in meeting.board.journal.events(ConferenceJoined)]  # type: ignore[attr-defined]
    left = [event.members for event in meeting.board.journal.events(ConferenceLeft)]  # type: ignore[attr-defined]
    assert joined == list(range(1, 11))
    assert left == list(range(9, -1, -1))


@virtually
async def test_who_is_alone_hears_music() -> None:
    meeting = Meeting()
    ann = await meeting.join(1001)
    assert meeting.port(ann).player is not None
    ben = await meeting.join(1002)
    assert (meeting.port(ann).player, meeting.port(ben).player) == (None, None)
    await meeting.leave(ben)
    assert meeting.port(ann).player is not None
    await meeting.leave(ann)
    await meeting.board.settled()


@virtually
async def test_a_wide_member_makes_the_room_wide() -> None:
    meeting = Meeting()
    ann, ben = await meeting.join(1001), await meeting.join(1002)
    wide = await meeting.join(1003, *OPUS)
    rates = [mix.rate_hz for phone in (ann, ben, wide) if (mix := meeting.port(phone).mix) is not None]
    assert rates == [16000, 16000, 16000]
    await meeting.leave(wide)
    mix = meeting.port(ann).mix
    assert mix is not None
    assert mix.rate_hz == 8000
    await meeting.leave(ann, ben)
    await meeting.board.settled()


@virtually
async def test_who_holds_is_not_heard() -> None:
    meeting = Meeting()
    ann, ben = await meeting.join(1001), await meeting.join(1002)
    for direction, muted in (("sendonly", True), ("sendrecv", False)):
        ann.reinvite(meeting.usages[ann], sdp(ann.address[0], 4000, direction=direction))
        while (await ann.expect(ResponseReceived)).response.status < 200:
            pass
        await asyncio.sleep(1)
        mix = meeting.port(ann).mix
        assert mix is not None
        assert mix.muted is muted
        assert meeting.port(ben).player is None
    await meeting.leave(ann, ben)
    await meeting.board.settled()


@virtually
async def test_members_are_muted_made_softer_and_put_out() -> None:
    meeting = Meeting()
    ann, ben = await meeting.join(1001), await meeting.join(1002)
    members = list(meeting.room.members.values())
    meeting.room.change(members[0], muted=True, gain_db=-6.0)
    meeting.room.change(members[1], deaf=True)
    first, second = meeting.port(ann).mix, meeting.port(ben).mix
    assert first is not None
    assert second is not None
    assert (first.muted, first.gain_db, second.deaf) == (True, -6.0, True)
    meeting.room.remove(members[1])
    meeting.room.remove(members[1])
    await ben.expect(ByeReceived)
    assert len(meeting.room.members) == 1
    await meeting.leave(ann)
    records = await meeting.board.settled()
    assert sorted(record.reason for record in records) == ["normal", "supervisor_release"]
