"""TLS on loopback: certificates by name, changed while connections are up; whom we trust, and who trusts us."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
import uvloop

from sip.connection import StreamLimits
from sip.events import ResolveNeeded
from sip.flow import Address, Flow
from sip.identity import expiry, proven_names, proves
from sip.stream_listener import StreamListener
from sip.tls import CertificateFiles, TlsContexts, TlsError, TlsFiles
from sip.transport import Transports
from tests.fakes.transport_user import TransportDiary

AUTHORITY = trustme.CA()


def write(path: Path, *names: str, authority: trustme.CA = AUTHORITY, days: float = 30) -> Path:
    """A new certificate with its key, in one file."""
    until = datetime.now(UTC) + timedelta(days=days)
    authority.issue_cert(*names, not_after=until).private_key_and_cert_chain_pem.write_to_path(str(path))
    # Two writes within one tick of the file system's clock look alike but for their size.
    os.utime(path, ns=(write.turn, write.turn))  # type: ignore[attr-defined]
    write.turn += 1_000_000_000  # type: ignore[attr-defined]
    return path


write.turn = 1_000_000_000_000_000_000  # type: ignore[attr-defined]


def authority_file(path: Path, authority: trustme.CA = AUTHORITY) -> Path:
    authority.cert_pem.write_to_path(str(path))
    return path


@dataclass(frozen=True, slots=True)
class Bench:
    """Transports with a TLS listener."""

    transports: Transports
    user: TransportDiary
    listener: StreamListener
    contexts: TlsContexts

    async def dial(
        self, name: str = "pbx.example", context: ssl.SSLContext | None = None
    ) -> tuple[asyncio.StreamWriter, tuple[str, ...]]:
        """A peer that connects and asks for a name; the names in the certificate that it saw."""
        before = len(self.user.opened)
        context = context or trusting()
        _, writer = await asyncio.open_connection(*self.listener.address, ssl=context, server_hostname=name)
        await self.user.until(lambda: len(self.user.opened) > before)
        return writer, proven_names(writer.get_extra_info("peercert"))

    async def resolve(self, host: str, port: int) -> Flow | None:
        answer: asyncio.Future[Flow | None] = asyncio.get_running_loop().create_future()
        self.transports.resolve(ResolveNeeded(1, host, port, "TLS"), lambda flow, ttl_s: answer.set_result(flow))
        async with asyncio.timeout(10):
            return await answer


def trusting(authority: trustme.CA = AUTHORITY) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    authority.configure_trust(context)
    return context


def with_tls(files: TlsFiles, test: Callable[[Bench], Awaitable[None]], limits: StreamLimits | None = None) -> None:
    async def main() -> None:
        user, contexts = TransportDiary(), TlsContexts(files)
        transports = Transports(user, asyncio.get_running_loop(), tls=contexts, limits=limits)
        try:
            await test(Bench(transports, user, transports.listen_tls(("127.0.0.1", 0)), contexts))
        finally:
            transports.close()
            await asyncio.sleep(0)

    uvloop.run(main())


@contextlib.asynccontextmanager
async def peer(*names: str, authority: trustme.CA = AUTHORITY) -> AsyncIterator[tuple[Address, list[object]]]:
    """A TLS peer that listens and asks for a certificate: its address, and what it was shown."""
    shown: list[object] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shown.append(writer.get_extra_info("peercert"))
        await reader.read()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    AUTHORITY.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    server = await asyncio.start_server(take, "127.0.0.1", 0, ssl=context)
    host, port = server.sockets[0].getsockname()
    try:
        yield (host, port), shown
    finally:
        server.close()


async def until(condition: Callable[[], bool]) -> None:
    """Turn the loop until a condition holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0)


# -- listening


def test_each_domain_has_its_certificate(tmp_path: Path) -> None:
    files = TlsFiles(
        default=CertificateFiles(certificate=write(tmp_path / "a.pem", "pbx.example")),
        domains={"Office.Example": CertificateFiles(certificate=write(tmp_path / "b.pem", "office.example"))},
    )

    async def test(bench: Bench) -> None:
        for name, seen in (
            ("pbx.example", "pbx.example"),
            ("office.example", "office.example"),
            ("x.y", "pbx.example"),
        ):
            writer, names = await bench.dial(name)
            assert names == (seen,)
            writer.write(b"OPTIONS sip:x SIP/2.0\r\nl: 0\r\n\r\n")
            await bench.user.until(lambda: bool(bench.user.messages))
            _, flow = bench.user.messages.pop()
            assert (flow.transport, flow.local, flow.verified_names) == ("TLS", bench.listener.address, ())
            writer.close()
        await bench.user.until(lambda: len(bench.user.closed) == 3)

    with_tls(files, test)


