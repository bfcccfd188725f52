"""Composition root: puts the rooms together into the server process, `python -m pbx.main`, kept by the supervisor."""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import random
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path

import structlog
import uvloop

from admin_api.doors import Doors, control_socket
from admin_api.running import Running
from dialplan.runner import DialplanRunner
from media.allocator import PortAllocator
from media.client import MediaClient
from media.datapath import COMPILED
from media.launcher import ExecLauncher
from pbx.admission import Admission
from pbx.authenticator import Authenticator
from pbx.banner import banner
from pbx.certificate_watch import CertificateWatch
from pbx.clock import SystemClock
from pbx.collector import Collector
from pbx.configuration import Configuration
from pbx.events import NodeStarted, NodeStopping, SoundMissing
from pbx.ingress import Ingress
from pbx.journal import Journal
from pbx.keepalive import Keepalive
from pbx.listening import addresses, open_transports, tls_contexts
from pbx.location import DeviceKey, Location, restored_binding
from pbx.logs import set_up_logs
from pbx.loop_lag import LoopLag
from pbx.media_watch import MediaWatch
from pbx.node import Node
from pbx.parent import end_with_parent
from pbx.prompts import Prompts
from pbx.recording_place import STOP_PERCENT, RecordingPlace
from pbx.records.client import RecordsClient, RecordsError
from pbx.records.configuration_client import ConfigurationClient
from pbx.records.studio_client import StudioClient
from pbx.registrar import Registrar
from pbx.settings import Settings, SettingsError, load_settings, on_loopback
from pbx.snapshot import EMPTY
from pbx.sounds import Sounds
from pbx.spool import SpoolError, SpoolWriter
from pbx.spool.floor import last_seq, last_seq_at
from pbx.tally import Tally
from pbx.token import TokenSource
from pbx.trace.ring import TraceRing
from pbx.trace.tracer import Tracer
from pbx.ulid import UlidFactory
from sip.core import EXTENSIONS, StackSettings
from sip.timers import Timing

