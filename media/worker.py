"""The media worker process: `python -m media.worker`; owns a data path and obeys control over one socket."""

import argparse
import gc
import mmap
import os
import select
import signal
import socket
import sys
import time
import traceback
from array import array
from collections.abc import Callable
from typing import Any

from media.datapath import Datapath, open_datapath
from media.event import PortClosed, PortEvent, pack_event, pack_stats
from media.mix_runner import MixRunner
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
    SOUND,
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
        self._mix = MixRunner(datapath)
        self._orphan_s = orphan_s
        self._stopping = False
        # One buffer for life: a fresh large one for each message costs more than the message.
        self._buffer = memoryview(bytearray(MESSAGE_BYTES))
        self._orphaned_at: float | None = None
        self._faults = 0
        self._answers: list[list[Any]] = []
        self._now: Callable[[], float] = time.monotonic
        self._commands: dict[int, Callable[[list[Any], list[int]], None]] = {
            OPEN: self._open,
            PUT: self._put,
            CLOSE: self._close,
            FORGET: self._forget,
            STOP: self._stop,
            LOOK: self._look,
            SOUND: self._sound,
        }

    def run(self, now: Callable[[], float]) -> None:
        """Serve until told to stop, or until orphaned for too long; `now` is the monotonic clock in seconds."""
        self._now = now
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._datapath.event_fd, select.POLLIN)
        while not self._stopping:
            wait_ms = self._wait_ms()
            if self._orphaned_at is not None:
                orphan_ms = max(0.0, (self._orphaned_at + self._orphan_s - now()) * 1000.0)
                if orphan_ms == 0.0:
                    break
                wait_ms = orphan_ms if wait_ms is None else min(wait_ms, orphan_ms)
            ready = poll.poll(wait_ms)
            if self._mix.due_ns is not None:
                self._run_mix()
            for fd, _ in ready:
                if fd == self._control.fileno():
                    if not self._read():
                        poll.unregister(self._control)
                        self._orphaned_at = now()
                else:
                    self._report(0)

    def _wait_ms(self) -> float | None:
        due_ns = self._mix.due_ns
        return None if due_ns is None else max(0.0, due_ns / 1e6 - self._now() * 1000.0)

    def _run_mix(self) -> None:
        try:
            self._mix.run(int(self._now() * 1e9))
        except Exception:
            # A fault of ours in one tick must not end the worker, and with it the calls that need no mixing. Said at
            # the first, second, fourth, eighth … time: what fails, may fail at each tick.
            self._faults += 1
            if self._faults.bit_count() == 1:
                print(f"media worker: fault {self._faults} in the mix path, one tick is lost:", file=sys.stderr)
                traceback.print_exc()
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
        self._mix.put(command[1], command[2], PortState.unpack(command[3]), int(self._now() * 1e9))

    def _sound(self, command: list[Any], _fds: list[int]) -> None:
        self._mix.play(command[1], command[2])

    def _close(self, command: list[Any], _fds: list[int]) -> None:
        self._datapath.close(command[1])
        # Its statistics go out with the event that the data path has left; the jitter buffer's go along.
        self._mix.closed(command[1])

    def _forget(self, command: list[Any], _fds: list[int]) -> None:
        self._datapath.forget(command[1])
        self._mix.forget(command[1])

    def _look(self, command: list[Any], _fds: list[int]) -> None:
        _, question, port_ids, last = command
        for port_id in port_ids:
            try:
                packed = pack_stats(self._mix.counted(port_id, self._datapath.stats(port_id)))
            except KeyError:
                continue
            self._answers.append(["stats", question, port_id, packed])
        if last:
            self._answers.append(["looked", question])

    def _stop(self, _command: list[Any], _fds: list[int]) -> None:
        self._stopping = True

    def _report(self, confirmed: int) -> None:
        events, self._answers = self._answers, []
        events += [pack_event(self._whole(event)) for event in self._datapath.events()]
        events += [pack_event(event) for event in self._mix.events()]
        if self._orphaned_at is not None or not (events or confirmed):
            return
        try:
            for start in range(0, max(1, len(events)), MOST_COMMANDS):
                self._control.send(pack([confirmed, events[start : start + MOST_COMMANDS]]))
                confirmed = 0
        except ConnectionError:
            # Control is gone; the read side sees the same and starts the orphan's clock.
            return

    def _whole(self, event: PortEvent) -> PortEvent:
        """A port's last statistics with those of its jitter buffer."""
        return self._mix.last_counted(event) if isinstance(event, PortClosed) else event

    def finish(self) -> None:
        """Close all ports, report what they leave behind, and end the relay thread."""
        self._datapath.stop()
        self._mix.close()
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
    # Each tick makes and drops rows by the thousand, without cycles: looking for these would cost more than the tick.
    gc.set_threshold(100_000, 50, 100)
    worker = Worker(control, datapath, options.orphan_s)
    worker.run(time.monotonic)
    worker.finish()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
