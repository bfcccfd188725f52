"""baresip as a phone: plays a file into its calls, records what it hears, obeys over its control port."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.e2e.ports import Ports, is_bound
from tests.e2e.program import Program, path_of
from tests.e2e.server import Server
from tests.e2e.sound import Samples, noise_speech, octets_per_second, read_wav, write_wav
from tests.e2e.wait import TooLate, wait_until

PLAY_S = 60.0

CONFIG = """\
poll_method epoll
sip_listen {host}:{port}
call_local_timeout 120
call_max_calls 4
audio_player aubridge,nil
audio_source aufile,{folder}/play.wav
audio_alert aubridge,nil
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
audio_buffer 40-400
jitter_buffer_delay 2-20
module_path /usr/lib/baresip/modules
module g711.so
module g722.so
module opus.so
module aufile.so
module aubridge.so
module sndfile.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen {host}:{control_port}
snd_path {folder}
{security}
"""

Event = dict[str, Any]


class Baresip:
    """One baresip process, registered at one extension, that answers every call at once.

    `codec` is the only one that it has, in its own words (such as `opus/48000/2`); by default both laws of G.711.
    `played` is the sound that it says, at 8 kHz within +-1.
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
        codec: str | None = None,
        played: Samples | None = None,
    ) -> None:
        self._transport = transport
        self.extension = extension
        self.played = noise_speech(seed, PLAY_S) if played is None else played
        self._server = server
        self._folder = folder / f"baresip-{extension}"
        self._folder.mkdir(parents=True)
        # SIP takes two numbers: the next one is for TLS.
        port = ports.take(4)
        control_port = port + 2
        where = f"{server.host}:{server.port_of(transport)};transport={transport}"
        security = f"sip_cafile {ca_file}\nsip_verify_server yes" if ca_file is not None else ""
        account = f"<sip:{extension}@{where}>;auth_pass=demo-{extension};regint=60;answermode=auto"
        # Left to itself it would put the wide ones first.
        account += f";audio_codecs={codec or 'PCMU,PCMA'}"
        (self._folder / "accounts").write_text(f"{account}\n", encoding="utf-8")
        (self._folder / "contacts").touch()
        config = CONFIG.format(
            host=server.host, port=port, control_port=control_port, folder=self._folder, security=security
        )
        (self._folder / "config").write_text(config, encoding="utf-8")
        write_wav(self._folder / "play.wav", self.played)
        self._program = Program("baresip", [path_of("baresip"), "-f", str(self._folder), "-v"], self._folder)
        self._control_address = (server.host, control_port)
        self._control = socket.socket()
        self._pending = b""
        self._recordings: set[Path] = set()

    def start(self) -> None:
        """Wait until it takes commands and is registered."""
        port, where = self._control_address[1], self._server
        wait_until(lambda: is_bound(port, "tcp"), 30, f"baresip of {self.extension} listens")
        self._control.connect(self._control_address)
        wait_until(lambda: where.is_registered(self.extension), 30, f"baresip registers as {self.extension}")

    # -- control

    def dial(self, number: str) -> None:
        server = self._server
        where = f"{server.host}:{server.port_of(self._transport)};transport={self._transport}"
        self._command("dial", f"sip:{number}@{where}")

    def hold(self) -> None:
        self._command("hold")

    def resume(self) -> None:
        self._command("resume")

    def press(self, key: str) -> None:
        """Press a key in the present call."""
        self._command("sndcode", key)

    def hang_up(self) -> None:
        self._command("hangup")

    def wait_event(self, kind: str, timeout_s: float = 30.0) -> Event:
        """The next event of a kind, such as CALL_ESTABLISHED or CALL_CLOSED. Raises TooLate."""
        self._control.settimeout(timeout_s)
        while True:
            message = self._message(kind)
            if message.get("type") == kind:
                return message

    def _command(self, command: str, params: str = "") -> None:
        data = json.dumps({"command": command, "params": params}).encode()
        self._control.sendall(b"%d:%s," % (len(data), data))

    def _message(self, awaited: str) -> Event:
        """The next message: JSON in a netstring."""
        while True:
            length, colon, rest = self._pending.partition(b":")
            if colon and len(rest) > int(length):
                self._pending = rest[int(length) + 1 :]
                message: Event = json.loads(rest[: int(length)])
                return message
            try:
                data = self._control.recv(4096)
            except TimeoutError:
                raise TooLate(f"baresip of {self.extension} says nothing of {awaited}") from None
            assert data, f"baresip of {self.extension} has gone\n{self.report()}"
            self._pending += data

    # -- sound

    def wait_recorded(self, duration_s: float) -> None:
        """Wait until the recording of the present call is so long."""

        wait_until(
            lambda: self.recorded_s() >= duration_s, duration_s + 30, f"{duration_s:g} s recorded by {self.extension}"
        )

    def recorded_s(self) -> float:
        """Seconds of sound in the recording of the present call."""
        path = self._newest()
        return 0.0 if path is None else path.stat().st_size / octets_per_second(path)

    def _newest(self) -> Path | None:
        return next((path for path in self._folder.glob("dump-*-dec.wav") if path not in self._recordings), None)

    def take_recording(self) -> Samples:
        """What it heard in the call that is over."""
        path = self._newest()
        assert path is not None, f"{self.extension} has recorded nothing"
        self._recordings.add(path)
        return read_wav(path)

    def report(self) -> str:
        return self._program.report()

    def close(self) -> None:
        with suppress(OSError):
            self._command("quit")
        self._control.close()
        self._program.end()

    def kill(self) -> None:
        """Pull the plug; its connections are closed by the kernel."""
        self._control.close()
        self._program.kill()
