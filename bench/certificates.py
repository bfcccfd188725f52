"""Certificates: 100 calls a second over TLS while the server's certificate is swapped again and again."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Coroutine
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import trustme

from bench.figure import Figure
from bench.plan import Plan
from bench.server import TLS_CALLER, Server
from bench.sip_text import Address, Received, read, request, sdp
from bench.udp_port import HOST, free_port

RATE = 100
FULL_S, QUICK_S = 30.0, 8.0
SWAP_S = 2.0
KEPT = 10
"""Connections that stay for the whole run; every tenth call makes one of its own, with a handshake."""
TALK_S = 0.5
ANSWER_S = 10.0
NAME = "sip.example"


@dataclass(slots=True, kw_only=True)
class Swaps:
    """What became of calls and connections."""

    calls: int = 0
    failed: list[str] = field(default_factory=list)
    swaps: int = 0
    seen: set[str] = field(default_factory=set)
    kept_lost: int = 0


class Connection:
    """One TLS connection; messages go to whoever waits for their call."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._waiting: dict[str, asyncio.Queue[Received]] = {}
        self._task = asyncio.create_task(self._read())
        self.own: Address = writer.get_extra_info("sockname")[:2]
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        self.certificate = sha256(shown).hexdigest()

    @classmethod
    async def open(cls, port: int, context: ssl.SSLContext) -> Connection:
        return cls(
            *await asyncio.open_connection(
                HOST,
                port,
                ssl=context,
                server_hostname=NAME,
                local_addr=(TLS_CALLER, 0),
                ssl_handshake_timeout=ANSWER_S,
            )
        )

    @property
    def lost(self) -> bool:
        return self._task.done()

    async def close(self) -> None:
        self._task.cancel()
        self._writer.close()

    async def _read(self) -> None:
        while True:
            head = await self._reader.readuntil(b"\r\n\r\n")
            message = read(head)
            body = await self._reader.readexactly(int(message.header("content-length")))
            queue = self._waiting.get(message.header("call-id"))
            if queue is not None:
                queue.put_nowait(read(head + body))

    async def call(self, call_id: str, port: int) -> None:
        """The echo test, for a while. Raises OSError, TimeoutError, or ValueError for an answer that is not 200."""
        queue = self._waiting[call_id] = asyncio.Queue()
        try:
            uri = f"sip:9005@{HOST}:{port};transport=tls"
            answer = await self._ask("INVITE", uri, f"<{uri}>", call_id, 1, queue, sdp(TLS_CALLER, 4000))
            target, to = answer.contact_uri(), answer.header("to")
            self._send("ACK", target, to, call_id, 1)
            await asyncio.sleep(TALK_S)
            await self._ask("BYE", target, to, call_id, 2, queue)
        finally:
            del self._waiting[call_id]

    async def _ask(
        self, method: str, uri: str, to: str, call_id: str, cseq: int, queue: asyncio.Queue[Received], body: str = ""
    ) -> Received:
        self._send(method, uri, to, call_id, cseq, body)
        async with asyncio.timeout(ANSWER_S):
            while (answer := await queue.get()).status < 200 or answer.method != method:
                pass
        if answer.status != 200:
            raise ValueError(f"{method}: {answer.start}")
        return answer

    def _send(self, method: str, uri: str, to: str, call_id: str, cseq: int, body: str = "") -> None:
        packet = request(
            method, uri, self.own, branch=f"z9hG4bK{method}{call_id}", from_=f"<sip:load@{TLS_CALLER}>;tag=t{call_id}",
            to=to, call_id=call_id, cseq=cseq, body=body,
        )  # fmt: skip
        self._writer.write(packet.replace(b"SIP/2.0/UDP", b"SIP/2.0/TLS", 1))


def measure_certificates(plan: Plan) -> list[Figure]:
    """Calls that failed, connections that were lost, certificates that were seen."""
    length_s = plan.length_s(FULL_S, QUICK_S)
    folder = plan.folder / "certificates"
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    file = folder / "server.pem"
    _issue(authority, file)
    tls_port = free_port()
    environment = {"CORDBOARD_TLS_CERTIFICATE": str(file), "CORDBOARD_SIP_TLS_PORT": str(tls_port)}
    with Server(folder, environment) as server:
        run = asyncio.run(_run(server, tls_port, authority, file, length_s))
    name = f"{RATE} calls/s over TLS for {length_s:g} s, the certificate swapped {run.swaps} times"
    return [
        Figure(
            work=f"{name}: calls that failed",
            unit="calls",
            ours=(float(len(run.failed)),),
            must=0.0,
            note=f"of {run.calls}" + (f"; first: {run.failed[0]}" if run.failed else ""),
        ),
        Figure(work=f"  connections lost, of {KEPT} that stay", unit="", ours=(float(run.kept_lost),), must=0.0),
        Figure(
            work="  certificates seen by new connections",
            unit="",
            ours=(float(len(run.seen)),),
            note=f"of {run.swaps + 1} that were shown",
        ),
    ]


def _issue(authority: trustme.CA, file: Path) -> None:
    """A new certificate in place of the old one, in one step."""
    fresh = file.with_suffix(".new")
    authority.issue_cert(NAME).private_key_and_cert_chain_pem.write_to_path(str(fresh))
    os.replace(fresh, file)


async def _run(server: Server, tls_port: int, authority: trustme.CA, file: Path, length_s: float) -> Swaps:
    loop, run = asyncio.get_running_loop(), Swaps()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    kept = [await Connection.open(tls_port, context) for _ in range(KEPT)]
    begin = loop.time()
    next_swap = begin + SWAP_S
    calls: list[asyncio.Task[None]] = []
    for turn in range(round(RATE * length_s)):
        await asyncio.sleep(max(0.0, begin + turn / RATE - loop.time()))
        if loop.time() >= next_swap:
            next_swap += SWAP_S
            await asyncio.to_thread(_issue, authority, file)
            server.hang_up_signal()
            run.swaps += 1
        alone = turn % KEPT == 0
        work: Coroutine[Any, Any, None] = (
            _call_alone(run, turn, tls_port, context) if alone else _call(run, turn, kept[turn % KEPT], tls_port)
        )
        calls.append(asyncio.create_task(work))
    await asyncio.gather(*calls)
    run.kept_lost = sum(connection.lost for connection in kept)
    for connection in kept:
        await connection.close()
    return run


async def _call(run: Swaps, turn: int, connection: Connection, port: int) -> None:
    run.calls += 1
    try:
        await connection.call(f"swap-{turn}", port)
    except (OSError, TimeoutError, ValueError) as error:
        run.failed.append(repr(error))


async def _call_alone(run: Swaps, turn: int, port: int, context: ssl.SSLContext) -> None:
    try:
        connection = await Connection.open(port, context)
    except (OSError, TimeoutError) as error:
        run.calls += 1
        run.failed.append(f"handshake: {error!r}")
        return
    run.seen.add(connection.certificate)
    await _call(run, turn, connection, port)
    await connection.close()
