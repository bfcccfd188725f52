"""Keys as tones between phones of others: what we say is understood by multimon-ng, what is said in sound by us."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import soxr  # type: ignore[import-untyped]

from media.detect.dtmf_tone import DtmfTones
from tests.e2e.baresip import Baresip
from tests.e2e.conftest import Servers
from tests.e2e.ports import Ports
from tests.e2e.program import path_of
from tests.e2e.server import CallBook
from tests.e2e.sound import RATE_HZ, Samples

TONES = Path(__file__).resolve().parent / "tones.yaml"
EAR_HZ = 22_050


def understood(heard: Samples) -> str:
    """The keys that multimon-ng hears."""
    raw = np.round(soxr.resample(heard, RATE_HZ, EAR_HZ) * 32767).astype("<i2").tobytes()
    command = [path_of("multimon-ng"), "-q", "-t", "raw", "-a", "DTMF", "-"]
    said = subprocess.run(command, input=raw, capture_output=True, check=True, timeout=60).stdout.decode()
    return "".join(line.split()[1] for line in said.splitlines() if line.startswith("DTMF:"))


def rendered(keys: str) -> Samples:
    """A minute that begins with a second of silence and then has the keys as tones."""
    tones = DtmfTones(keys, duration_ms=120, gap_ms=120, rate_hz=RATE_HZ)
    frames = []
    while not tones.over:
        frames.append(tones.frame(RATE_HZ // 50))
    said = np.concatenate(frames).astype(np.float64) / 32768
    return np.concatenate([np.zeros(RATE_HZ), said, np.zeros(59 * RATE_HZ - len(said))])


def test_events_are_heard_as_tones_by_who_has_no_other_way(servers: Servers, ports: Ports, tmp_path: Path) -> None:
    server = servers.start("--apply", str(TONES))
    book = CallBook(server)
    with ExitStack() as started:
        quiet = np.zeros(60 * RATE_HZ)
        phones = [Baresip(server, ports, tmp_path, number, seed=1, played=quiet) for number in ("1001", "1002")]
        for phone in phones:
            started.callback(phone.close)
            phone.start()
        ann, ben = phones
        ann.dial("1002")
        for phone in phones:
            phone.wait_event("CALL_ESTABLISHED")
            phone.wait_recorded(1.0)
        pressed = "159#"
        for count, key in enumerate(pressed, 1):
            ann.press(key)
            ben.wait_recorded(1.0 + count)
        ben.wait_recorded(6.0)
        ann.hang_up()
        for phone in phones:
            phone.wait_event("CALL_CLOSED")
        assert understood(ben.take_recording()) == pressed
        assert book.one()["result"] == "answered"


def test_tones_of_one_phone_are_tones_at_the_other_though_the_codecs_differ(
    servers: Servers, ports: Ports, tmp_path: Path
) -> None:
    server = servers.start("--apply", str(TONES))
    with ExitStack() as started:
        keys = "0482*"
        ann = Baresip(server, ports, tmp_path, "1003", seed=1, played=rendered(keys), codec="PCMU")
        ben = Baresip(server, ports, tmp_path, "1002", seed=1, played=np.zeros(60 * RATE_HZ), codec="PCMA")
        for phone in (ann, ben):
            started.callback(phone.close)
            phone.start()
        ann.dial("1002")
        for phone in (ann, ben):
            phone.wait_event("CALL_ESTABLISHED")
        ben.wait_recorded(5.0)
        ann.hang_up()
        for phone in (ann, ben):
            phone.wait_event("CALL_CLOSED")
        assert set(understood(ben.take_recording())) >= set(keys)
