"""The control socket: who may connect, what is replaced, what is left alone; refusals as documents."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from http import HTTPStatus
from pathlib import Path

import pytest
from aiohttp import web

from admin_api.doors import CONTROL_SOCKET, control_socket, tcp_socket
from admin_api.peer import local_people
from admin_api.problem import Problem, problems
from cli.channel import Channel, Refused


def test_a_socket_for_its_owner_alone(tmp_path: Path) -> None:
    with control_socket(tmp_path):
        assert stat.S_IMODE((tmp_path / CONTROL_SOCKET).stat().st_mode) == 0o600
        # One that was left behind is replaced.
        with control_socket(tmp_path) as second:
            second.listen()
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(tmp_path / CONTROL_SOCKET))


def test_anything_else_of_that_name_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / CONTROL_SOCKET).write_text("precious")
    with pytest.raises(FileExistsError, match=r"control.sock is in the way"):
        control_socket(tmp_path)
    assert (tmp_path / CONTROL_SOCKET).read_text() == "precious"


def test_a_port_that_is_taken() -> None:
    with tcp_socket(("127.0.0.1", 0)) as first:
        first.listen()
        with pytest.raises(OSError, match="in use"):
            tcp_socket(first.getsockname()[:2])


async def _refuse(request: web.Request) -> web.Response:
    raise Problem(HTTPStatus.CONFLICT, "not now")


async def _break(request: web.Request) -> web.Response:
    raise RuntimeError("a fault")


async def _serve(request: web.Request) -> web.Response:
    return web.json_response({"path": request.match_info["name"], "query": dict(request.query)})


def _served(folder: Path, work: list[object], *middlewares: object) -> None:
    """Serve on the control socket of a folder, and do what a client would in a thread."""

    async def scenario() -> None:
        app = web.Application(middlewares=middlewares)  # type: ignore[arg-type]
        app.router.add_get("/api/v1/refuse", _refuse)
        app.router.add_get("/api/v1/break", _break)
        app.router.add_get("/api/v1/serve/{name}", _serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.SockSite(runner, control_socket(folder)).start()
        try:
            for one in work:
                await asyncio.to_thread(one)  # type: ignore[arg-type]
        finally:
            await runner.cleanup()

    asyncio.run(scenario())


def test_a_client_and_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Longer than the path of a socket may be.
    folder = tmp_path / ("a" * 100) / ("b" * 100)
    folder.mkdir(parents=True)
    channel = Channel(folder)

    def answers() -> None:
        assert channel.get("serve", "a/b ?", x="1 2", y=None) == {"path": "a/b ?", "query": {"x": "1 2"}}

    def refusals() -> None:
        with pytest.raises(Refused, match=r"^not now$"):
            channel.get("refuse")
        with pytest.raises(Refused, match=r"^a fault of the server; its log says more$"):
            channel.get("break")
        with pytest.raises(Refused, match=r"^GET /api/v1/nothing: Not Found$"):
            channel.get("nothing")
        with pytest.raises(Refused, match=r"^POST /api/v1/refuse: Method Not Allowed$"):
            channel.post("refuse")

    _served(folder, [answers, refusals], problems, local_people)
    assert "a fault" in capsys.readouterr().out


def test_other_users_are_kept_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = Channel(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 54321)

    def stranger() -> None:
        if os.getuid() == 0:
            return  # root may
        with pytest.raises(Refused, match="is neither root nor the user"):
            channel.get("serve", "x")

    _served(tmp_path, [stranger], problems, local_people)


def test_a_problem_document() -> None:
    response = Problem(HTTPStatus.NOT_FOUND, "no such thing").response()
    assert (response.status, response.content_type) == (404, "application/problem+json")
    assert json.loads(response.text or "") == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "no such thing",
    }
