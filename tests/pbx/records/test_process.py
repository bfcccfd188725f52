"""The whole records process: answers, dies at any moment, is started again, loses nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from random import Random

import pytest

from media.ready_file import ReadyFile
from pbx.config_error import ConfigError
from pbx.records.client import RecordsClient, RecordsError
from pbx.schema.compile import compile_files
from pbx.spool import SpoolWriter
from tests.fakes.call_log import START_NS, call_log, registration
from tests.pbx.records.test_ingest import expected_bindings, expected_cdrs


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


def test_documents_are_compiled_and_errors_come_back(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("tenants:\n- {key: acme, domain: acme.example, extensions: [{number: 11}]}\n")
    bad.write_text("tenants:\n- {key: acme}\n")

    async def scenario() -> None:
        client = RecordsClient(tmp_path)
        await client.start()
        assert await client.compile([good]) == compile_files([good])[0]
        assert await client.compile([bad]) == [ConfigError(str(bad), 2, "tenants[0].domain", "is required")]
        await client.stop()

    asyncio.run(scenario())


def test_sounds_are_prepared(tmp_path: Path) -> None:
    sounds = Path(__file__).parents[3] / "sounds"

    async def scenario() -> dict[str, ReadyFile]:
        client = RecordsClient(tmp_path)
        await client.start()
        files = await client.prepare(sounds, tmp_path / "sounds", ["en"], ["PCMU"])
        with pytest.raises(RecordsError, match="PayloadError"):
            await client.prepare(sounds, tmp_path / "sounds", ["en"], ["nonsense"])
        await client.stop()
        return files

    files = asyncio.run(scenario())
    assert "pcmu/en/welcome" in files
    assert all(Path(file.path).stat().st_size % file.frame_bytes == 0 for file in files.values())
