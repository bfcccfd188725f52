"""Search: the traced messages of one call, found by their Call-IDs; reads files, so never on the event loop."""

from __future__ import annotations

import mmap
import re
from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pbx.trace.block import TracedMessage, block_places, unpack_block
from pbx.trace.ring import segment_paths

MOST_MESSAGES: Final = 2000
_CALL_ID: Final = re.compile(rb"^(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Messages in the order of their times; `cut`: there were more than `MOST_MESSAGES`."""

    messages: tuple[TracedMessage, ...]
    cut: bool


def call_id_of(message: bytes) -> str:
    """The Call-ID of a message, "" where it has none."""
    found = _CALL_ID.search(message)
    return found[1].strip().decode("utf-8", "surrogateescape") if found is not None else ""


def search(directory: Path, call_ids: Collection[str], since_ns: int, until_ns: int) -> Found:
    """The messages with one of these Call-IDs between two UTC times.

    A file that goes away meanwhile (the ring turns) has no messages. Raises OSError for one that cannot be read.
    """
    wanted = {one for one in call_ids if one}
    segments = segment_paths(directory)
    found: list[TracedMessage] = []
    for number, (began_ms, path) in enumerate(segments):
        ends_ms = segments[number + 1][0] if number + 1 < len(segments) else None
        if began_ms * 1_000_000 > until_ns or (ends_ms is not None and ends_ms * 1_000_000 < since_ns):
            continue
        for message in _in_file(path, wanted):
            if since_ns <= message.at_ns <= until_ns:
                found.append(message)
                if len(found) > MOST_MESSAGES:
                    return Found(messages=tuple(found[:MOST_MESSAGES]), cut=True)
    return Found(messages=tuple(sorted(found, key=lambda one: one.at_ns)), cut=False)


def _in_file(path: Path, call_ids: Collection[str]) -> Iterator[TracedMessage]:
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for begin, end in _blocks_with(data, call_ids):
                for message in unpack_block(data, begin, end):
                    if call_id_of(message.data) in call_ids:
                        yield message
    except (FileNotFoundError, ValueError):  # gone, or empty
        return


def _blocks_with(data: mmap.mmap, call_ids: Collection[str]) -> list[tuple[int, int]]:
    """The blocks in which one of the Call-IDs stands somewhere."""
    places = list(block_places(data))
    begins = [begin for begin, _ in places]
    chosen: set[int] = set()
    for call_id in call_ids:
        needle = call_id.encode("utf-8", "surrogateescape")
        place = data.find(needle)
        while place >= 0:
            number = bisect_right(begins, place) - 1
            if number >= 0 and place < places[number][1]:
                chosen.add(number)
            number += 1
            place = data.find(needle, begins[number]) if number < len(begins) else -1
    return [places[number] for number in sorted(chosen)]
