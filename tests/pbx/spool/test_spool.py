"""The spool: torn tails, damage, rolling, full disks, numbering over restarts."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx.events import CallAnswered, Checkpoint, EventError, NodeStopping, encode
from pbx.spool import Gap, Position, SpoolError, SpoolReader, SpoolWriter
from pbx.spool.segment import FILE_MAGIC, HEADER, MARK, frame, list_segments, segment_path


def event(text: str = "x") -> CallAnswered:
    return CallAnswered(call="c", leg=text)


def fill(directory: Path, count: int, *, segment_bytes: int = 1 << 20) -> None:
    with SpoolWriter(directory, segment_bytes=segment_bytes) as writer:
        for _ in range(count):
            writer.append(event(str(writer.next_seq)), 7)
            writer.flush()


def numbers(directory: Path) -> list[int]:
    return [record.envelope.seq for record in SpoolReader(directory).read(10**6)]


def test_what_is_flushed_is_read_in_order(tmp_path: Path) -> None:
    writer, reader = SpoolWriter(tmp_path), SpoolReader(tmp_path)
    assert reader.read() == []
    assert [writer.append(event(), 1), writer.append(event(), 2)] == [1, 2]
    assert reader.read() == []
    assert writer.flush()
    assert [(r.envelope.seq, r.envelope.at_ns, r.envelope.event) for r in reader.read()] == [
        (1, 1, event()),
        (2, 2, event()),
    ]
    assert reader.read() == []
    writer.append(NodeStopping(node="n", boot="b"), 3)
    writer.flush()
    assert [r.envelope.event for r in reader.read()] == [NodeStopping(node="n", boot="b")]
    writer.close()
    reader.close()


def test_numbers_continue_over_restarts(tmp_path: Path) -> None:
    for _ in range(3):
        fill(tmp_path, 4)
    fill(tmp_path, 0)
    assert numbers(tmp_path) == list(range(1, 13))


def test_an_empty_directory_begins_with_the_floor(tmp_path: Path) -> None:
    with SpoolWriter(tmp_path, floor_seq=500) as writer:
        assert writer.append(event(), 1) == 500
    with SpoolWriter(tmp_path, floor_seq=1) as writer:
        assert writer.next_seq == 501


def test_segments_roll_and_are_read_through(tmp_path: Path) -> None:
    fill(tmp_path, 100, segment_bytes=300)
    assert len(list_segments(tmp_path)) > 5
    assert numbers(tmp_path) == list(range(1, 101))
    fill(tmp_path, 1, segment_bytes=300)
    assert numbers(tmp_path)[-1] == 101


def test_reader_follows_a_rolling_writer(tmp_path: Path) -> None:
    reader, seen = SpoolReader(tmp_path, expected_seq=1), []
    with SpoolWriter(tmp_path, segment_bytes=200) as writer:
        for _ in range(50):
            writer.append(event(), 7)
            writer.flush()
            seen += [record.envelope.seq for record in reader.read()]
    assert seen == list(range(1, 51))
    assert reader.gaps == []


def test_reader_resumes_at_every_position(tmp_path: Path) -> None:
    fill(tmp_path, 30, segment_bytes=300)
    records = SpoolReader(tmp_path).read()
    for index, record in enumerate(records):
        position = Position.parse(str(record.position))
        rest = SpoolReader(tmp_path, position, expected_seq=record.envelope.seq + 1)
        assert [one.envelope.seq for one in rest.read()] == list(range(index + 2, 31))
        assert rest.gaps == []


def test_read_honours_its_limit(tmp_path: Path) -> None:
    fill(tmp_path, 10)
    reader = SpoolReader(tmp_path)
    assert [len(reader.read(4)) for _ in range(4)] == [4, 4, 2, 0]


def test_torn_tail_at_every_byte(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    path = segment_path(tmp_path, 1)
    whole = path.read_bytes()
    ends = [record.position.offset for record in SpoolReader(tmp_path).read()]
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        kept = sum(end <= size for end in ends)
        assert numbers(tmp_path) == list(range(1, kept + 1))
        reader = SpoolReader(tmp_path, expected_seq=1)
        reader.read()
        with SpoolWriter(tmp_path) as writer:
            assert writer.next_seq == kept + 1
            writer.append(event("after"), 9)
        assert [record.envelope.seq for record in reader.read()] == [kept + 1]
        assert reader.gaps == []
        reader.close()


@pytest.mark.parametrize("tail", [b"\0" * 400, MARK, MARK + b"\0" * 50, frame(b"abc") + b"abx", b"\xff" * 99])
def test_garbage_tail_is_cut(tmp_path: Path, tail: bytes) -> None:
    fill(tmp_path, 3)
    with segment_path(tmp_path, 1).open("ab") as file:
        file.write(tail)
    fill(tmp_path, 1)
    assert numbers(tmp_path) == [1, 2, 3, 4]


def test_damage_of_any_byte_costs_one_record_and_is_reported(tmp_path: Path) -> None:
    fill(tmp_path, 4)
    path = segment_path(tmp_path, 1)
    whole = path.read_bytes()
    records = SpoolReader(tmp_path).read()
    begin, end = records[0].position.offset, records[1].position.offset
    for offset in range(begin, end):
        damaged = bytearray(whole)
        damaged[offset] ^= 0x55
        path.write_bytes(damaged)
        reader = SpoolReader(tmp_path, expected_seq=1)
        assert [record.envelope.seq for record in reader.read()] == [1, 3, 4]
        assert reader.gaps == [Gap(Position(1, end), end - begin, 1, 3)]
        reader.close()
        with SpoolWriter(tmp_path) as writer:
            assert writer.next_seq == 5


def test_damaged_end_of_a_finished_segment_does_not_stop_the_reader(tmp_path: Path) -> None:
    fill(tmp_path, 20, segment_bytes=300)
    first, second = list_segments(tmp_path)[:2]
    path = segment_path(tmp_path, first)
    path.write_bytes(path.read_bytes()[:-5])
    reader = SpoolReader(tmp_path, expected_seq=1)
    seen = [record.envelope.seq for record in reader.read()]
    assert seen == [seq for seq in range(1, 21) if seq != second - 1]
    assert [(gap.missing, gap.seq) for gap in reader.gaps] == [(1, second)]


def test_lost_segment_is_a_gap(tmp_path: Path) -> None:
    fill(tmp_path, 20, segment_bytes=150)
    segments = list_segments(tmp_path)
    segment_path(tmp_path, segments[1]).unlink()
    reader = SpoolReader(tmp_path, expected_seq=1)
    reader.read()
    assert [(gap.missing, gap.seq) for gap in reader.gaps] == [(segments[2] - segments[1], segments[2])]


def test_a_whole_record_that_is_no_event_is_skipped(tmp_path: Path) -> None:
    fill(tmp_path, 1)
    with segment_path(tmp_path, 1).open("ab") as file:
        file.write(frame(b"junk") + b"junk")
    reader = SpoolReader(tmp_path, expected_seq=1)
    assert len(reader.read()) == 1
    with segment_path(tmp_path, 1).open("ab") as file:
        payload = encode(event(), 2, 3)
        file.write(frame(payload) + payload)
    assert [record.envelope.seq for record in reader.read()] == [2]
    assert reader.gaps[0].skipped_bytes == HEADER.size + 4


def test_released_segments_are_deleted(tmp_path: Path) -> None:
    fill(tmp_path, 50, segment_bytes=300)
    reader = SpoolReader(tmp_path)
    records = reader.read(25)
    assert reader.release(records[-1].position) > 0
    assert list_segments(tmp_path)[0] == records[-1].position.segment
    assert [record.envelope.seq for record in reader.read()] == list(range(26, 51))


def limited_write(allowed: list[int]) -> Callable[[int, bytes], int]:
    """A disk that takes `allowed[0]` bytes more."""

    def write(fd: int, data: bytes) -> int:
        if allowed[0] <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = os.write(fd, data[: allowed[0]])
        allowed[0] -= written
        return written

    return write


@pytest.mark.parametrize("room", [0, 1, 5, 11, 40, 60])
def test_full_disk_keeps_everything_until_there_is_room(tmp_path: Path, room: int) -> None:
    allowed = [room]
    writer = SpoolWriter(tmp_path, write=limited_write(allowed), segment_bytes=200)
    reader = SpoolReader(tmp_path, expected_seq=1)
    for _ in range(10):
        writer.append(event(), 1)
        writer.flush()
        reader.read()
    assert writer.full
    assert "spool" in (writer.error or "")
    allowed[0] = 10**6
    assert writer.flush()
    assert not writer.full
    assert writer.error is None
    writer.append(event(), 1)
    writer.close()
    assert numbers(tmp_path) == list(range(1, 12))
    reader.read()
    assert reader.gaps == []


def test_buffer_is_bounded(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, write=limited_write([0]), buffer_limit_bytes=100)
    results = []
    for _ in range(30):
        results.append(writer.append(event(), 1))
        writer.flush()
    assert writer.dropped == results.count(0) > 0
    assert writer.buffered_bytes < 200


def test_second_writer_is_refused(tmp_path: Path) -> None:
    with SpoolWriter(tmp_path), pytest.raises(SpoolError, match="another server writes here"):
        SpoolWriter(tmp_path)
    SpoolWriter(tmp_path).close()


def test_unusable_directory_is_a_spool_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SpoolError, match="check that it is writable"):
        SpoolWriter(tmp_path / "file")


def test_event_that_cannot_be_written_takes_no_number(tmp_path: Path) -> None:
    with SpoolWriter(tmp_path) as writer:
        with pytest.raises(EventError):
            writer.append(Checkpoint(call="c", state={"x": object()}), 1)
        with pytest.raises(EventError, match="over the limit"):
            writer.append(Checkpoint(call="c", state={"x": b"x" * (5 << 20)}), 1)
        assert writer.append(event(), 1) == 1
    assert numbers(tmp_path) == [1]


def test_sync_closes_what_was_rolled_away(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with SpoolWriter(tmp_path, segment_bytes=100) as writer:
        for _ in range(20):
            writer.append(event(), 1)
            writer.flush()
        writer.sync()
        assert len(os.listdir("/proc/self/fd")) == before + 2
    assert len(os.listdir("/proc/self/fd")) == before


@given(st.lists(st.binary(max_size=40), max_size=8), st.binary(max_size=60))
def test_any_junk_in_a_segment_neither_stops_nor_breaks(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes], junk: bytes
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    with segment_path(directory, 1).open("wb") as file:
        file.write(FILE_MAGIC + junk)
        for payload in payloads:
            file.write(frame(payload) + payload)
        file.write(junk)
    SpoolReader(directory).read()
    with SpoolWriter(directory) as writer:
        seq = writer.append(event(), 1)
    reader = SpoolReader(directory)
    assert reader.read()[-1].envelope.seq == seq
    reader.close()
