"""TCP connections on loopback: messages, limits, slow peers, reuse, and answers whose connection has gone."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
import uvloop

from sip.connection import StreamLimits
from sip.events import ResolveNeeded
from sip.flow import Address, Flow
from sip.stream_listener import StreamListener
from sip.transport import Transports
from tests.fakes.transport_user import TransportDiary

REQUEST = (
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:%d;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:x>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)
ANSWER = (
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 127.0.0.1:%d;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x>;tag=2\r\n"
    b"Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Bench:
    """Transports with one TCP listener."""

    transports: Transports
    user: TransportDiary
    listener: StreamListener

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A peer that connects; the transports know of it."""
        before = len(self.user.opened)
        reader, writer = await asyncio.open_connection(*self.listener.address)
        await self.user.until(lambda: len(self.user.opened) > before)
        return reader, writer

    async def resolve(self, host: str, port: int, transport: str = "TCP") -> Flow | None:
        answer: asyncio.Future[Flow | None] = asyncio.get_running_loop().create_future()
        self.transports.resolve(ResolveNeeded(1, host, port, transport), lambda flow, ttl_s: answer.set_result(flow))
        async with asyncio.timeout(10):
            return await answer


def on_bench(limits: StreamLimits | None = None) -> Callable[[Callable[[Bench], Awaitable[None]]], Callable[[], None]]:
    """Run a coroutine test on the loop that the server uses."""

    def decorate(test: Callable[[Bench], Awaitable[None]]) -> Callable[[], None]:
        def run() -> None:
            async def main() -> None:
                user = TransportDiary()
                transports = Transports(user, asyncio.get_running_loop(), limits=limits)
                try:
                    await test(Bench(transports, user, transports.listen_tcp(("127.0.0.1", 0))))
                finally:
                    transports.close()
                    await asyncio.sleep(0)

            uvloop.run(main())

        run.__name__ = getattr(test, "__name__", "run")
        return run

    return decorate


@contextlib.asynccontextmanager
async def peer(answers: bytes = b"") -> AsyncIterator[tuple[Address, list[bytes], list[asyncio.StreamWriter]]]:
    """A peer that listens: its address, what it heard, and its ends of the connections."""
    heard: list[bytes] = []
    writers: list[asyncio.StreamWriter] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(answers)
        while data := await reader.read(65536):
            heard.append(data)
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield (host, port), heard, writers
    finally:
        server.close()
        for writer in writers:
            writer.close()


