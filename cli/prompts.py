"""`cordboard prompts build`: speak the system's prompts into sound files; the server need not run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

USAGE = """usage: cordboard prompts build [--language LANGUAGE ...] [--out DIR] [--data DIR] [--config cordboard.toml]
                               [--engine NAME] [--voice LANGUAGE=VOICE ...]

Speaks the texts of sounds/<language>/manifest.yaml into <data>/prompts/<language>/<name>.wav, or into DIR.
"""


def prompts(arguments: list[str]) -> int:
    """`cordboard prompts ...`; what it does, it does in a process of its own, which loads what works on sound."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0 if arguments else 2
    if arguments[0] != "build":
        print(f"cordboard prompts: there is no command {arguments[0]!r} (allowed: build)", file=sys.stderr)
        return 2
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "pbx.speech.build", *arguments[1:]]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False).returncode
