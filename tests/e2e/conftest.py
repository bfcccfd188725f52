"""Fixtures of the end-to-end tests: ports, folders, servers and phones, all gone when their test is over."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.ports import Ports
from tests.e2e.server import CallBook, Server
from tests.e2e.sipp_phone import SippPhone

HERE = Path(__file__).resolve().parent
QUICK = HERE / "quick.yaml"

MakeServer = Callable[..., Server]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """A failed test shows what its programs said."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, Server):
                report.sections.append(("server", value.report()))
            elif isinstance(value, Phones):
                report.sections.extend((f"phone {one.extension}", one.report()) for one in value.sipp_phones)


class Phones:
    """Makes phones at a server; at the end they leave no binding behind."""

    def __init__(self, ports: Ports, folder: Path) -> None:
        self._ports = ports
        self._folder = folder
        self.sipp_phones: list[SippPhone] = []
        self._registered: list[SippPhone] = []

    def sipp(self, server: Server, extension: str, *, registered: bool = False, password: str | None = None) -> SippPhone:
        """A SIPp phone; `registered` where it is to be called."""
        phone = SippPhone(server, self._ports, self._folder, extension, password=password)
        self.sipp_phones.append(phone)
        if registered:
            phone.register()
            self._registered.append(phone)
        return phone

    def end(self) -> None:
        for phone in self.sipp_phones:
            phone.end()
        for phone in self._registered:
            phone.register(0)
            phone.end()


@pytest.fixture(scope="session")
def ports() -> Ports:
    return Ports()


@pytest.fixture
def phones(ports: Ports, tmp_path: Path) -> Iterator[Phones]:
    made = Phones(ports, tmp_path)
    yield made
    made.end()


@pytest.fixture
def make_server(ports: Ports, tmp_path: Path) -> Iterator[MakeServer]:
    """Starts servers of the test's own: `make_server("--demo")`."""
    with ExitStack() as made:

        def make(*arguments: str, **options: str) -> Server:
            server = Server(tmp_path / f"server-{len(made._exit_callbacks)}", ports, *arguments, **options)
            made.callback(server.end)
            return server.start()

        yield make


@pytest.fixture(scope="session")
def demo(ports: Ports, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server with its demo configuration, shared by tests that leave it as they found it."""
    server = Server(tmp_path_factory.mktemp("demo"), ports, "--demo")
    try:
        yield server.start()
    finally:
        server.end()


@pytest.fixture
def book(demo: Server) -> CallBook:
    """The call records that the test brings about on the demo server."""
    return CallBook(demo)
