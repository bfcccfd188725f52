"""Rooms in real worker processes: who hears whom, listened to packet by packet."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from media.client import MediaClient, Port
from media.codecs import CODECS, Samples
from media.event import Talking
from media.mix_state import Heard, Mix, RoomSound, Tap, Voice
from media.port_state import PortState
from media.tap import IN, NOTE, records
from tests.media.phone import Phone, Phones
from tests.media.test_client import eventually, media, run

pytestmark = pytest.mark.e2e  # Worker processes of its own, and real time.

PCMU = Heard(payload_type=0, codec="pcmu")
VOICE = Voice(hear=(PCMU,), speak=PCMU)
CODEC = CODECS["pcmu"]
LOUD = 3000.0
SETTLE_TICKS, HEARD_TICKS = 25, 50
TRIES = 4
"""The test itself sends in fits and starts where the machine is busy; then there are holes of its own."""


def pitch(number: int) -> int:
    """A frequency of one's own, with whole periods in 20 ms."""
    return 300 + 150 * number


def tone(hz: int) -> bytes:
    at = np.arange(160) / 8000
    return CODEC.encoder(8000).encode(np.round(LOUD * np.sin(2 * np.pi * hz * at)).astype(np.int16))


class Party:
    """Phones in a room; each says its own tone while it talks."""

    def __init__(self, client: MediaClient, phones: Iterable[Phone]) -> None:
        self.client = client
        self.phones = list(phones)
        self.ports: list[Port] = [client.allocate() for _ in self.phones]
        self.said = [tone(pitch(number)) for number in range(len(self.phones))]
        self.quiet = CODEC.encoder(8000).encode(np.zeros(160, dtype=np.int16))

    def put(self, number: int, mix: Mix | None, **more: object) -> None:
        state = PortState(remote_rtp=self.phones[number].address, voice=VOICE, mix=mix, **more)  # type: ignore[arg-type]
        self.client.put(self.ports[number].id, state)

    async def talk(self, talking: Iterable[int], ticks: int) -> list[Samples]:
        """Everybody sends for a time; what each hears in it."""
        loop, talkers = asyncio.get_running_loop(), set(talking)
        for phone in self.phones:
            phone.drain()
        begun = loop.time()
        for tick in range(ticks):
            for number, (phone, port) in enumerate(zip(self.phones, self.ports, strict=True)):
                phone.send((port.address, port.rtp_port), self.said[number] if number in talkers else self.quiet)
            await asyncio.sleep(max(0.0, begun + 0.02 * (tick + 1) - loop.time()))
        return [
            CODEC.decoder(8000).decode(b"".join([packet.payload for packet in phone.drain()]) or b"\xff")
            for phone in self.phones
        ]

    async def hear(self, talking: Iterable[int]) -> list[set[int]]:
        """Whom each hears."""
        talkers = list(talking)
        await self.talk(talkers, SETTLE_TICKS)
        return [voices(heard, len(self.phones)) for heard in await self.talk(talkers, HEARD_TICKS)]


def voices(heard: Samples, count: int) -> set[int]:
    """Whose tones are in a sound: those at more than a tenth of their loudness."""
    wave: NDArray[np.float64] = heard.astype(np.float64)
    at = np.arange(len(wave)) / 8000
    strength = [2 * abs(np.mean(wave * np.exp(-2j * np.pi * pitch(number) * at))) for number in range(count)]
    return {number for number, level in enumerate(strength) if level > LOUD / 10}


def test_ten_in_a_room_hear_each_other_and_not_themselves(phones: Phones) -> None:
    async def scenario() -> None:
        async with media(workers=2) as (client, events):
            party = Party(client, [phones(number + 1) for number in range(10)])
            for number in range(10):
                party.put(number, Mix(room=1, conference=True))
            everybody = set(range(10))
            assert await party.hear(everybody) == [everybody - {number} for number in range(10)]
            assert await party.hear([3]) == [{3} - {number} for number in range(10)]
            talked = {event.port_id for event in events if isinstance(event, Talking) and event.talking}
            assert talked == {port.id for port in party.ports}

    run(scenario)


def test_listening_whispering_and_barging(phones: Phones) -> None:
    """A caller (0), an agent (1), a supervisor (2)."""

    async def scenario() -> None:
        async with media() as (client, _):
            party = Party(client, [phones(number + 1) for number in range(3)])
            party.put(0, Mix(room=1))
            party.put(1, Mix(room=1))
            party.put(2, Mix(room=1, muted=True))
            assert await party.hear([0, 1, 2]) == [{1}, {0}, {0, 1}]
            party.put(1, Mix(room=1, hears=((party.ports[2].id, 0.0),)))
            assert await party.hear([0, 1, 2]) == [{1}, {0, 2}, {0, 1}]
            party.put(1, Mix(room=1))
            party.put(2, Mix(room=1))
            assert await party.hear([0, 1, 2]) == [{1, 2}, {0, 2}, {0, 1}]
            party.put(0, Mix(room=1, deaf=True))
            assert await party.hear([0, 1, 2]) == [set(), {0, 2}, {0, 1}]

    run(scenario)


