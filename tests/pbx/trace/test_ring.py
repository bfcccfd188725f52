"""The trace's files: what is found in them, when they go, and what a broken one spoils."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pbx.trace.block import pack_block
from pbx.trace.ring import TraceRing, segment_paths
from pbx.trace.search import MOST_MESSAGES, search
from pbx.trace.tracer import BLOCK_ROWS, WAITING_BYTES, Tracer
from sip.flow import Flow

HOUR_NS = 3600 * 10**9
START_NS = 1_790_000_000 * 10**9
FLOW = Flow("udp", "UDP", ("10.0.0.1", 5060), ("10.0.0.11", 5061))
FOREVER_NS = 2**62


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.s = 100.0

    def now(self) -> float:
        return self.s

    def wall_ns(self) -> int:
        return START_NS + int(self.s * 1e9)


def message(call_id: str, size: int = 0) -> bytes:
    return f"BYE sip:a SIP/2.0\r\nCall-ID: {call_id}\r\nX: {'x' * size}\r\n\r\n".encode()


def block(call_id: str, at_ns: int, size: int = 0) -> bytes:
    row = (0.0, True, "UDP", "10.0.0.1", 5060, "10.0.0.11", 5060, message(call_id, size))
    return pack_block(at_ns, [row])


def ring(folder: Path, size_bytes: int = 1 << 20) -> TraceRing:
    return TraceRing(folder, size_bytes=size_bytes, age_s=72 * 3600)


def test_messages_are_found_by_call_id(tmp_path: Path) -> None:
    made, clock = ring(tmp_path), Clock()
    tracer = Tracer(made, clock)
    tracer.message(100.0, "in", FLOW, message("one"))
    tracer.message(100.5, "out", FLOW, message("two"))
    tracer.message(101.0, "out", FLOW, b"SIP/2.0 200 OK\r\ni : one\r\nX: two\r\n\r\n")
    tracer.message(101.5, "in", FLOW, b"no SIP")
    count, data = tracer.take()
    assert count == 4
    assert tracer.take() == (0, b"")
    made.write(data, clock.wall_ns())
    found = search(tmp_path, {"one"}, 0, FOREVER_NS)
    assert [(one.way, one.at_ns) for one in found.messages] == [
        ("in", START_NS + 100_000_000_000),
        ("out", START_NS + 101_000_000_000),
    ]
    assert found.messages[0].data == message("one")
    assert (found.messages[0].local, found.messages[0].remote) == (FLOW.local, FLOW.remote)
    assert [one.data for one in search(tmp_path, {"two"}, 0, FOREVER_NS).messages] == [message("two")]
    assert search(tmp_path, {"on", ""}, 0, FOREVER_NS).messages == ()
    assert search(tmp_path, {"one"}, found.messages[1].at_ns, FOREVER_NS).messages == found.messages[1:]
    assert search(tmp_path / "none", {"one"}, 0, FOREVER_NS).messages == ()
    made.close()


def test_the_size_is_kept(tmp_path: Path) -> None:
    made = ring(tmp_path, 64_000)
    for number in range(300):
        made.write(block(f"c{number:03}", START_NS + number * 10**9, size=1000), START_NS + number * 10**9)
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 64_000
    made.close()
    assert search(tmp_path, {"c000"}, 0, FOREVER_NS).messages == ()
    assert len(search(tmp_path, {f"c{number:03}" for number in range(250, 300)}, 0, FOREVER_NS).messages) == 50
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_old_files_go(tmp_path: Path) -> None:
    made = ring(tmp_path)
    for hour in range(200):
        made.write(block(f"h{hour:03}", START_NS + hour * HOUR_NS), START_NS + hour * HOUR_NS)
        oldest_ms = segment_paths(tmp_path)[0][0]
        assert START_NS + hour * HOUR_NS - oldest_ms * 10**6 <= 72 * HOUR_NS
    made.close()
    kept = search(tmp_path, {f"h{hour:03}" for hour in range(200)}, 0, FOREVER_NS).messages
    assert len(kept) >= 66


def test_an_earlier_process_left_a_torn_file(tmp_path: Path) -> None:
    first = ring(tmp_path)
    first.write(block("a", START_NS), START_NS)
    first.write(block("a", START_NS)[:-5], START_NS)
    first.close()
    second = ring(tmp_path)
    second.write(block("a", START_NS + 10**9), START_NS + 10**9)
    second.close()
    assert len(search(tmp_path, {"a"}, 0, FOREVER_NS).messages) == 2
    (_, path), _ = segment_paths(tmp_path)
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)
    assert len(search(tmp_path, {"a"}, 0, FOREVER_NS).messages) == 1
    path.write_bytes(b"")
    assert len(search(tmp_path, {"a"}, 0, FOREVER_NS).messages) == 1


def test_no_more_than_anybody_reads(tmp_path: Path) -> None:
    made = ring(tmp_path, 64 << 20)
    rows = [(float(n), True, "UDP", "a", 1, "b", 2, message("loop")) for n in range(MOST_MESSAGES + 10)]
    made.write(pack_block(START_NS, rows), START_NS)
    made.close()
    found = search(tmp_path, {"loop"}, 0, FOREVER_NS)
    assert len(found.messages) == MOST_MESSAGES
    assert found.cut


def test_flushed_by_a_thread(tmp_path: Path) -> None:
    tracer = Tracer(ring(tmp_path), Clock())

    async def scenario() -> None:
        for _ in range(2 * BLOCK_ROWS + 1):
            tracer.message(1.0, "in", FLOW, message("a"))
        await asyncio.gather(tracer.flush(), tracer.flush())
        tracer.message(1.0, "in", FLOW, message("a"))
        await tracer.close()

    asyncio.run(scenario())
    assert (tracer.messages, tracer.dropped, tracer.error) == (2 * BLOCK_ROWS + 2, 0, None)
    assert len(search(tmp_path, {"a"}, 0, FOREVER_NS).messages) == 2 * BLOCK_ROWS + 2


def test_a_disk_that_fails_loses_the_trace_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "trace"
    folder.write_text("a file, not a folder")
    tracer = Tracer(ring(folder), Clock())

    async def scenario() -> None:
        for _ in range(2):
            tracer.message(1.0, "in", FLOW, message("a"))
            await tracer.flush()
        assert (tracer.messages, tracer.dropped) == (0, 2)
        assert tracer.error is not None
        folder.unlink()
        tracer.message(1.0, "in", FLOW, message("a"))
        await tracer.close()

    asyncio.run(scenario())
    assert (tracer.messages, tracer.dropped, tracer.error) == (1, 2, None)
    assert capsys.readouterr().out.count("the trace cannot be written") <= 1


def test_a_slow_disk_does_not_eat_the_memory(tmp_path: Path) -> None:
    tracer = Tracer(ring(tmp_path), Clock())
    big = message("a", 60_000)
    for _ in range(3 * WAITING_BYTES // len(big)):
        tracer.message(1.0, "in", FLOW, big)
    assert tracer.dropped > 0
    count, data = tracer.take()
    assert len(data) < WAITING_BYTES + (1 << 20)
    assert count + tracer.dropped == 3 * WAITING_BYTES // len(big)
