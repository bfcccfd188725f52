"""PostgreSQL: a server of the tests' own, on a Unix socket in a folder of its own; nobody else can reach it."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

_NAMES = itertools.count(1)


class PostgresqlMissing(RuntimeError):
    """Debian's package `postgresql` is not installed."""


class Postgresql:
    """One server; it may be stopped and started again. `database` makes a new, empty database and gives its URL."""

    def __init__(self) -> None:
        self._bin = _programs()
        self._folder = Path(tempfile.mkdtemp(prefix="cordboard-pg-"))
        # It refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres")
        self._run("initdb", "-A", "trust", "-U", "cordboard", "--no-sync", "-D", str(self._data))
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"listen_addresses = ''\nunix_socket_directories = '{self._folder}'\nfsync = off\n")
        self.start()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def url(self, name: str) -> str:
        """Where a database is reached."""
        return f"postgresql://cordboard@/{name}?host={self._folder}"

    def database(self) -> str:
        """The URL of a new database."""
        name = f"test{next(_NAMES)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._run("pg_ctl", "start", "-w", "-t", "60", "-D", str(self._data), "-l", str(self._folder / "log"))

    def stop(self) -> None:
        """Stop it; every connection breaks."""
        self._run("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(self._data))

    def close(self) -> None:
        """Stop it for good and take its files away."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self._data))
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", self._user, "--", *command]
        done = subprocess.run(
            command,
            check=False,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def _programs() -> Path:
    """The folder of the newest server installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise PostgresqlMissing("install Debian's package postgresql: scripts/system-packages test")
    return found[-1].parent
