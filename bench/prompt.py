"""Prompt benchmark: one looping prompt played to many callers by one media worker; prints JSON.

`python -m bench.prompt [--callers 300] [--seconds 10]`
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.rtp_generator import cpu_s, far_end
from media.allocator import PortAllocator
from media.client import MediaClient
from media.event import MediaEvent, PortClosed
from media.launcher import ExecLauncher
from media.port_state import Player, PortState


async def measure(callers: int, seconds: float, path: str) -> dict[str, Any]:
    """Play to `callers` for `seconds`; gives CPU a caller and the packets sent against those due."""
    events: list[MediaEvent] = []
    allocator = PortAllocator(addresses=("127.0.0.1",), port_min=10000, port_max=29999, now=time.monotonic)
    client = MediaClient(allocator=allocator, workers=1, launcher=ExecLauncher(), on_event=events.append)
    await client.start()
    ears = [far_end() for _ in range(callers)]
    player = Player(id=1, path=path, payload_type=0, plays=None)
    ports = []
    for ear in ears:
        port = client.allocate()
        client.put(port.id, PortState(remote_rtp=ear.getsockname(), player=player))
        ports.append(port.id)
        # Callers come one by one; their frames do not all fall due at once.
        await asyncio.sleep(0.003)
    (pid,) = client.worker_pids()
    first = await client.look(ports, 10.0)
    before, begun = cpu_s(pid), time.monotonic()
    await asyncio.sleep(seconds)
    used, passed = cpu_s(pid) - before, time.monotonic() - begun
    last = await client.look(ports, 10.0)
    sent = sum(stats.packets_sent for stats in last.values()) - sum(stats.packets_sent for stats in first.values())
    await client.stop()
    for ear in ears:
        ear.close()
    assert sum(isinstance(event, PortClosed) for event in events) == callers
    return {
        "callers": callers,
        "seconds": round(passed, 2),
        "cpu_percent_of_core_per_caller": round(100.0 * used / passed / callers, 4),
        "packets_sent": sent,
        "packets_due": round(callers * passed * 50),
    }


def main(arguments: list[str]) -> int:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.prompt", description=__doc__)
    parser.add_argument("--callers", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "prompt.raw"
        path.write_bytes(b"\x55" * 160 * 100)
        print(json.dumps(asyncio.run(measure(options.callers, options.seconds, str(path))), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
