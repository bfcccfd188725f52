"""linphone's console phone: told what to do on its standard input, with files in place of a sound card."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tests.e2e.ports import Ports
from tests.e2e.program import Program, path_of
from tests.e2e.server import Server
from tests.e2e.sound import Samples, noise_speech, read_wav, write_wav
from tests.e2e.wait import wait_until

PLAY_S = 60.0

CONFIG = """\
[sip]
sip_port={port}
sip_tcp_port={tcp_port}
sip_tls_port={tls_port}
root_ca={ca_file}
verify_server_certs=1
verify_server_cn=0
guess_hostname=0
use_ipv6=0
default_proxy=0
[sound]
echocancellation=0
[rtp]
audio_rtp_port={rtp_port}
[video]
enabled=0
capture=0
display=0
automatically_initiate=0
automatically_accept=0
[auth_info_0]
username={extension}
passwd=demo-{extension}
realm=demo.local
domain={host}
[proxy_0]
reg_proxy=<sip:{host}:{server_port};transport={transport}>
reg_identity=sip:{extension}@{host}:{server_port}
reg_sendregister=1
reg_expires=120
publish=0
"""


class Linphone:
    """One linphonec process at one extension.

    Its TLS knows no addresses in certificates: it checks who issued them and not for whom.
    """

    def __init__(
        self,
        server: Server,
        ports: Ports,
        folder: Path,
        extension: str,
        *,
        seed: int,
        transport: str = "udp",
        ca_file: Path | None = None,
    ) -> None:
        self._transport = transport
        self.extension = extension
        self.played = noise_speech(seed, PLAY_S)
        self._server = server
        self._folder = folder / f"linphone-{extension}"
        (self._folder / ".local/share/linphone").mkdir(parents=True)
        config = CONFIG.format(
            port=ports.take(),
            # -1: any; 0: none.
            tcp_port=-1 if transport == "tcp" else 0,
            tls_port=-1 if transport == "tls" else 0,
            transport=transport,
            ca_file=ca_file or "",
            rtp_port=ports.take(2),
            extension=extension,
            host=server.host,
            server_port=server.port_of(transport),
        )
        (self._folder / "rc").write_text(config, encoding="utf-8")
        write_wav(self._folder / "play.wav", self.played)
        command = [path_of("linphonec"), "-c", str(self._folder / "rc"), "-d", "0"]
        self._program = Program("linphonec", command, self._folder, {"HOME": str(self._folder)}, listens=True)

    def start(self) -> None:
        """Wait until it takes commands and is registered."""
        self._program.wait_for_log("linphonec>", 30)
        self._program.say("soundcard use files")
        where = self._server
        wait_until(lambda: where.is_registered(self.extension), 60, f"linphone registers as {self.extension}")

    def dial(self, number: str) -> None:
        """Call, and play and record once sound goes."""
        server = self._server
        where = f"{server.host}:{server.port_of(self._transport)};transport={self._transport}"
        self._program.say(f"call sip:{number}@{where}")
        self._program.wait_for_log("Media streams established", 60)
        self._program.say(f"play {self._folder / 'play.wav'}")
        self._program.say(f"record {self._recording}")

    @property
    def _recording(self) -> Path:
        return self._folder / "heard.wav"

    def hang_up(self) -> None:
        self._program.say("terminate")
        self.wait_ended()

    def wait_ended(self) -> None:
        self._program.wait_for_log(" ended (", 30)

    def recording(self) -> Samples:
        """What it heard in the call that is over."""
        return read_wav(self._recording)

    def report(self) -> str:
        return self._program.report()

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._program.say("quit")
        self._program.end()
