"""The whole records process: answers, dies at any moment, is started again, loses nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from random import Random

import pytest

from media.ready_file import ReadyFile
from pbx.events import CallCreated, LegStarted
from pbx.records.client import RecordsClient, RecordsError
from pbx.records.studio_client import StudioClient
from pbx.settings import SpeechSettings
from pbx.speech.request import SpeechError
from pbx.spool import SpoolWriter
from pbx.trace.block import pack_block
from pbx.trace.ring import TraceRing
from tests.fakes.call_log import START_NS, call_log, registration
from tests.pbx.records.test_ingest import expected_bindings, expected_cdrs

pytestmark = pytest.mark.e2e  # A process of its own, which takes its time to start.


def test_records_answer_and_survive_sigkill(tmp_path: Path) -> None:
    rng = Random(11)
    log = call_log(rng, 120)

    async def scenario() -> None:
        client = RecordsClient(tmp_path, first_backoff_s=0.01, max_backoff_s=0.01)
        writer = SpoolWriter(tmp_path / "spool")
        await client.start()
        assert await client.bindings() == []
        for begin in range(0, len(log), 250):
            seq = max(writer.append(event, at_ns) for event, at_ns in log[begin : begin + 250])
            await client.status()  # it lives
            writer.flush()
            waiting = asyncio.create_task(client.caught_up(seq))
            await asyncio.sleep(rng.random() * 0.02)
            os.kill(client.pid or 0, signal.SIGKILL)
            assert await waiting >= seq
        writer.flush()
        assert await client.caught_up(writer.next_seq - 1) == writer.next_seq - 1
        assert client.restarts == len(range(0, len(log), 250)) > 3
        status = await client.status()
        assert (status.damaged_bytes, status.missing_events, status.error) == (0, 0, None)
        bindings = {one.device: one for one in await client.bindings()}
        assert bindings == expected_bindings(log)
        await client.stop()

        client = RecordsClient(tmp_path)
        await client.start()
        cdrs = await client.calls(10**6)
        assert cdrs == expected_cdrs(tmp_path / "spool")
        newest = cdrs[0]
        assert await client.calls(1) == [newest]
        assert await client.calls(call=newest.call_id) == [newest]
        assert (await client.events(newest.call_id))[0].event.type == "call.created"
        await client.stop()
        writer.close()

    asyncio.run(scenario())


def test_a_call_is_found_and_explained(tmp_path: Path) -> None:
    log = call_log(Random(5), 20, boots=1)
    ids = sorted({event.call for event, _ in log if isinstance(event, CallCreated)})
    started = next(event for event, _ in log if isinstance(event, LegStarted) and event.call == ids[-1])
    at_ns = next(at_ns for event, at_ns in log if event is started)
    message = f"INVITE sip:x SIP/2.0\r\nCall-ID: {started.sip_call_id}\r\nCSeq: 1 INVITE\r\n\r\n".encode()
    row = (0.0, True, "UDP", "10.0.0.1", 5060, "10.0.0.11", 5060, message)

    async def scenario() -> None:
        client = RecordsClient(tmp_path)
        await client.start()
        writer = SpoolWriter(tmp_path / "spool")
        for event, event_at_ns in log:
            writer.append(event, event_at_ns)
        writer.flush()
        assert await client.find_calls("", 1) == ids[-1:]
        assert await client.find_calls("", 100) == ids[::-1]
        assert await client.find_calls(ids[3], 2) == [ids[3]]
        assert await client.find_calls("NONE", 2) == []
        assert await client.explain("NONE", messages=True) is None
        bare = await client.explain(ids[-1], messages=True)
        assert bare is not None
        assert "No message of this call is in the trace" in bare.ladder[-1]
        TraceRing(tmp_path / "trace", size_bytes=1 << 20, age_s=60).write(pack_block(at_ns, [row]), at_ns)
        short = await client.explain(ids[-1], messages=False)
        assert short is not None
        assert any("-- INVITE (1) ---" in line for line in short.ladder)
        assert (short.messages, short.cut) == ((), False)
        full = await client.explain(ids[-1], messages=True)
        assert full is not None
        assert full.ladder == short.ladder
        (told,) = full.messages
        assert (told.way, told.transport, told.local, told.remote) == ("in", "UDP", "10.0.0.1:5060", "10.0.0.11:5060")
        assert told.text == message.decode()
        assert told.at.startswith("2026-")
        await client.stop()
        writer.close()

    asyncio.run(scenario())


def test_unknown_request_is_answered_with_an_error(tmp_path: Path) -> None:
    async def scenario() -> None:
        client = RecordsClient(tmp_path)
        await client.start()
        with pytest.raises(RecordsError, match="knows no request 'nonsense'"):
            await client._ask("nonsense")
        assert await client.calls() == []
        await client.stop()
        with pytest.raises(RecordsError, match="was stopped"):
            await client.calls()

    asyncio.run(scenario())


def test_stop_takes_in_the_rest_of_the_spool(tmp_path: Path) -> None:
    async def scenario() -> None:
        writer = SpoolWriter(tmp_path / "spool")
        first = RecordsClient(tmp_path)
        await first.start()
        assert await first.bindings() == []
        writer.append(registration(1, "added", 2**62), START_NS)
        writer.flush()
        await first.stop()
        writer.close()
        second = RecordsClient(tmp_path)
        await second.start()
        assert (await second.status()).seq == 1
        assert await second.bindings() == [registration(1, "added", 2**62)]
        await second.stop()

    asyncio.run(scenario())


def test_sounds_are_prepared(tmp_path: Path) -> None:
    sounds = Path(__file__).parents[3] / "sounds"

    async def scenario() -> dict[str, ReadyFile]:
        client = RecordsClient(tmp_path)
        studio = StudioClient(client, SpeechSettings(engine="none"), sounds, tmp_path)
        await client.start()
        files, faults, left = await studio.prepare(["en"], ["PCMU"])
        with pytest.raises(RecordsError, match="PayloadError"):
            await studio.prepare(["en"], ["nonsense"])
        assert (faults, left) == ([], 0)
        with pytest.raises(SpeechError, match=r"there is no speech engine; set speech\.engine"):
            await studio.speak(["hello"], "en", ["pcmu"])
        await client.stop()
        return files

    files = asyncio.run(scenario())
    assert "pcmu/en/welcome" in files
    assert all(Path(file.path).stat().st_size % file.frame_bytes == 0 for file in files.values())
