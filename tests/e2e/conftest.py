"""Fixtures of the end-to-end tests: ports, folders, servers and phones, all gone when their test is over."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.ports import Ports
from tests.e2e.script_phone import ScriptPhone
from tests.e2e.server import CallBook, Server
from tests.e2e.sipp_phone import SippPhone

HERE = Path(__file__).resolve().parent
QUICK = HERE / "quick.yaml"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows what its programs said."""
    report = yield
    if report.failed:
        fixtures: dict[str, object] = getattr(item, "funcargs", {})
        for value in fixtures.values():
            if isinstance(value, (Server, Servers, Phones)):
                report.sections.append((type(value).__name__, value.report()))
    return report


class Servers:
    """Starts servers of the test's own."""

    def __init__(self, ports: Ports, folder: Path) -> None:
        self._ports = ports
        self._folder = folder
        self.made: list[Server] = []

    def start(self, *arguments: str, host: str = "127.0.0.1", listen: str = "127.0.0.1") -> Server:
        """`cordboard serve` with these arguments, ready for calls."""
        server = Server(self._folder / f"server-{len(self.made)}", self._ports, *arguments, host=host, listen=listen)
        self.made.append(server)
        return server.start()

    def report(self) -> str:
        return "\n".join(server.report() for server in self.made)

    def end(self) -> None:
        for server in self.made:
            server.end()
        for server in self.made:
            server.check_log()


class Phones:
    """Makes phones at a server; at the end they leave no binding behind."""

    def __init__(self, ports: Ports, folder: Path) -> None:
        self._ports = ports
        self._folder = folder
        self.sipp_phones: list[SippPhone] = []
        self.script_phones: list[ScriptPhone] = []
        self._registered: list[SippPhone] = []

    def sipp(
        self,
        server: Server,
        extension: str,
        *,
        registered: bool = False,
        password: str | None = None,
        transport: str = "u1",
    ) -> SippPhone:
        """A SIPp phone; `registered` where it is to be called."""
        phone = SippPhone(server, self._ports, self._folder, extension, password=password, transport=transport)
        self.sipp_phones.append(phone)
        if registered:
            phone.register()
            self._registered.append(phone)
        return phone

    def scripted(
        self, server: Server, extension: str, *, registered: bool = False, password: str | None = None
    ) -> ScriptPhone:
        """A phone whose user is the test; its bindings stay with the server unless it takes them back."""
        phone = ScriptPhone(server, self._ports.take(), extension, password)
        self.script_phones.append(phone)
        if registered:
            answer = phone.register()
            assert answer.status == 200, answer
        return phone

    def report(self) -> str:
        reports = [one.report() for one in self.sipp_phones] + [one.report() for one in self.script_phones]
        return "\n\n".join(reports)

    def end(self) -> None:
        for one in self.script_phones:
            one.close()
        for phone in self.sipp_phones:
            phone.end()
        for phone in self._registered:
            phone.register(0)
            phone.end()


@pytest.fixture(scope="session")
def ports() -> Iterator[Ports]:
    with closing(Ports()) as made:
        yield made


@pytest.fixture
def phones(ports: Ports, tmp_path: Path) -> Iterator[Phones]:
    made = Phones(ports, tmp_path)
    yield made
    made.end()


@pytest.fixture
def servers(ports: Ports, tmp_path: Path) -> Iterator[Servers]:
    made = Servers(ports, tmp_path)
    yield made
    made.end()


@pytest.fixture(scope="session")
def demo(ports: Ports, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server with its demo configuration, shared by tests that leave it as they found it."""
    server = Server(tmp_path_factory.mktemp("demo"), ports, "--demo")
    try:
        yield server.start()
    finally:
        server.end()
    server.check_log()


@pytest.fixture
def book(demo: Server) -> CallBook:
    """The call records that the test brings about on the demo server."""
    return CallBook(demo)
