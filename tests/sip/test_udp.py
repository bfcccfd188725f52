"""UDP listeners on real sockets of loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import closing

import pytest
import uvloop

from sip.flow import Address, Flow
from sip.udp import UdpListener

NewLoop = Callable[[], asyncio.AbstractEventLoop]


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_listener_hears_on_after_an_unreachable_peer(
    new_loop: Callable[[], asyncio.AbstractEventLoop], host: str
) -> None:
    """libuv stops polling a socket that reports an ICMP error; one phone switched off must not make us deaf."""

    async def scenario() -> None:
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        lost: asyncio.Queue[Address] = asyncio.Queue()
        listener = UdpListener(
            "udp", (host, 0), lambda data, flow: heard.put_nowait(data), lost.put_nowait, lambda: None
        )
        listener.open(asyncio.get_running_loop())
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as gone, closing(listener):
            gone.bind((host, 0))
            nobody = gone.getsockname()[:2]
            gone.close()
            for turn in range(3):
                listener.send(Flow("udp", "UDP", listener.address, nobody), b"to nobody")
                assert await asyncio.wait_for(lost.get(), 5) == nobody
                with closing(socket.socket(family, socket.SOCK_DGRAM)) as phone:
                    phone.sendto(f"from a phone {turn}".encode(), listener.address)
                assert await asyncio.wait_for(heard.get(), 5) == f"from a phone {turn}".encode()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(scenario())
