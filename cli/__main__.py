"""The `cordboard` command: finds the subcommand and runs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from cli.apply import apply, diff
from cli.calls import calls
from cli.check import check
from cli.conferences import conferences
from cli.export import export
from cli.hangup import hangup
from cli.history import history, restore
from cli.prompts import prompts
from cli.registrations import registrations
from cli.status import status
from cli.token import token
from cli.trace import trace

ROOT = Path(__file__).resolve().parent.parent

USAGE = """usage: cordboard COMMAND ...

  serve [--config cordboard.toml] [--data DIR] [--apply FILE ...] [--demo]
                     run the server
  check FILE ...     validate configuration documents without a server
  diff FILE ... [--prune]
                     what `apply` would change, field by field
  apply FILE ... [--prune] [--dry-run]
                     make what the files name what they say; --prune deletes what they do not name
  export [--tenant KEY]
                     the configuration as a document
  history            versions of the configuration
  restore VERSION [--dry-run]
                     bring an earlier version back

  status             how the running server does
  calls [--ended]    the calls of this moment, or those that are over
  conferences [mute|unmute|deafen|undeafen|gain|kick --tenant KEY ROOM LEG]
                     who is in which conference; what is done to a member
  trace CALL [--messages]
                     a call's SIP ladder, the server's decisions, the verdict on its media
  registrations      which phones are registered, and from where
  hangup CALL        end a call
  prompts build [--language LANGUAGE ...] [--out DIR]
                     speak the system's prompts anew
  token create|list|revoke ...
                     keys to the HTTP API

CALL is the id of a call, the beginning of one, or `last`. All but `serve`, `check` and `prompts` take --data DIR and
--json. They end with 0 (done), 1 (not found, refused), 2 (wrong usage) or 69 (no server runs).
"""


def serve(arguments: list[str]) -> int:
    """Become the supervisor of a server process; comes back only when that cannot be started."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "pbx.supervisor", *arguments]
    os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": path})


def check_files(arguments: list[str]) -> int:
    """`cordboard check FILE ...`."""
    if not arguments:
        print("cordboard check: name at least one file", file=sys.stderr)
        return 2
    return check([Path(one) for one in arguments])


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "serve": serve,
    "check": check_files,
    "diff": diff,
    "apply": apply,
    "export": export,
    "history": history,
    "restore": restore,
    "status": status,
    "calls": calls,
    "conferences": conferences,
    "trace": trace,
    "registrations": registrations,
    "hangup": hangup,
    "prompts": prompts,
    "token": token,
}


def main(arguments: list[str] | None = None) -> int:
    """Entry point of the command."""
    given = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0 if given else 2
    command = COMMANDS.get(given[0])
    if command is None:
        print(f"cordboard: there is no command {given[0]!r} (allowed: {', '.join(COMMANDS)})", file=sys.stderr)
        return 2
    try:
        status = command(given[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has enough, such as `| head`; nothing is to be said about it when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


if __name__ == "__main__":
    sys.exit(main())
