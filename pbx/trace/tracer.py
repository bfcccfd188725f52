"""Tracer: takes every message that the SIP stack sends or receives; a thread writes them down every 100 ms."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from pbx.trace.block import Row, pack_block
from pbx.trace.scrub import scrub

if TYPE_CHECKING:
    from pbx.clock import Clock
    from pbx.trace.ring import TraceRing
    from sip.flow import Flow

BLOCK_ROWS = 128
BLOCK_BYTES = 256 << 10
"""A block is packed when it holds so much, so that no packing keeps the loop for long."""
WAITING_BYTES = 16 << 20
"""What may wait for a slow disk; beyond that messages are dropped and counted."""


class Tracer:
    """Its `message` is the stack's trace sink: it only keeps a reference. `flush` is called every 100 ms."""

    def __init__(self, ring: TraceRing, clock: Clock) -> None:
        self.messages = 0
        """Written so far."""
        self.dropped = 0
        """Lost, because the disk was too slow, or failed."""
        self.error: str | None = None
        """Why the last writing failed."""
        self._ring = ring
        self._clock = clock
        self._rows: list[Row] = []
        self._row_bytes = 0
        self._blocks: list[tuple[int, bytes]] = []
        self._block_bytes = 0
        self._writing: asyncio.Future[None] | None = None
        self._log = structlog.get_logger("pbx")

    def message(self, now: float, way: str, flow: Flow, data: bytes) -> None:
        """Take a message; `way` is "in" or "out"."""
        local, remote = flow.local, flow.remote
        rows = self._rows
        rows.append((now, way == "in", flow.transport, local[0], local[1], remote[0], remote[1], data))
        self._row_bytes += len(data)
        if len(rows) >= BLOCK_ROWS or self._row_bytes >= BLOCK_BYTES:
            self._pack()

    def _pack(self) -> None:
        rows, self._rows, self._row_bytes = self._rows, [], 0
        if self._block_bytes > WAITING_BYTES:
            self.dropped += len(rows)
            return
        clock = self._clock
        offset_ns = clock.wall_ns() - int(clock.now() * 1e9)
        kept = [
            (now, incoming, transport, here, here_port, there, there_port, scrub(data))
            for now, incoming, transport, here, here_port, there, there_port, data in rows
        ]
        block = pack_block(offset_ns, kept)
        self._blocks.append((len(rows), block))
        self._block_bytes += len(block)

    async def flush(self) -> None:
        """Write down what was taken so far; a disk that fails is told once, and never to the caller."""
        while self._writing is not None:
            await asyncio.wait([self._writing])
        count, data = self.take()
        if not count:
            return
        now_ns = self._clock.wall_ns()
        writing = asyncio.get_running_loop().run_in_executor(None, self._ring.write, data, now_ns)
        self._writing = writing
        writing.add_done_callback(lambda done: self._written(done, count))
        await asyncio.wait([writing])

    def take(self) -> tuple[int, bytes]:
        """How many messages wait to be written, and their blocks; they are the caller's now."""
        if self._rows:
            self._pack()
        blocks, self._blocks, self._block_bytes = self._blocks, [], 0
        return sum(count for count, _ in blocks), b"".join([block for _, block in blocks])

    def _written(self, done: asyncio.Future[None], count: int) -> None:
        self._writing = None
        error = None if done.cancelled() else done.exception()
        if error is None:
            self.messages += count
            self.error = None
            return
        self.dropped += count
        if self.error is None:
            self._log.error("the trace cannot be written; calls go on without it", why=str(error))
        self.error = str(error)

    async def close(self) -> None:
        """Write the rest and close the file."""
        await self.flush()
        self._ring.close()
