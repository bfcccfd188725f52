"""Finaliser: makes the audio files of recordings from their taps: `python -m pbx.records.finaliser`.

A process of its own, which gives way to calls and may be killed at any time: what it was at is begun anew. Each line
of its input is a wish as JSON, `[format, out, [tap, ...]]`; each line of its output the `Master` that was made,
`{"why": ...}` where there is nothing to be made, or `{"error": ...}` where it could not be made now (a full disk).
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from media.recording.master import NothingRecorded, make_master

NICE: Final = 10


def finalise(wish: list[Any]) -> dict[str, Any]:
    """Make one file; what was made, or why not."""
    format_name, out, taps = wish
    path = Path(out)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        return asdict(make_master([Path(tap) for tap in taps], path, format_name))
    except NothingRecorded as error:
        return {"why": str(error)}
    except OSError as error:
        return {"error": str(error)}


def main() -> int:
    """Serve until the input ends."""
    os.nice(NICE)
    for line in sys.stdin:
        print(json.dumps(finalise(json.loads(line))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