def test_rooms_are_sealed_from_each_other(phones: Phones) -> None:
    async def scenario() -> None:
        async with media() as (client, _):
            party = Party(client, [phones(number + 1) for number in range(4)])
            stranger = party.ports[0].id
            for number in range(4):
                # The last asks for somebody in another room.
                party.put(number, Mix(room=1 + number // 2, hears=((stranger, 0.0),) if number == 3 else ()))
            assert await party.hear(range(4)) == [{1}, {0}, {3}, {2}]

    run(scenario)


def test_a_room_goes_on_when_its_worker_dies(phones: Phones) -> None:
    async def scenario() -> None:
        async with media() as (client, _):
            party = Party(client, [phones(number + 1) for number in range(3)])
            for number in range(3):
                party.put(number, Mix(room=1))
            assert await party.hear(range(3)) == [{1, 2}, {0, 2}, {0, 1}]
            (pid,) = client.worker_pids()
            os.kill(pid, signal.SIGKILL)
            await eventually(lambda: client.worker_pids() not in ([], [pid]))
            assert await party.hear(range(3)) == [{1, 2}, {0, 2}, {0, 1}]

    run(scenario)


def test_a_sound_for_all(phones: Phones, tmp_path: Path) -> None:
    path = tmp_path / "beep.l16"
    at = np.arange(16000) / 8000
    path.write_bytes(np.round(LOUD * np.sin(2 * np.pi * pitch(5) * at)).astype("<i2").tobytes())

    async def scenario() -> None:
        async with media() as (client, _):
            party = Party(client, [phones(number + 1) for number in range(2)])
            for number in range(2):
                party.put(number, Mix(room=1))
            await party.talk([0, 1], SETTLE_TICKS)
            await party.talk([0], SETTLE_TICKS)
            client.play_in_room(1, [RoomSound(id=1, path=str(path), rate_hz=8000)])
            heard = await party.talk([0], HEARD_TICKS)
            assert [voices(one, 6) for one in heard] == [{5}, {0, 5}]

    run(scenario)


def holes(sound: Samples) -> list[str]:
    """What is wrong with a tone that was relayed, mixed, relayed, mixed and relayed, 40 packets each, and ten more."""
    faults = []
    # One packet may still have been on its way at each end.
    if len(sound) < (4 * 40 + 10 - 4) * 160:
        faults.append(f"{len(sound) / 160} packets")
    wave = sound.astype(np.int32)
    # A sine of 300 Hz turns by at most LOUD * (2 pi 300 / 8000)^2 from one sample to the next.
    turn = np.max(np.abs(wave[2:] - 2 * wave[1:-1] + wave[:-2]))
    if turn >= 6 * LOUD * (2 * np.pi * pitch(0) / 8000) ** 2 + 300:
        faults.append(f"a click of {turn}")
    level = np.min(np.sqrt(np.convolve(wave.astype(np.float64) ** 2, np.ones(80) / 80, "valid"))[800:-800])
    if level <= LOUD / 8:
        faults.append(f"a hole: {level:.0f}")
    return faults


def test_from_the_relay_into_a_room_and_back_no_word_is_lost_and_nothing_clicks(phones: Phones) -> None:
    async def scenario() -> None:
        async with media() as (client, _):
            party = Party(client, [phones(number + 1) for number in range(2)])

            def relayed() -> None:
                for number in range(2):
                    party.put(number, None, relay_to=party.ports[1 - number].id)

            def mixed() -> None:
                for number in range(2):
                    party.put(number, Mix(room=1))

            faults = ["nothing was heard"]
            for _ in range(TRIES):
                relayed()
                await party.talk([0], 20)
                heard: list[Samples] = []
                for change in (mixed, relayed, mixed, relayed):
                    change()
                    heard.append((await party.talk([0], 40))[1])
                heard.append((await party.talk([0], 10))[1])
                faults = holes(np.concatenate(heard))
                if not faults:
                    break
            assert not faults

    run(scenario)


def test_a_recording_goes_on_in_another_worker(phones: Phones, tmp_path: Path) -> None:
    path = tmp_path / "one.tap"

    async def scenario() -> None:
        async with media(workers=2) as (client, _):
            party = Party(client, [phones(number + 1) for number in range(2)])
            tap = Tap(path=str(path), meta=b"who and what")
            party.put(0, None, tap=tap)
            await party.talk([0], 20)
            party.put(1, Mix(room=1))
            party.put(0, Mix(room=1), tap=tap)
            await party.talk([0], 20)

    run(scenario)
    rows = list(records(path.read_bytes()))
    assert rows[0].kind == NOTE
    assert rows[0].payload == b"who and what"
    assert sum(row.kind == IN for row in rows) >= 38
