"""Worker link: control's end of one worker: buffered commands out, events in, death noticed, start again."""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from media.event import PortEvent, PortStats, unpack_event
from media.launcher import Launcher, WorkerProcess
from media.look import Looks
from media.worker_protocol import (
    CLOSE,
    FORGET,
    MESSAGE_BYTES,
    MOST_COMMANDS,
    MOST_OPENS,
    OPEN,
    PUT,
    SOUND,
    STOP,
    pack,
    unpack,
)

# Waking the worker costs more than the close itself, so closes of several calls share one wake.
_CLOSE_WITHIN_S = 0.02


class WorkerLink:
    """Carries commands to one worker process; all that one loop iteration asks goes out at once.

    `on_event` gets what ports say, `on_lost` is called when the process ends unasked; the owner then calls
    `launch` again and repeats every open and put.
    """

    def __init__(
        self,
        *,
        number: int,
        launcher: Launcher,
        memory_fd: int,
        loop: asyncio.AbstractEventLoop,
        on_event: Callable[[PortEvent], None],
        on_lost: Callable[["WorkerLink"], None],
    ) -> None:
        self.number = number
        self.up = False
        self.ports = 0
        self.ready: asyncio.Task[None] | None = None
        self._launcher = launcher
        self._memory_fd = memory_fd
        self._loop = loop
        self._on_event = on_event
        self._on_lost = on_lost
        self._process: WorkerProcess | None = None
        self._socket: socket.socket | None = None
        self._pid_fd = -1
        self._opens: list[tuple[list[Any], int, int]] = []
        self._puts: dict[int, list[Any]] = {}
        self._ends: list[list[Any]] = []
        self._queue: deque[tuple[bytes, list[int]]] = deque()
        self._confirms: list[asyncio.Future[None]] = []
        self._awaited: deque[tuple[int, list[asyncio.Future[None]]]] = deque()
        self._looks = Looks(loop)
        self._message = 0
        self._buffer = memoryview(bytearray(MESSAGE_BYTES))
        self._flush_asked = False
        self._late_flush: asyncio.TimerHandle | None = None
        self._ended: asyncio.Future[None] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the running worker."""
        return None if self._process is None else self._process.pid

    def launch(self) -> None:
        """Start the process. Raises OSError."""
        ours, theirs = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )
        theirs.setblocking(True)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MESSAGE_BYTES)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MESSAGE_BYTES)
        try:
            self._process = self._launcher(theirs.fileno(), self._memory_fd)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._socket = ours
        self._ended = self._loop.create_future()
        self._pid_fd = os.pidfd_open(self._process.pid)
        self._loop.add_reader(ours.fileno(), self._readable)
        self._loop.add_reader(self._pid_fd, self._exited)
        self.up = True

    def open(self, port_id: int, slot: int, rtp_fd: int, rtcp_fd: int) -> None:
        """Give the worker two sockets (duplicated by the kernel when the message is sent)."""
        self._opens.append(([OPEN, port_id, slot], rtp_fd, rtcp_fd))
        self._ask_flush()

    def put(self, port_id: int, revision: int, packed: list[Any]) -> None:
        """Queue a port's state; a newer one of the same loop iteration replaces it."""
        self._puts[port_id] = [PUT, port_id, revision, packed]
        self._ask_flush()

    def close(self, port_id: int) -> None:
        """Queue the port's end; it goes with the next message, or by itself a moment later."""
        self._ends.append([CLOSE, port_id])
        if self._late_flush is None:
            self._late_flush = self._loop.call_later(_CLOSE_WITHIN_S, self.flush)

    def forget(self, port_id: int) -> None:
        """Queue the port's silent end; another worker goes on with it."""
        self._ends.append([FORGET, port_id])
        self.flush()

    def sound(self, room: int, packed: list[Any]) -> None:
        """Queue what a room hears beside its members."""
        self._ends.append([SOUND, room, packed])
        self._ask_flush()

    async def confirmed(self) -> None:
        """Wait until the worker has carried out everything asked so far, or has died."""
        if not self.up:
            return
        done: asyncio.Future[None] = self._loop.create_future()
        self._confirms.append(done)
        self._ask_flush()
        await done

    async def look(self, port_ids: Sequence[int], timeout_s: float) -> dict[int, PortStats]:
        """Statistics as of now, by port; ports unknown to the worker are left out.

        Empty when the worker has died or does not answer within `timeout_s`.
        """
        if not self.up or not port_ids:
            return {}
        question, look = self._looks.ask(port_ids)
        self._ends += look.commands
        self._ask_flush()
        try:
            async with asyncio.timeout(timeout_s):
                await look.done
        except TimeoutError:
            return {}
        finally:
            self._looks.close(question)
        return look.rows

    async def stop(self, timeout_s: float) -> None:
        """Tell the process to end and wait for it; kill it after `timeout_s`."""
        if self._process is None or self._ended is None:
            return
        self.up = False
        ended = self._ended
        self._ends.append([STOP])
        self.flush()
        try:
            await asyncio.wait_for(asyncio.shield(ended), timeout_s)
        except TimeoutError:
            self._process.kill()
            await ended

    def _ask_flush(self) -> None:
        if not self._flush_asked:
            self._flush_asked = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what is buffered now; what the kernel does not take is sent when it can."""
        self._flush_asked = False
        if self._late_flush is not None:
            self._late_flush.cancel()
            self._late_flush = None
        if self._socket is None:
            return
        opens, self._opens = self._opens, []
        commands = [*self._puts.values(), *self._ends]
        self._puts = {}
        self._ends = []
        confirms, self._confirms = self._confirms, []
        for start in range(0, len(opens), MOST_OPENS):
            part = opens[start : start + MOST_OPENS]
            last = start + MOST_OPENS >= len(opens)
            head = commands[:MOST_COMMANDS] if last else []
            commands = commands[len(head) :]
            fds = [fd for _, rtp, rtcp in part for fd in (rtp, rtcp)]
            finishes = last and not commands
            self._enqueue([*(command for command, _, _ in part), *head], fds, confirms if finishes else [])
            if finishes:
                confirms = []
        for start in range(0, len(commands), MOST_COMMANDS):
            finishes = start + MOST_COMMANDS >= len(commands)
            self._enqueue(commands[start : start + MOST_COMMANDS], [], confirms if finishes else [])
            if finishes:
                confirms = []
        if confirms:
            self._enqueue([], [], confirms)

    def flush_opens(self) -> None:
        """Send opens that wait, before their sockets are closed here."""
        if self._opens:
            self.flush()

    def _enqueue(self, commands: list[Any], fds: list[int], confirms: list[asyncio.Future[None]]) -> None:
        self._message += 1
        if confirms:
            self._awaited.append((self._message, confirms))
        message = pack([self._message, bool(confirms), commands])
        if self._queue or not self._sent(message, fds):
            # Duplicated, because a port may be released before the kernel takes the message.
            self._queue.append((message, [os.dup(fd) for fd in fds]))
            if len(self._queue) == 1 and self._socket is not None:
                self._loop.add_writer(self._socket.fileno(), self._send_queued)

    def _sent(self, message: bytes, fds: list[int]) -> bool:
        if self._socket is None:
            return False
        try:
            if fds:
                socket.send_fds(self._socket, [message], fds)
            else:
                self._socket.send(message)
        except BlockingIOError:
            return False
        except ConnectionError:
            # The process is dying; `_exited` follows, and everything is put again.
            return True
        return True

    def _send_queued(self) -> None:
        while self._queue:
            message, fds = self._queue[0]
            if not self._sent(message, fds):
                return
            self._queue.popleft()
            for fd in fds:
                os.close(fd)
        if self._socket is not None:
            self._loop.remove_writer(self._socket.fileno())

    def _readable(self) -> None:
        while self._socket is not None:
            try:
                size = self._socket.recv_into(self._buffer)
            except BlockingIOError:
                return
            except ConnectionError:
                size = 0
            if not size:
                self._loop.remove_reader(self._socket.fileno())
                return
            confirmed, events = unpack(self._buffer[:size])
            for event in events:
                if event[0] == "stats":
                    self._looks.row(event[1], event[2], event[3])
                elif event[0] == "looked":
                    self._looks.answered(event[1])
                else:
                    self._on_event(unpack_event(event))
            if confirmed:
                self._confirm(confirmed)

    def _confirm(self, number: int) -> None:
        while self._awaited and self._awaited[0][0] <= number:
            for done in self._awaited.popleft()[1]:
                if not done.done():
                    done.set_result(None)

    def _exited(self) -> None:
        # What the process said last is read before its death is told.
        asked = not self.up
        self._readable()
        self.up = False
        self._discard()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        if not asked:
            self._on_lost(self)

    def _discard(self) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()
            self._socket = None
        if self._pid_fd >= 0:
            self._loop.remove_reader(self._pid_fd)
            os.close(self._pid_fd)
            self._pid_fd = -1
        if self._process is not None:
            self._process.poll()
            self._process = None
        for _, fds in self._queue:
            for fd in fds:
                os.close(fd)
        self._queue.clear()
        self._opens, self._puts, self._ends = [], {}, []
        self._confirm(self._message)
        self._looks.lose()
        for done in self._confirms:
            if not done.done():
                done.set_result(None)
        self._confirms = []
