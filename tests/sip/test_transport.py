"""The transports of a node: names become flows, messages find their listener."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from sip.events import ResolveNeeded
from sip.flow import Flow
from sip.transport import LITERAL_TTL_S, NAME_TTL_S, Transports
from tests.fakes.transport_user import TransportDiary


def on_transports(test: Callable[[Transports], Awaitable[None]]) -> Callable[[], None]:
    """Run a coroutine test with transports that are closed after it."""

    def run() -> None:
        async def main() -> None:
            loop = asyncio.get_running_loop()
            transports = Transports(TransportDiary(), loop)
            try:
                await test(transports)
            finally:
                transports.close()

        asyncio.run(main())

    run.__name__ = getattr(test, "__name__", "run")
    return run


async def resolve(
    transports: Transports, host: str, port: int | None, transport: str = "UDP"
) -> tuple[Flow | None, float]:
    answer: asyncio.Future[tuple[Flow | None, float]] = asyncio.get_running_loop().create_future()
    transports.resolve(ResolveNeeded(1, host, port, transport), lambda flow, ttl_s: answer.set_result((flow, ttl_s)))
    async with asyncio.timeout(10):
        return await answer


@on_transports
async def test_addresses_are_their_own_answer(transports: Transports) -> None:
    listener = transports.listen_udp(("127.0.0.1", 0))
    flow, ttl_s = await resolve(transports, "127.0.0.9", 5070)
    assert flow == Flow(listener.name, "UDP", listener.address, ("127.0.0.9", 5070))
    assert ttl_s == LITERAL_TTL_S
    flow, _ = await resolve(transports, "127.0.0.9", None)
    assert flow is not None
    assert flow.remote == ("127.0.0.9", 5060)


@on_transports
async def test_names_are_looked_up(transports: Transports) -> None:
    transports.listen_udp(("127.0.0.1", 0))
    flow, ttl_s = await resolve(transports, "localhost", 5070)
    assert flow is not None
    assert (flow.remote, ttl_s) == (("127.0.0.1", 5070), NAME_TTL_S)


@pytest.mark.parametrize(
    ("host", "transport"), [("127.0.0.9", "TCP"), ("127.0.0.9", "TLS"), ("::1", "UDP"), ("x" * 300, "UDP")]
)
def test_what_cannot_be_reached(host: str, transport: str) -> None:
    @on_transports
    async def check(transports: Transports) -> None:
        transports.listen_udp(("127.0.0.1", 0))
        assert (await resolve(transports, host, 5060, transport))[0] is None

    check()


@on_transports
async def test_a_wildcard_sends_from_the_address_that_leads_there(transports: Transports) -> None:
    listener = transports.listen_udp(("0.0.0.0", 0))
    flow, _ = await resolve(transports, "127.0.0.9", 5070)
    assert flow is not None
    assert flow.local == ("127.0.0.1", listener.address[1])


@on_transports
async def test_each_family_has_its_listener(transports: Transports) -> None:
    four, six = transports.listen_udp(("127.0.0.1", 0)), transports.listen_udp(("::1", 0))
    assert transports.listeners == [four, six]
    for host, listener in (("127.0.0.9", four), ("::1", six)):
        flow, _ = await resolve(transports, host, 5070)
        assert flow is not None
        assert flow.listener == listener.name


@on_transports
async def test_flows_of_bindings_that_outlived_a_restart(transports: Transports) -> None:
    assert transports.restored_flow(("127.0.0.1", 5060), ("127.0.0.9", 5070)) is None
    first, second = transports.listen_udp(("127.0.0.1", 0)), transports.listen_udp(("127.0.0.1", 0))
    for port, listener in ((second.address[1], second), (1, first)):
        flow = transports.restored_flow(("127.0.0.1", port), ("127.0.0.9", 5070))
        assert flow is not None
        assert (flow.listener, flow.local) == (listener.name, listener.address)
    assert transports.restored_flow(("::1", 5060), ("::1", 5070)) is None
    # A connection does not outlive a restart.
    assert transports.restored_flow(("127.0.0.1", 5060), ("127.0.0.9", 5070), "TCP") is None
    stream = transports.listen_tcp(("127.0.0.1", 0))
    flow = transports.restored_flow(("127.0.0.1", 5060), ("127.0.0.9", 5070), "TCP")
    assert flow == Flow(stream.name, "TCP", stream.address, ("127.0.0.9", 5070), 0)
    assert not transports.is_open(flow)
    assert transports.is_open(first.flow(first.address, ("127.0.0.9", 5070)))


@on_transports
async def test_messages_go_by_their_listener(transports: Transports) -> None:
    listener = transports.listen_udp(("127.0.0.1", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.settimeout(5)
        transports.send(listener.flow(listener.address, other.getsockname()), b"hello")
        assert other.recvfrom(100) == (b"hello", listener.address)
        transports.send(Flow("gone", "UDP", listener.address, other.getsockname()), b"hello")
    assert transports.unsendable == 1