def test_a_certificate_changes_while_connections_are_up(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pem", "old.example")

    async def test(bench: Bench) -> None:
        before, names = await bench.dial()
        assert names == ("old.example",)
        write(path, "new.example")
        assert bench.contexts.refresh() == []
        (news,) = bench.contexts.refresh()
        assert (news.error, news.file) == (None, path)
        after, names = await bench.dial()
        assert names == ("new.example",)
        before.write(b"OPTIONS sip:x SIP/2.0\r\nl: 0\r\n\r\n")
        await bench.user.until(lambda: len(bench.user.messages) == 1)
        bench.transports.send(bench.user.messages[0][1], b"SIP/2.0 200 OK\r\n\r\n")
        assert bench.user.closed == []
        for bad in ("nonsense", "", None):
            if bad is None:
                path.unlink()
            else:
                path.write_text(bad)
            (news,) = bench.contexts.refresh(at_once=True)
            assert news.error is not None
            assert news.error.startswith(str(path))
            assert bench.contexts.refresh(at_once=True) == []
        third, names = await bench.dial()
        assert names == ("new.example",)
        for writer in (before, after, third):
            writer.close()

    with_tls(TlsFiles(default=CertificateFiles(certificate=path)), test)


def test_old_protocols_and_plain_text_are_refused(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        old = trusting()
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(OSError):
            await asyncio.open_connection(*bench.listener.address, ssl=old, server_hostname="pbx.example")
        reader, writer = await asyncio.open_connection(*bench.listener.address)
        writer.write(b"OPTIONS sip:x SIP/2.0\r\n\r\n")
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionResetError):
                await reader.read()
        writer.close()
        assert (bench.transports.counters.handshakes_failed, bench.user.opened) == (2, [])

    with_tls(TlsFiles(default=CertificateFiles(certificate=write(tmp_path / "a.pem", "pbx.example"))), test)


def test_a_handshake_has_its_time_and_counts(tmp_path: Path) -> None:
    async def test(bench: Bench) -> None:
        reader, writer = await asyncio.open_connection(*bench.listener.address)
        other_reader, other = await asyncio.open_connection(*bench.listener.address)
        async with asyncio.timeout(10):
            for one in (other_reader, reader):
                with contextlib.suppress(ConnectionResetError):
                    assert await one.read() == b""
        assert (bench.transports.counters.refused, bench.transports.counters.handshakes_failed) == (1, 1)
        for one_writer in (writer, other):
            one_writer.close()

    files = TlsFiles(default=CertificateFiles(certificate=write(tmp_path / "a.pem", "pbx.example")))
    with_tls(files, test, StreamLimits(per_source=1, handshake_s=0.05))


def test_certificates_of_those_who_connect(tmp_path: Path) -> None:
    files = TlsFiles(
        default=CertificateFiles(certificate=write(tmp_path / "a.pem", "pbx.example")),
        client_ca_file=authority_file(tmp_path / "ca.pem"),
    )

    async def test(bench: Bench) -> None:
        nameless, _ = await bench.dial()
        context = trusting()
        AUTHORITY.issue_cert("carrier.example", "192.0.2.7").configure_cert(context)
        named, _ = await bench.dial("pbx.example", context)
        assert [flow.verified_names for flow in bench.user.opened] == [(), ("carrier.example", "192.0.2.7")]
        stranger = trusting()
        trustme.CA().issue_cert("carrier.example").configure_cert(stranger)
        with contextlib.suppress(OSError):
            # TLS 1.3: the client is done before the server has looked at its certificate.
            _, writer = await asyncio.open_connection(
                *bench.listener.address, ssl=stranger, server_hostname="pbx.example"
            )
            writer.close()
        await until(lambda: bench.transports.counters.handshakes_failed > 0)
        assert len(bench.user.opened) == 2
        for one in (nameless, named):
            one.close()

    with_tls(files, test)


# -- connecting


def test_a_peer_must_prove_the_name_that_was_asked_for(tmp_path: Path) -> None:
    files = TlsFiles(
        default=CertificateFiles(certificate=write(tmp_path / "a.pem", "pbx.example")),
        ca_file=authority_file(tmp_path / "ca.pem"),
        client_ca_file=tmp_path / "ca.pem",
        insecure_peers=frozenset({"localhost"}),
    )

    async def test(bench: Bench) -> None:
        async with peer("127.0.0.1", "carrier.example") as (address, shown):
            flow = await bench.resolve(*address)
            assert flow is not None
            assert flow.verified_names == ("carrier.example", "127.0.0.1")
            assert await bench.resolve(*address) == flow
            # Who asks for a certificate is shown ours.
            await until(lambda: bool(shown))
            assert proven_names(shown[0]) == ("pbx.example",)  # type: ignore[arg-type]
        async with peer("other.example") as (address, _):
            assert await bench.resolve(*address) is None
            assert await bench.resolve("localhost", address[1]) is not None
        async with peer("127.0.0.1", authority=trustme.CA()) as (address, _):
            assert await bench.resolve(*address) is None
            assert await bench.resolve("localhost", address[1]) is not None
        wrong, unknown = bench.user.troubles
        assert wrong.endswith(": its certificate is for other.example, not for 127.0.0.1")
        assert "its certificate is not trusted: " in unknown

    with_tls(files, test)


# -- files


@pytest.mark.parametrize(
    ("certificate", "key", "text"),
    [
        ("missing.pem", None, "missing.pem: cannot be read: No such file or directory"),
        ("good.pem", "missing.key", "missing.key: cannot be read: No such file or directory"),
        ("good.pem", "other.pem", "other.pem: the key does not belong to the certificate in FOLDER/good.pem"),
        ("nonsense.pem", None, "nonsense.pem with key FOLDER/nonsense.pem: cannot be used: "),
        ("good.pem", "locked.key", "good.pem with key FOLDER/locked.key: cannot be used: "),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, certificate: str, key: str | None, text: str) -> None:
    write(tmp_path / "good.pem", "a.example")
    write(tmp_path / "other.pem", "a.example")
    (tmp_path / "nonsense.pem").write_text("nonsense")
    (tmp_path / "locked.key").write_text(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGb\n-----END ENCRYPTED PRIVATE KEY-----\n"
    )
    files = CertificateFiles(certificate=tmp_path / certificate, key=tmp_path / key if key else None)
    with pytest.raises(TlsError) as caught:
        TlsContexts(TlsFiles(default=files))
    assert str(caught.value).startswith(f"{tmp_path}/{text.replace('FOLDER', str(tmp_path))}")


@pytest.mark.parametrize("which", ["ca_file", "client_ca_file"])
def test_authorities_that_cannot_be_used(tmp_path: Path, which: str) -> None:
    default = CertificateFiles(certificate=write(tmp_path / "good.pem", "a.example"))
    (tmp_path / "ca.pem").write_text("nonsense")
    with pytest.raises(TlsError, match=r"ca.pem: holds no certificates of authorities in PEM"):
        TlsContexts(TlsFiles(default=default, **{which: tmp_path / "ca.pem"}))  # type: ignore[arg-type]


def test_expiry(tmp_path: Path) -> None:
    for days in (5.0, 20_000.0):
        until = datetime.now(UTC) + timedelta(days=days)
        pem = AUTHORITY.issue_cert("a.example", not_after=until).cert_chain_pems[0].bytes().decode()
        assert expiry(pem) == until.replace(microsecond=0)
    for bad in ("", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", pem[:300] + pem[-30:]):
        with pytest.raises(ValueError):
            expiry(bad)


def test_names_in_certificates() -> None:
    rows = (("DNS", "Pbx.Example"), ("URI", "sip:a@person.example"), ("IP Address", "2001:DB8:0:0:0:0:0:1"))
    names = proven_names({"subjectAltName": rows})
    assert names == ("pbx.example", "2001:db8:0:0:0:0:0:1")
    assert proves(names, "PBX.example")
    assert proves(names, "2001:db8::1")
    assert not proves(names, "person.example")
    assert not proves(("*.example", "10.0.0.1"), "pbx.example")
    assert not proves(names, "10.0.0.1")
    # RFC 5922 §7.1: where there are SIP identities, DNS names do not count.
    assert proven_names({"subjectAltName": (("DNS", "a.example"), ("URI", "sip:b.example"))}) == ("b.example",)
    assert proven_names(None) == proven_names({}) == ()
