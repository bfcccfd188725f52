"""The media worker process: `python -m media.worker`; owns a data path and obeys control over one socket."""

import argparse
import mmap
import os
import select
import signal
import socket
import sys
import time
from array import array
from collections.abc import Callable
from typing import Any

from media.datapath import Datapath, open_datapath
from media.event import pack_event, pack_stats
from media.port_state import BadPortState, PortState
from media.worker_protocol import (
    CLOSE,
    FORGET,
    LOOK,
    MESSAGE_BYTES,
    MOST_COMMANDS,
    MOST_OPENS,
    OPEN,
    PUT,
    SLOT_BYTES,
    STOP,
    pack,
    unpack,
)

_ANCILLARY_BYTES = socket.CMSG_SPACE(2 * MOST_OPENS * array("i").itemsize)


class Worker:
    """Carries out control's commands on a data path and reports its events.

    Without control media flows on; after `orphan_s` of that the process ends itself.
    """

    def __init__(self, control: socket.socket, datapath: Datapath, orphan_s: float) -> None:
        self._control = control
        self._datapath = datapath
        self._orphan_s = orphan_s
        self._stopping = False
        # One buffer for life: a fresh large one for each message costs more than the message.
        self._buffer = memoryview(bytearray(MESSAGE_BYTES))
        self._orphaned_at: float | None = None
        self._answers: list[list[Any]] = []
        self._commands: dict[int, Callable[[list[Any], list[int]], None]] = {
            OPEN: self._open,
            PUT: self._put,
            CLOSE: self._close,
            FORGET: self._forget,
            STOP: self._stop,
            LOOK: self._look,
        }

    def run(self, now: Callable[[], float]) -> None:
        """Serve until told to stop, or until orphaned for too long."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._datapath.event_fd, select.POLLIN)
        while not self._stopping:
            wait_ms = None
            if self._orphaned_at is not None:
                wait_ms = max(0.0, (self._orphaned_at + self._orphan_s - now()) * 1000.0)
                if wait_ms == 0.0:
                    break
            for fd, _ in poll.poll(wait_ms):
                if fd == self._control.fileno():
                    if not self._read():
                        poll.unregister(self._control)
                        self._orphaned_at = now()
                else:
                    self._report(0)

    def _read(self) -> bool:
        try:
            size, ancillary, _, _ = self._control.recvmsg_into([self._buffer], _ANCILLARY_BYTES)
        except ConnectionError:
            return False
        if not size:
            return False
        fds = [fd for _, kind, data in ancillary if kind == socket.SCM_RIGHTS for fd in array("i", data)]
        number, confirm, commands = unpack(self._buffer[:size])
        for command in commands:
            self._carry_out(command, fds)
        for fd in fds:
            os.close(fd)
        # At once, rather than by another turn through poll: closes leave events behind.
        self._report(number if confirm else 0)
        return True

    def _carry_out(self, command: list[Any], fds: list[int]) -> None:
        # One bad command must never stop the media of the other calls.
        try:
            self._commands[command[0]](command, fds)
        except (KeyError, BadPortState, ValueError, OSError) as error:
            print(f"media worker: command {command[:3]!r} refused: {error!r}", file=sys.stderr, flush=True)

    def _open(self, command: list[Any], fds: list[int]) -> None:
        rtp_fd, rtcp_fd = fds.pop(0), fds.pop(0)
        try:
            self._datapath.open(command[1], rtp_fd, rtcp_fd, command[2])
        except ValueError:
            os.close(rtp_fd)
            os.close(rtcp_fd)
            raise

    def _put(self, command: list[Any], _fds: list[int]) -> None:
        self._datapath.put(command[1], command[2], PortState.unpack(command[3]))

    def _close(self, command: list[Any], _fds: list[int]) -> None:
        self._datapath.close(command[1])

    def _forget(self, command: list[Any], _fds: list[int]) -> None:
        self._datapath.forget(command[1])

    def _look(self, command: list[Any], _fds: list[int]) -> None:
        _, question, port_ids, last = command
        for port_id in port_ids:
            try:
                packed = pack_stats(self._datapath.stats(port_id))
            except KeyError:
                continue
            self._answers.append(["stats", question, port_id, packed])
        if last:
            self._answers.append(["looked", question])

    def _stop(self, _command: list[Any], _fds: list[int]) -> None:
        self._stopping = True

    def _report(self, confirmed: int) -> None:
        events, self._answers = self._answers, []
        events += [pack_event(event) for event in self._datapath.events()]
        if self._orphaned_at is not None or not (events or confirmed):
            return
        try:
            for start in range(0, max(1, len(events)), MOST_COMMANDS):
                self._control.send(pack([confirmed, events[start : start + MOST_COMMANDS]]))
                confirmed = 0
        except ConnectionError:
            # Control is gone; the read side sees the same and starts the orphan's clock.
            return

    def finish(self) -> None:
        """Close all ports, report what they leave behind, and end the relay thread."""
        self._datapath.stop()
        self._report(0)


def main(arguments: list[str]) -> int:
    """Read the command line (descriptors come by inheritance), serve, and give the exit status."""
    parser = argparse.ArgumentParser(prog="python -m media.worker", description=__doc__)
    parser.add_argument("--control-fd", type=int, required=True)
    parser.add_argument("--memory-fd", type=int, required=True)
    parser.add_argument("--relay-window-us", type=int, default=300)
    parser.add_argument("--silence-s", type=float, default=2.0)
    parser.add_argument("--rtcp-interval-s", type=float, default=5.0)
    parser.add_argument("--orphan-s", type=float, default=60.0)
    options = parser.parse_args(arguments)
    # A Ctrl-C in the terminal reaches the whole group; control alone decides when media ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    control = socket.socket(fileno=options.control_fd)
    size = os.fstat(options.memory_fd).st_size
    memory = mmap.mmap(options.memory_fd, size - size % SLOT_BYTES)
    datapath = open_datapath(
        memory=memory,
        seed=int.from_bytes(os.urandom(8), "little"),
        relay_window_us=options.relay_window_us,
        silence_s=options.silence_s,
        rtcp_interval_s=options.rtcp_interval_s,
    )
    datapath.start()
    worker = Worker(control, datapath, options.orphan_s)
    worker.run(time.monotonic)
    worker.finish()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
