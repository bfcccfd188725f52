"""Recordings of calls between softphones: each side on its own track, in time with the other; kept through kills."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile  # type: ignore[import-untyped]

from tests.e2e.api_client import ApiClient
from tests.e2e.baresip import Baresip
from tests.e2e.conftest import Servers
from tests.e2e.ports import Ports
from tests.e2e.server import Server
from tests.e2e.sound import RATE_HZ, Samples, likeness
from tests.e2e.test_api import token
from tests.e2e.wait import wait_until

RECORDED = Path(__file__).resolve().parent / "recorded.yaml"
BASE = "tenants/recorded/recordings"
TALK_S = 5.0
HEARD, NOT_HEARD = 0.85, 0.3


@pytest.fixture
def server(servers: Servers) -> Server:
    return servers.start("--apply", str(RECORDED))


@pytest.fixture
def api(server: Server) -> ApiClient:
    return ApiClient(server, token(server))


@pytest.fixture
def pair(server: Server, ports: Ports, tmp_path: Path) -> Iterator[tuple[Baresip, Baresip]]:
    with ExitStack() as started:
        made = []
        for extension, seed in (("1006", 6), ("1007", 7)):
            phone = Baresip(server, ports, tmp_path, extension, seed=seed)
            started.callback(phone.close)
            phone.start()
            made.append(phone)
        yield made[0], made[1]


def the_recording(api: ApiClient) -> dict[str, Any]:
    """The one that is finished."""
    (found,) = wait_until(lambda: api.get(BASE)["items"] or None, 40, "a recording")
    recording: dict[str, Any] = found
    return recording


def tracks(api: ApiClient, recording: dict[str, Any]) -> tuple[Samples, Samples]:
    """Left and right."""
    samples, rate_hz = soundfile.read(io.BytesIO(api.get(f"{BASE}/{recording['id']}/audio")))
    assert rate_hz == RATE_HZ
    return np.ascontiguousarray(samples[:, 0]), np.ascontiguousarray(samples[:, 1])


def call(ann: Baresip, ben: Baresip) -> None:
    ann.dial(ben.extension)
    for phone in (ann, ben):
        phone.wait_event("CALL_ESTABLISHED")


def end(ann: Baresip, ben: Baresip) -> None:
    ann.hang_up()
    for phone in (ann, ben):
        phone.wait_event("CALL_CLOSED")


def test_each_side_is_on_its_own_track(server: Server, api: ApiClient, pair: tuple[Baresip, Baresip]) -> None:
    ann, ben = pair
    call(ann, ben)
    for phone in pair:
        phone.wait_recorded(TALK_S)
    end(ann, ben)
    recording = the_recording(api)
    assert (recording["state"], recording["faults"], recording["rate_hz"]) == ("ready", [], RATE_HZ)
    assert abs(recording["duration_ms"] - 1000 * TALK_S) < 3000
    left, right = (track[RATE_HZ:-RATE_HZ] for track in tracks(api, recording))
    assert likeness(left, ann.played) > HEARD
    assert likeness(right, ben.played) > HEARD
    assert likeness(left, ben.played) < NOT_HEARD
    pending = server.data / "recordings" / "pending"
    wait_until(lambda: not list(pending.iterdir()), 20, "the taps to go")
    path = f"{BASE}/{recording['id']}"
    assert api.get(path) == recording
    assert api.ask("GET", f"{path}/audio", headers={"Range": "bytes=0-3"}).body == b"RIFF"
    assert api.ask("DELETE", path).status == 204
    assert api.ask("GET", path).status == 404
    assert not list((server.data / "recordings").glob("recorded/**/*.wav"))


def test_kills_lose_at_most_a_second(server: Server, api: ApiClient, pair: tuple[Baresip, Baresip]) -> None:
    ann, ben = pair
    call(ann, ben)
    for phone in pair:
        phone.wait_recorded(3.0)
    os.kill(server.pids().media, signal.SIGKILL)
    heard_s = ben.recorded_s()
    ben.wait_recorded(heard_s + 4.0)
    end(ann, ben)
    os.kill(server.pids().records, signal.SIGKILL)
    left, _ = tracks(api, the_recording(api))
    tenths = np.abs(left[: len(left) // 800 * 800]).reshape(-1, 800).max(axis=1)
    loud = np.flatnonzero(tenths > 1e-3)
    # Tenths of a second without sound between the first and the last with it.
    silent = int(loud[-1] - loud[0] + 1 - len(loud))
    assert len(left) > 6 * RATE_HZ
    assert silent <= 20 + 10  # The gap of the sound itself is under two seconds, and a second may be lost.
