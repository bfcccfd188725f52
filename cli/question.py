"""Question: a command that asks the running server something: options, exit status, JSON or text."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from cli.channel import TIMEOUT_S, Channel, Json, NotRunning, Refused

DONE = 0
FAILED = 1
NOT_RUNNING = 69
"""sysexits.h EX_UNAVAILABLE."""

Ask = Callable[[Channel, argparse.Namespace], Json]
Tell = Callable[[Json], str]
DATA_VARIABLE = "CORDBOARD_DATA_DIRECTORY"


def parser(name: str, about: str, *, json: bool = True) -> argparse.ArgumentParser:
    """The options that all such commands have; `json` where the answer may be shown as it is."""
    made = argparse.ArgumentParser(prog=f"cordboard {name}", description=about)
    made.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get(DATA_VARIABLE) or "var"),
        help=f"data directory of the server (${DATA_VARIABLE}, else ./var)",
    )
    if json:
        made.add_argument("--json", action="store_true", help="the server's answer as it is")
    return made


def run(options: argparse.Namespace, ask: Ask, tell: Tell, timeout_s: float = TIMEOUT_S) -> int:
    """Ask, print the answer, give the exit status: 0, 1 not found or refused, 69 no server."""
    try:
        answer = ask(Channel(options.data, timeout_s), options)
    except NotRunning as error:
        print(f"cordboard: {error}", file=sys.stderr)
        return NOT_RUNNING
    except Refused as error:
        print(f"cordboard: {error}", file=sys.stderr)
        return FAILED
    print(json.dumps(answer, indent=2) if options.json else tell(answer))
    return DONE
