"""Who may import whom, and which files may touch the clock, the network and the dice."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

ROOMS = ("sip", "media", "pbx", "dialplan", "ivr", "admin_api", "cli")

# room -> rooms that it may import besides itself. Imports point downwards.
MAY_IMPORT: dict[str, frozenset[str]] = {
    "sip": frozenset(),
    "media": frozenset(),
    "pbx": frozenset({"sip", "media"}),
    "dialplan": frozenset({"pbx"}),
    "ivr": frozenset({"pbx"}),
    "admin_api": frozenset({"pbx", "sip", "media", "dialplan", "ivr"}),
    "cli": frozenset({"pbx"}),
}

COMPOSITION_ROOT = "pbx/main.py"
"""The one file that may import everything."""

# Of `pbx` the command line may know the schema only, and where settings lie.
CLI_MAY_IMPORT = ("pbx.schema", "pbx.config_error")

# Modules that touch the world -> the files of the pure rooms that may import them.
WORLD = frozenset({"asyncio", "socket", "time", "random", "secrets", "select", "selectors", "threading", "subprocess"})

MAY_TOUCH_THE_WORLD: dict[str, frozenset[str]] = {
    "sip": frozenset(
        {
            "sip/connection.py",
            "sip/connection_table.py",
            "sip/connector.py",
            "sip/stream_listener.py",
            "sip/transport.py",
            "sip/udp.py",
        }
    ),
    "media": frozenset(
        {
            "media/allocator.py",
            "media/client.py",
            "media/datapath.py",
            "media/datapath_twin.py",
            "media/launcher.py",
            "media/look.py",
            "media/twin_port.py",
            "media/worker.py",
            "media/worker_link.py",
            "media/worker_protocol.py",
        }
    ),
    "pbx": frozenset(
        {
            "pbx/clock.py",
            "pbx/control.py",
            "pbx/inbox.py",
            "pbx/listening.py",
            "pbx/loop_lag.py",
            "pbx/main.py",
            "pbx/node.py",
            "pbx/session.py",
            "pbx/speech/build.py",
            "pbx/speech/program.py",
            "pbx/speech/pyttsx.py",
            "pbx/speech/rendering.py",
            "pbx/supervisor.py",
            "pbx/trace/tracer.py",
            "pbx/ulid.py",
        }
    ),
    "dialplan": frozenset(),
    "ivr": frozenset(),
}

WHOLE_FOLDERS = ("pbx/records/", "pbx/spool/", "pbx/store/")
"""Rooms within `pbx` whose business the world is."""


def sources(room: str) -> Iterator[Path]:
    yield from sorted((ROOT / room).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports when it runs, with the line; imports for type checkers count as well."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative imports hide the room"
            yield node.module or "", node.lineno


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_downwards(room: str) -> None:
    wrong = []
    for path in sources(room):
        name = path.relative_to(ROOT).as_posix()
        if name == COMPOSITION_ROOT:
            continue
        for module, line in imports(path):
            other = module.partition(".")[0]
            if other in ROOMS and other != room and other not in MAY_IMPORT[room]:
                wrong.append(f"{name}:{line} imports {module}")
            if other == "tests" or module == "pbx.main":
                wrong.append(f"{name}:{line} imports {module}")
    assert not wrong


def test_the_command_line_knows_the_schema_only() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in sources("cli")
        for module, line in imports(path)
        if module.startswith("pbx") and not module.startswith(CLI_MAY_IMPORT)
    ]
    assert not wrong


@pytest.mark.parametrize("room", sorted(MAY_TOUCH_THE_WORLD))
def test_only_named_files_touch_the_world(room: str) -> None:
    wrong = []
    for path in sources(room):
        name = path.relative_to(ROOT).as_posix()
        if name in MAY_TOUCH_THE_WORLD[room] or name.startswith(WHOLE_FOLDERS):
            continue
        for module, line in imports(path):
            if module.partition(".")[0] in WORLD:
                wrong.append(f"{name}:{line} imports {module}")
    assert not wrong


def test_the_tables_name_only_files_that_exist() -> None:
    named = {COMPOSITION_ROOT, *(name for names in MAY_TOUCH_THE_WORLD.values() for name in names)}
    assert not [name for name in sorted(named) if not (ROOT / name).is_file()]


def test_every_module_says_what_it_is() -> None:
    wordless = [
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in sources(room)
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not wordless