async def closes(reader: asyncio.StreamReader) -> bytes:
    """What still comes until the other end closes."""
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def until(condition: Callable[[], bool]) -> None:
    """Turn the loop until a condition holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0)


# -- in


@on_bench()
async def test_messages_come_with_their_flow_in_one_batch(bench: Bench) -> None:
    _, writer = await bench.dial()
    data = REQUEST % 5060
    writer.write(data * 3)
    await bench.user.until(lambda: bench.user.pumps > 0)
    assert [one for one, _ in bench.user.messages] == [data] * 3
    assert bench.user.pumps == 1
    flow = bench.user.opened[0]
    assert {one for _, one in bench.user.messages} == {flow}
    assert flow == Flow(bench.listener.name, "TCP", bench.listener.address, writer.get_extra_info("sockname"), 1)
    assert flow.reliable
    writer.close()
    await bench.user.until(lambda: bench.user.closed == [flow])
    assert bench.transports.connections == 0


@on_bench()
async def test_a_flood_is_taken_in_portions(bench: Bench) -> None:
    _, writer = await bench.dial()
    writer.write(REQUEST % 5060 * 1000)
    await bench.user.until(lambda: len(bench.user.messages) == 1000)
    assert bench.user.pumps >= 1000 // 128
    writer.close()
    await bench.user.until(lambda: len(bench.user.closed) == 1)


@on_bench()
async def test_pings_draw_a_pong(bench: Bench) -> None:
    reader, writer = await bench.dial()
    writer.write(b"\r\n\r\n")
    async with asyncio.timeout(10):
        assert await reader.readexactly(2) == b"\r\n"
    assert bench.user.messages == []
    writer.close()


@on_bench()
async def test_what_cannot_be_delimited_is_answered_and_closed(bench: Bench) -> None:
    reader, writer = await bench.dial()
    answer = ANSWER % 5060
    bench.user.answer = lambda: bench.transports.send(bench.user.opened[0], answer)
    writer.write((REQUEST % 5060).replace(b"Content-Length: 0\r\n", b""))
    assert await closes(reader) == answer
    assert bench.user.errors == ["Content-Length is missing"]
    assert bench.transports.counters.unframed == 1
    writer.close()


@on_bench()
async def test_garbage_harms_nobody(bench: Bench) -> None:
    rng = random.Random(7)
    good_reader, good = await bench.dial()
    for turn in range(40):
        _, writer = await bench.dial()
        data = bytearray(REQUEST % 5060 * 3)
        for _ in range(turn):
            data[rng.randrange(len(data))] = rng.randrange(256)
        writer.write(rng.randbytes(rng.randrange(1, 3000)) if turn % 3 == 0 else bytes(data))
        writer.close()
    await bench.user.until(lambda: len(bench.user.closed) == 40)
    good.write(b"\r\n\r\n")
    async with asyncio.timeout(10):
        assert await good_reader.readexactly(2) == b"\r\n"
    assert bench.transports.connections == 1
    good.close()


@on_bench(StreamLimits(per_source=2))
async def test_a_source_has_so_many_connections(bench: Bench) -> None:
    first, second = await bench.dial(), await bench.dial()
    reader, writer = await asyncio.open_connection(*bench.listener.address)
    assert await closes(reader) == b""
    assert bench.transports.counters.refused == 1
    second[1].close()
    await bench.user.until(lambda: len(bench.user.closed) == 1)
    third = await bench.dial()
    for _, one in (first, third):
        one.close()
    writer.close()


@on_bench(StreamLimits(connections=1))
async def test_all_have_so_many_connections(bench: Bench) -> None:
    _, first = await bench.dial()
    reader, writer = await asyncio.open_connection(*bench.listener.address)
    assert await closes(reader) == b""
    assert await bench.resolve("127.0.0.1", 9) is None
    assert bench.transports.counters.refused == 2
    for one in (first, writer):
        one.close()


# -- slow and silent peers; time is what the test says


def sweep(bench: Bench, after_s: float) -> None:
    bench.transports._table.sweep(asyncio.get_running_loop().time() + after_s)


@on_bench()
async def test_a_message_must_end_in_time(bench: Bench) -> None:
    reader, writer = await bench.dial()
    writer.write(b"OPTIONS sip:x SIP/2.0\r\n")
    connection = bench.transports._table.get(1)
    assert connection is not None
    await until(lambda: connection._framer.partial)
    sweep(bench, 0.0)
    sweep(bench, 9.0)
    assert bench.transports.counters.slow_writers == 0
    sweep(bench, 11.0)
    assert await closes(reader) == b""
    assert bench.transports.counters.slow_writers == 1
    writer.close()


@on_bench()
async def test_strangers_may_not_be_idle_for_long(bench: Bench) -> None:
    reader, writer = await bench.dial()
    known_reader, known_writer = await bench.dial()
    bench.transports.vouch(bench.user.opened[1])
    sweep(bench, 0.0)
    for one in (writer, known_writer):
        # Keep-alives make nobody known.
        one.write(b"\r\n\r\n")
    await asyncio.gather(reader.readexactly(2), known_reader.readexactly(2))
    sweep(bench, 65.0)
    assert await closes(reader) == b""
    assert (bench.transports.counters.idle, bench.transports.connections) == (1, 1)
    sweep(bench, 5000.0)
    assert await closes(known_reader) == b""
    for one in (writer, known_writer):
        one.close()


@on_bench(StreamLimits(strange_unread=100_000))
async def test_a_peer_that_does_not_read_is_closed(bench: Bench) -> None:
    _, writer = await bench.dial()
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    for _ in range(400):
        bench.transports.send(bench.user.opened[0], b"x" * 65_000)
        await asyncio.sleep(0)
        if bench.user.closed:
            break
    await bench.user.until(lambda: len(bench.user.closed) == 1)
    assert bench.transports.counters.slow_readers == 1
    writer.close()


# -- out


@on_bench()
async def test_one_connection_for_all_who_want_it(bench: Bench) -> None:
    async with peer() as (address, heard, writers):
        flows = await asyncio.gather(*(bench.resolve(*address) for _ in range(5)))
        flow = flows[0]
        assert flow is not None
        assert set(flows) == {flow}
        assert (flow.local, flow.remote) == (bench.listener.address, address)
        assert await bench.resolve(*address) == flow
        bench.transports.send(flow, REQUEST % 5060)
        bench.transports.send(flow, REQUEST % 5061)
        writers[0].write(ANSWER % 5060)
        await bench.user.until(lambda: bool(bench.user.messages))
        assert bench.user.messages == [(ANSWER % 5060, flow)]
        assert b"".join(heard) == REQUEST % 5060 + REQUEST % 5061
        assert len(writers) == 1
        assert bench.transports.is_open(flow)
        writers[0].close()
        await bench.user.until(lambda: bench.user.closed == [flow])
        assert not bench.transports.is_open(flow)
        again = await bench.resolve(*address)
        assert again is not None
        assert again.connection != flow.connection


@on_bench()
async def test_nobody_there_is_told_once_in_a_while(bench: Bench) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert await bench.resolve("127.0.0.1", port) is None
        assert await bench.resolve("127.0.0.1", port) is None
    assert bench.user.troubles == [f"no TCP connection to 127.0.0.1:{port}: Connection refused"]
    assert bench.transports.counters.connects_failed == 2


@on_bench(StreamLimits(connect_s=0.05))
async def test_a_connection_has_its_time(bench: Bench) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        # Its queue is full with one: the next SYN is not answered.
        with socket.socket() as first:
            first.connect(full.getsockname())
            assert await bench.resolve(*full.getsockname()) is None
    assert bench.user.troubles[0].endswith("no answer within 0.05 s")


@on_bench()
async def test_names_and_addresses_that_lead_nowhere(bench: Bench) -> None:
    assert await bench.resolve("::1", 5060) is None
    assert await bench.resolve("x" * 300, 5060) is None
    assert await bench.resolve("127.0.0.1", 5060, "SCTP") is None
    assert [text.rpartition(": ")[2] for text in bench.user.troubles] == [
        "we do not listen on TCP in its IP version",
        "it has no address",
    ]


@on_bench()
async def test_addresses_are_tried_in_order(bench: Bench) -> None:
    async with peer() as (address, _, _):
        connector = bench.transports._connector

        async def addresses(host: str) -> list[str]:
            return ["::1", "127.0.0.77", "127.0.0.1"]

        connector._addresses = addresses  # type: ignore[method-assign]
        flow = await bench.resolve("phone.example", address[1])
        assert flow is not None
        assert flow.remote == address


def test_ipv6() -> None:
    async def main() -> None:
        user = TransportDiary()
        transports = Transports(user, asyncio.get_running_loop())
        four, six = transports.listen_tcp(("127.0.0.1", 0)), transports.listen_tcp(("::1", 0))
        assert transports.stream_listeners == [four, six]
        bench = Bench(transports, user, six)
        _, writer = await bench.dial()
        assert (user.opened[0].listener, user.opened[0].remote[0]) == (six.name, "::1")
        flow = await bench.resolve("::1", four.address[1])
        assert flow is None
        flow = await bench.resolve("::1", six.address[1])
        assert flow is not None
        assert (flow.local, flow.remote) == (six.address, six.address)
        writer.close()
        transports.close()
        await asyncio.sleep(0)

    uvloop.run(main())


@on_bench()
async def test_connections_of_ours_are_pinged(bench: Bench) -> None:
    async with peer() as (address, heard, _):
        assert await bench.resolve(*address) is not None
        sweep(bench, 0.0)
        sweep(bench, 96.0)
        await until(lambda: bool(heard))
        assert heard == [b"\r\n\r\n"]


@on_bench()
async def test_an_answer_whose_connection_has_gone_goes_to_the_sent_by(bench: Bench) -> None:
    async with peer() as (address, heard, writers):
        _, writer = await bench.dial()
        writer.close()
        await bench.user.until(lambda: len(bench.user.closed) == 1)
        answer = ANSWER % address[1]
        bench.transports.send(bench.user.opened[0], answer)
        bench.transports.send(bench.user.opened[0], answer)
        await until(lambda: b"".join(heard) == answer * 2)
        assert len(writers) == 1


@on_bench()
async def test_a_request_whose_connection_has_gone_is_told(bench: Bench) -> None:
    _, writer = await bench.dial()
    writer.close()
    flow = bench.user.opened[0]
    await bench.user.until(lambda: bench.user.closed == [flow])
    bench.transports.send(flow, REQUEST % 5060)
    assert bench.user.closed == [flow]
    await bench.user.until(lambda: bench.user.closed == [flow, flow])


@on_bench()
async def test_answers_that_nobody_takes_are_counted(bench: Bench) -> None:
    _, writer = await bench.dial()
    writer.close()
    await bench.user.until(lambda: len(bench.user.closed) == 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        bench.transports.send(bench.user.opened[0], ANSWER % taken.getsockname()[1])
        await until(lambda: bench.transports.counters.unanswerable == 1)
    assert bench.user.troubles == []
    bench.transports.send(bench.user.opened[0], b"SIP/2.0 400 What\r\n\r\n")
    assert bench.transports.counters.unanswerable == 2


def test_a_port_that_is_taken_is_named() -> None:
    async def main() -> None:
        transports = Transports(TransportDiary(), asyncio.get_running_loop())
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            with pytest.raises(OSError, match=f"cannot listen for SIP on TCP 127.0.0.1 port {port}: Address already"):
                transports.listen_tcp(("127.0.0.1", port))
        transports.close()

    uvloop.run(main())
