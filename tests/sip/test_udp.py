"""UDP listeners on loopback: source addresses, batches, errors of the network."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable

import pytest

from sip.flow import Address, Flow
from sip.udp import DRAIN, UdpListener, local_address_for


class Desk:
    """A listener, and what it told."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.got: list[tuple[bytes, Flow]] = []
        self.failed: list[Address] = []
        self.drains = 0
        self.news = asyncio.Event()
        self.listener = UdpListener((host, 0), self._deliver, self._unreachable, self._drained)
        self.listener.open(asyncio.get_running_loop())

    def _deliver(self, data: bytes, flow: Flow) -> None:
        self.got.append((data, flow))

    def _unreachable(self, remote: Address) -> None:
        self.failed.append(remote)
        self.news.set()

    def _drained(self) -> None:
        self.drains += 1
        self.news.set()

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait for news until `done`; a test that waits 5 s has failed."""
        async with asyncio.timeout(5):
            while not done():
                self.news.clear()
                await self.news.wait()


def peer(host: str = "127.0.0.1") -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, 0))
    made.settimeout(5)
    return made


def on_loop(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run a coroutine test on a real loop."""

    def run() -> None:
        async def main() -> None:
            await test()

        asyncio.run(main())

    run.__name__ = getattr(test, "__name__", "run")
    run.__doc__ = test.__doc__
    return run


@on_loop
async def test_there_and_back() -> None:
    desk = Desk()
    with peer() as other:
        other.sendto(b"hello", desk.listener.address)
        await desk.until(lambda: bool(desk.got))
        data, flow = desk.got[0]
        assert (data, flow.remote, flow.local) == (b"hello", other.getsockname(), desk.listener.address)
        assert (flow.transport, flow.reliable, flow.listener) == ("UDP", False, desk.listener.name)
        desk.listener.send(flow, b"back")
        assert other.recvfrom(100) == (b"back", desk.listener.address)
        counters = desk.listener.counters
        assert (counters.received, counters.sent, counters.send_failures) == (1, 1, 0)
    desk.listener.close()


@on_loop
async def test_a_wildcard_answers_from_the_address_that_was_asked() -> None:
    desk = Desk("0.0.0.0")
    port = desk.listener.address[1]
    with peer() as other:
        for host in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
            desk.got.clear()
            other.sendto(b"hello", (host, port))
            await desk.until(lambda: bool(desk.got))
            flow = desk.got[0][1]
            assert flow.local == (host, port)
            desk.listener.send(flow, b"back")
            assert other.recvfrom(100)[1] == (host, port)
    desk.listener.close()


@on_loop
async def test_one_flow_per_pair_of_addresses() -> None:
    desk = Desk()
    with peer() as one, peer() as two:
        for sender in (one, two, one):
            sender.sendto(b"x", desk.listener.address)
        await desk.until(lambda: len(desk.got) == 3)
    flows = {flow.remote: flow for _, flow in desk.got}
    assert len(flows) == 2
    assert all(flow is flows[flow.remote] for _, flow in desk.got)
    desk.listener.close()


@on_loop
async def test_a_flood_is_taken_in_batches() -> None:
    desk = Desk()
    count = 3 * DRAIN
    with peer() as other:
        for number in range(count):
            other.sendto(b"%d" % number, desk.listener.address)
        await desk.until(lambda: len(desk.got) == count)
    assert [int(data) for data, _ in desk.got] == list(range(count))
    assert desk.drains >= 3
    desk.listener.close()


@on_loop
async def test_a_closed_port_is_reported() -> None:
    """IP_RECVERR: the network says that nobody listens there."""
    desk = Desk()
    with peer() as other:
        gone = other.getsockname()
    flow = desk.listener.flow(desk.listener.address, gone)
    desk.listener.send(flow, b"anybody?")
    await desk.until(lambda: gone in desk.failed)
    with peer() as other:
        other.sendto(b"still here", desk.listener.address)
        await desk.until(lambda: bool(desk.got))
    desk.listener.close()


@on_loop
async def test_a_datagram_that_is_too_large_is_counted() -> None:
    desk = Desk()
    with peer() as other:
        desk.listener.send(desk.listener.flow(desk.listener.address, other.getsockname()), b"x" * 70_000)
    assert desk.listener.counters.send_failures == 1
    desk.listener.close()


@on_loop
async def test_an_address_in_use_is_named() -> None:
    with peer() as other:
        host, port = other.getsockname()
        with pytest.raises(OSError, match=f"UDP {host} port {port}") as caught:
            UdpListener((host, port), lambda data, flow: None, lambda remote: None, lambda: None)
    assert caught.value.errno == errno.EADDRINUSE


@on_loop
async def test_ipv6() -> None:
    desk = Desk("::1")
    with peer("::1") as other:
        other.sendto(b"hello", desk.listener.address)
        await desk.until(lambda: bool(desk.got))
        flow = desk.got[0][1]
        assert (flow.local[0], flow.remote[0]) == ("::1", "::1")
        assert flow.source == f"[::1]:{other.getsockname()[1]}"
        desk.listener.send(flow, b"back")
        assert other.recv(100) == b"back"
    desk.listener.close()


def test_which_of_our_addresses_reaches_a_peer() -> None:
    assert local_address_for(("127.0.0.9", 5060), socket.AF_INET) == "127.0.0.1"
    assert local_address_for(("127.0.0.9", 0), socket.AF_INET) == "127.0.0.1"