VERSION = "0.1.0"
ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "examples" / "demo.yaml"
NODE = os.uname().nodename
SYNC_S = 0.1
SWEEP_S = 1.0
DISK_S = 10.0
TRACE_S = 0.1
TRACE_AGE_S = 72 * 3600.0
FEW_CALLS = 10
FORGET_SLACK_S = 0.25
EXIT_CONFIG = 78
EXIT_TRANSIENT = 1
# What the next start may find changed: an address or a database that is not up yet, no files or memory left.
TRANSIENT = frozenset(
    {errno.EADDRNOTAVAIL, errno.ECONNREFUSED, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
)
EXIT_FAILED = 1


class Server:
    """The whole server process: started once, stopped once."""

    def __init__(self, settings: Settings, documents: list[Path]) -> None:
        self._settings = settings
        self._documents = documents
        self._tasks: list[asyncio.Task[None]] = []
        self._boot = secrets.token_hex(8)
        self._log = structlog.get_logger("pbx")
        self._collector = Collector()
        self._certificates: CertificateWatch | None = None
        self._tracer: Tracer | None = None
        self._tally = Tally()
        self._doors: Doors | None = None
        self._begun = AsyncExitStack()
        """What is to be ended where the start comes to nothing."""

    async def start(self) -> bool:
        """Bring everything up; False where the configuration has errors, which have been printed."""
        settings, loop = self._settings, asyncio.get_running_loop()
        data = settings.data.directory
        if data.exists() and not data.is_dir():
            raise OSError(f"{data} is not a directory; name another one with --data")
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._clock = SystemClock()
        segment_bytes = settings.records.segment_mb << 20
        url = settings.data.database_url
        floor_seq = 1 + (last_seq(data / "cordboard.db") if url is None else last_seq_at(url, data / "spool"))
        self._spool = SpoolWriter(data / "spool", segment_bytes=segment_bytes, floor_seq=floor_seq)
        self._journal = Journal(self._spool, self._clock)
        self._journal.watch(self._tally.watchers())
        # Now: whoever writes the spool is the only server here, and nothing is started yet that would have to be ended.
        control = control_socket(data)
        # First of all: what an earlier process left open is closed in the records by this event.
        self._journal.emit(NodeStarted(node=NODE, boot=self._boot, version=VERSION))
        self._journal.flush()
        self._loop_lag = LoopLag(loop, self._clock.now)
        if settings.trace.size_mb:
            ring = TraceRing(data / "trace", size_bytes=settings.trace.size_mb << 20, age_s=TRACE_AGE_S)
            self._tracer = Tracer(ring, self._clock)
        self._location = Location(self._journal)
        self._recordings = RecordingPlace(data / "recordings")
        self._recordings.measure()
        self._configuration = Configuration(EMPTY, settings.sip.public_address)
        self._records = RecordsClient(data, database_url=url)
        self._store = ConfigurationClient(
            self._records, self._configuration, drop=self._drop, settle=self._collector.settle
        )
        self._begun.push_async_callback(self._records.stop)
        await self._records.start()
        if not await self._configure():
            return False
        self._assemble(await self._sounds(data))
        tls = tls_contexts(settings.tls)
        self._certificates = None if tls is None else CertificateWatch(tls, self._log)
        # Before the doors open: the first call may be there at once.
        self._media = self._make_media()
        self._node.media = self._media
        self._begun.push_async_callback(self._media.stop)
        await self._media.start()
        self._room = self._media.capacity()
        self._transports = open_transports(settings, self._node, loop, tls)
        self._node.transport = self._transports
        self._location.is_open = self._transports.is_open
        self._location.watch(lambda binding, now: self._transports.vouch(binding.flow))
        self._keepalive = Keepalive(self._location, self._transports.send)
        await self._restore_bindings()
        self._tasks = [
            loop.create_task(self._every(SYNC_S, self._sync), name="spool sync"),
            loop.create_task(self._every(SWEEP_S, self._sweep), name="sweep"),
        ]
        if self._tracer is not None:
            self._tasks.append(loop.create_task(self._every(TRACE_S, self._tracer.flush), name="trace"))
        if settings.speech.prompts or self._prompts.left:
            self._tasks.append(loop.create_task(self._build_prompts(), name="prompts"))
        self._tasks.append(loop.create_task(self._every(DISK_S, self._look_at_disk), name="disk"))
        self._doors = Doors(self._running(), control)
        await self._doors.open()
        self._collector.start()
        self._loop_lag.start()
        snapshot = self._configuration.snapshot
        print(banner(settings, snapshot, addresses(self._transports), self._room, self._doors.http))
        if self._room < FEW_CALLS:
            print("The file limit leaves room for hardly any call: raise it (ulimit -n).", file=sys.stderr)
        if not COMPILED:
            print("The compiled data path is missing: the slow twin in pure Python carries the media.", file=sys.stderr)
        sys.stdout.flush()
        return True

    def _running(self) -> Running:
        return Running(
            version=VERSION,
            name=NODE,
            began=self._clock.now(),
            settings=self._settings,
            clock=self._clock,
            node=self._node,
            ingress=self._ingress,
            location=self._location,
            media=self._media,
            port_pairs=self._port_pairs,
            transports=self._transports,
            records=self._records,
            configuration=self._configuration,
            configuration_store=self._store,
            spool=self._spool,
            tally=self._tally,
            loop_lag=self._loop_lag,
            tracer=self._tracer,
        )

    async def _configure(self) -> bool:
        """Take over what is stored, after the documents of this start; False where these have errors."""
        if self._documents:
            applied = await self._store.apply_files([str(one) for one in self._documents], by="start-up")
            for error in applied.errors:
                print(error, file=sys.stderr)
            if applied.errors:
                print(f"{len(applied.errors)} error(s) in the configuration; nothing was started.", file=sys.stderr)
                if applied.outcome.version:
                    where = self._settings.data.directory
                    print(f"What earlier starts applied is in {where}; --data names another place.", file=sys.stderr)
                return False
            for name in applied.skipped:
                print(f"{name} was applied before; what was changed since stays.", file=sys.stderr)
        await self._store.load()
        return True

    def _drop(self, devices: Sequence[DeviceKey]) -> None:
        """Devices that are gone are not registered any more; calls go on."""
        now = self._clock.now()
        for key in devices:
            for binding in self._location.of(key, now):
                self._location.remove(binding)

    async def _sounds(self, data: Path) -> Sounds:
        def missing(name: str, language: str) -> None:
            self._log.warning("sound missing", sound=name, language=language)
            self._journal.emit(SoundMissing(node=NODE, name=name, language=language))

        speech = self._settings.speech
        sounds = Sounds({}, language=speech.language, on_missing=missing)
        self._studio = StudioClient(self._records, speech, ROOT / "sounds", data)
        self._prompts = Prompts(self._studio, sounds, self._log)
        await self._prompts.begin()
        return sounds

    async def _build_prompts(self) -> None:
        languages = sorted(path.parent.name for path in (ROOT / "sounds").glob("*/manifest.yaml"))
        snapshot = self._configuration.snapshot
        in_use = {self._settings.speech.language, *(one.prompt_language for one in snapshot.tenants.values())}
        spoken = [one for one in languages if one != "music"]
        await self._prompts.build(spoken, sorted(in_use), speak=self._settings.speech.prompts)

    def _assemble(self, sounds: Sounds) -> None:
        settings, clock, journal = self._settings, self._clock, self._journal
        rng = random.Random(secrets.randbits(128))
        ids = UlidFactory(rng)
        configuration = self._configuration
        authenticator = Authenticator(secret=secrets.token_bytes(32), clock=clock, journal=journal)
        public = settings.sip.public_address
        self._node = Node(
            clock=clock,
            journal=journal,
            token=TokenSource(os.urandom).next,
            new_id=lambda: ids.new(clock.wall_ns() // 1_000_000),
            rng=rng,
            sounds=sounds,
            location=self._location,
            stack_settings=StackSettings(
                public_host=public, timing=Timing(slack_s=FORGET_SLACK_S), supported=("path", *EXTENSIONS)
            ),
            trace=None if self._tracer is None else self._tracer.message,
            media_host=settings.media.public_address or public,
            media_address_v6=self._media_address_v6(),
            media_watch=MediaWatch(
                rtp_timeout_s=settings.media.rtp_timeout_s, hold_timeout_s=settings.media.hold_timeout_s
            ),
            recordings=self._recordings,
        )
        self._node.speech = self._studio
        ingress = Ingress(
            node=self._node,
            configuration=configuration,
            authenticator=authenticator,
            runner=DialplanRunner(),
            admission=Admission(
                settings.admission,
                now=clock.now,
                free_calls=lambda: self._room - self._node.ports_in_use // 2,
                lag_s=lambda: self._loop_lag.recent_s,
            ),
        )
        registrar = Registrar(
            configuration=configuration, location=self._location, authenticator=authenticator, clock=clock
        )
        self._ingress = ingress
        self._node.on_invite = ingress.on_invite
        self._node.on_register = registrar.register

    def _media_address_v6(self) -> str | None:
        """Where media of calls over IPv6 is bound, when SIP listens on IPv6 and media is not on it anyway."""
        v6 = [one for one in self._settings.sip.listen if ":" in one]
        if not v6 or ":" in self._settings.media.address:
            return None
        return v6[0]

    def _make_media(self) -> MediaClient:
        media = self._settings.media
        allocator = PortAllocator(
            addresses=tuple(filter(None, (media.address, self._media_address_v6()))),
            port_min=media.port_min,
            port_max=media.port_max,
            now=self._clock.now,
            rng=random.Random(secrets.randbits(128)),
        )
        self._port_pairs = allocator.pairs
        return MediaClient(
            allocator=allocator,
            workers=media.workers,
            launcher=ExecLauncher(relay_window_us=media.relay_window_us),
            on_event=self._node.on_media,
        )

    async def _restore_bindings(self) -> None:
        """Phones that were registered before the restart can be called at once."""
        for event in await self._records.bindings():
            binding = restored_binding(event, self._transports.restored_flow, self._clock)
            tenant = self._configuration.tenant(event.tenant)
            if binding is not None and tenant is not None and tenant.device(event.device) is not None:
                self._location.restore(binding, self._clock.now())

    async def _every(self, interval_s: float, work: Callable[[], Awaitable[None]]) -> None:
        """Do something again and again; a fault (a disk that fails, say) is told once and does not end it."""
        failed = False
        while True:
            await asyncio.sleep(interval_s)
            try:
                await work()
            except Exception:
                if not failed:
                    self._log.exception("regular work failed; tried again", work=work.__name__)
                failed = True
            else:
                if failed:
                    self._log.warning("regular work goes on", work=work.__name__)
                failed = False

    async def _sync(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._journal.sync)

    async def _sweep(self) -> None:
        now = self._clock.now()
        self._location.expire(now)
        self._keepalive.beat(now)
        self._transports.beat()
        if self._certificates is not None:
            self._certificates.beat(now, self._clock.wall_ns() / 1e9)
        self._collector.beat(idle=not self._node.sessions)
        self._journal.flush()

    async def _look_at_disk(self) -> None:
        if self._recordings.measure():
            percent = round(self._recordings.used_percent)
            self._log.warning("the disk of recordings fills up", used_percent=percent, stops_at_percent=STOP_PERCENT)

    def hurry_certificates(self) -> None:
        """SIGHUP: take certificates that changed now."""
        if self._certificates is not None:
            self._certificates.hurry(self._clock.wall_ns() / 1e9)

    async def abandon(self) -> None:
        """End what a start that failed, or that was broken off, had begun."""
        await self._begun.aclose()

    async def stop(self) -> None:
        """No new calls, end those that run, write everything down."""
        self._ingress.admission.draining = True
        for task in self._tasks:
            task.cancel()
        await self._node.stop()
        if self._doors is not None:
            await self._doors.close()
        await self._media.stop()
        self._journal.emit(NodeStopping(node=NODE, boot=self._boot))
        self._journal.flush()
        self._journal.sync()
        self._transports.close()
        self._loop_lag.stop()
        if self._tracer is not None:
            await self._tracer.close()
        await self._records.stop()
        self._journal.close()


async def serve(settings: Settings, documents: list[Path]) -> int:
    """Run the server until a signal ends it."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = Server(settings, documents)
    loop.add_signal_handler(signal.SIGHUP, server.hurry_certificates)
    starting, ending = loop.create_task(server.start()), loop.create_task(ended.wait())
    # A database that is away may hold the start up for as long as it likes; a signal ends it all the same.
    await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
    started = False
    try:
        if not starting.done():
            starting.cancel()
            with suppress(asyncio.CancelledError):
                await starting
            return 0
        started = starting.result()
    finally:
        if not started:
            ending.cancel()
            await server.abandon()
    if not started:
        return EXIT_CONFIG
    await ending
    await server.stop()
    return 0


def main(arguments: list[str] | None = None) -> int:
    """The command line of the server process; `cordboard serve` passes its own through."""
    parser = argparse.ArgumentParser(prog="cordboard serve")
    parser.add_argument("--config", type=Path, help="settings file (cordboard.toml)")
    parser.add_argument("--data", type=Path, help="directory of everything that is kept")
    parser.add_argument("--apply", type=Path, nargs="+", default=[], metavar="FILE", help="configuration documents")
    parser.add_argument("--supervisor", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--demo", action="store_true", help="the demo configuration, on loopback")
    options = parser.parse_args(arguments)
    try:
        settings = load_settings(options.config, os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    if options.data is not None:
        settings = replace(settings, data=replace(settings.data, directory=options.data))
    if options.demo:
        settings = on_loopback(settings)
    set_up_logs(settings.log.level, settings.log.format)
    if options.supervisor is not None and not end_with_parent(options.supervisor):
        print("cordboard: the supervisor is gone; not started", file=sys.stderr)
        return EXIT_CONFIG
    documents = [*([DEMO] if options.demo else []), *options.apply]
    try:
        return uvloop.run(serve(settings, documents))
    except OSError as error:
        print(f"cordboard: {error}", file=sys.stderr)
        return EXIT_TRANSIENT if error.errno in TRANSIENT else EXIT_CONFIG
    except SpoolError as error:
        print(f"cordboard: {error}", file=sys.stderr)
        return EXIT_CONFIG
    except RecordsError as error:
        # Not the last word: a full disk may have room at the next start.
        print(f"cordboard: not started: {error}", file=sys.stderr)
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
