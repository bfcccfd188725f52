"""Finaliser: makes the audio file of one recording from its taps: `python -m pbx.records.finaliser FORMAT OUT TAP …`.

A process of its own, which gives way to calls and may be killed at any time: it runs again. What it made is said as
one line of JSON; exit status 3: there was nothing to be made, and why.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

from media.recording.master import NothingRecorded, make_master

NICE: Final = 10
NOTHING: Final = 3


def main(arguments: list[str]) -> int:
    """Make one file; the return value is the exit status."""
    format_name, out, *taps = arguments
    os.nice(NICE)
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    try:
        master = make_master([Path(tap) for tap in taps], path, format_name)
    except NothingRecorded as error:
        print(json.dumps({"why": str(error)}))
        return NOTHING
    print(json.dumps(asdict(master)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
