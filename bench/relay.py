"""Relay benchmark: two-way G.711 calls through one media worker; prints JSON.

`python -m bench.relay [--calls 300] [--seconds 10] [--window-us 300]`
"""

import argparse
import asyncio
import json
import random
import sys
import time
from typing import Any

from bench.rtp_generator import CallEnds, cpu_s, far_end, run_calls
from media.allocator import PortAllocator
from media.client import MediaClient
from media.datapath import COMPILED
from media.event import MediaEvent, PortClosed
from media.launcher import ExecLauncher
from media.port_state import PortState


def set_up_call(client: MediaClient) -> CallEnds:
    """Make one relayed call between two far ends of ours."""
    left, right = far_end(), far_end()
    one = client.allocate()
    two = client.allocate(near=one.id)
    client.put(one.id, PortState(remote_rtp=left.getsockname(), relay_to=two.id, accept=(0, 101)))
    client.put(two.id, PortState(remote_rtp=right.getsockname(), relay_to=one.id, accept=(0, 101)))
    return CallEnds(
        left=left,
        right=right,
        to_left=(one.address, one.rtp_port),
        to_right=(two.address, two.rtp_port),
    )


async def measure(calls: int, seconds: float, window_us: int) -> dict[str, Any]:
    """Relay `calls` for `seconds` and give CPU a call, loss and delay."""
    events: list[MediaEvent] = []
    allocator = PortAllocator(
        addresses=("127.0.0.1",), port_min=10000, port_max=29999, now=time.monotonic, rng=random.Random(1)
    )
    client = MediaClient(
        allocator=allocator,
        workers=1,
        launcher=ExecLauncher(relay_window_us=window_us),
        on_event=events.append,
    )
    await client.start()
    ends = [set_up_call(client) for _ in range(calls)]
    (pid,) = client.worker_pids()
    await asyncio.sleep(0.2)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, run_calls, ends, 1.5, 0.0)
    before = cpu_s(pid)
    result = await loop.run_in_executor(None, run_calls, ends, seconds, 0.0)
    used = cpu_s(pid) - before
    await client.stop()
    closed = [event.stats for event in events if isinstance(event, PortClosed)]
    result |= {
        "calls": calls,
        "compiled": COMPILED,
        "window_us": window_us,
        "cpu_percent_of_core_per_call": round(100.0 * used / seconds / calls, 4),
        "cpu_us_per_packet": round(1e6 * used / max(1, result["received"]), 3),
        "worker_dropped": sum(
            stats.dropped_foreign + stats.dropped_malformed + stats.dropped_payload_type + stats.dropped_send
            for stats in closed
        ),
    }
    for end in ends:
        end.left.close()
        end.right.close()
    return result


def main(arguments: list[str]) -> int:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.relay", description=__doc__)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--window-us", type=int, default=300)
    options = parser.parse_args(arguments)
    print(json.dumps(asyncio.run(measure(options.calls, options.seconds, options.window_us)), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
