"""Entry of the records process: `python -m pbx.records --data DIR --fd N`, started by `control`."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import gc
import logging
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Final

from pbx.records.messages import DATABASE_VARIABLE
from pbx.records.server import RecordsServer
from pbx.spool import SpoolError
from pbx.store import StoreAway, StoreError, open_store

DATABASE: Final = "cordboard.db"
SPOOL: Final = "spool"
TRACE: Final = "trace"
_LOCK_WAIT_S: Final = 30.0
SWITCH_S: Final = 0.0005
EXIT_LOCKED: Final = 75  # EX_TEMPFAIL of sysexits.h
EXIT_AWAY: Final = 69  # EX_UNAVAILABLE
EXIT_CONFIG: Final = 78  # EX_CONFIG


def lock(data: Path) -> int | None:
    """Descriptor that holds the records lock of `data`; None when another process keeps it for 30 s."""
    fd = os.open(data / "records.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline_s = time.monotonic() + _LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:  # the process of an earlier `control` is about to end
            if time.monotonic() > deadline_s:
                os.close(fd)
                return None
            time.sleep(0.05)


async def serve(data: Path, channel: socket.socket) -> None:
    """Run the server on an open channel until `control` closes it."""
    engine = open_store(data / DATABASE, os.environ.get(DATABASE_VARIABLE) or None)
    try:
        reader, writer = await asyncio.open_unix_connection(sock=channel)
        await RecordsServer(engine, data / SPOOL, data / TRACE, reader, writer).run()
    finally:
        engine.dispose()


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve; the return value is the exit status."""
    parser = argparse.ArgumentParser(prog="pbx.records")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--fd", type=int, required=True)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="records %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Ctrl-C goes to the whole process group; this process ends when `control` closes the channel, so
    # that the last records are written.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # A read shall not wait long for the interpreter while a batch is written or documents are checked.
    sys.setswitchinterval(SWITCH_S)
    # Rows are made and dropped by the thousand and hold no cycles: collect seldom.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    channel = socket.socket(fileno=options.fd)
    held = lock(options.data)
    if held is None:
        logging.error("%s: another records process holds records.lock; stop it", options.data)
        return EXIT_LOCKED
    try:
        asyncio.run(serve(options.data, channel))
    except StoreAway as error:
        logging.error("%s; tried again", error)
        return EXIT_AWAY
    except (StoreError, SpoolError) as error:
        logging.error("%s", error)
        return EXIT_CONFIG
    return 0


if __name__ == "__main__":
    sys.exit(main())
