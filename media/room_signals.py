"""Room signals: tones that a whole room hears, as samples for the mixer (`media.mix_state.RoomSound`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from media.ready_file import ReadyFile
from media.tones import SIGNALS, render

RATES_HZ: Final = (8000, 16000)
NAMES: Final = ("join", "leave")


def room_signals(folder: Path) -> dict[str, ReadyFile]:
    """Write what is not there or has changed; ready files by `room<rate>/tones/<name>`. Raises OSError."""
    found = {}
    for rate_hz in RATES_HZ:
        for name in NAMES:
            samples = render(SIGNALS[name], rate_hz)
            data = samples.astype("<i2").tobytes()
            key = f"room{rate_hz}/tones/{name}"
            path = folder / f"{key}.raw"
            if not path.is_file() or path.read_bytes() != data:
                path.parent.mkdir(parents=True, exist_ok=True)
                draft = path.with_suffix(f".{os.getpid()}")
                draft.write_bytes(data)
                draft.replace(path)
            frame = rate_hz // 50
            found[key] = ReadyFile(
                path=str(path),
                duration_ms=1000 * len(samples) // rate_hz,
                frame_bytes=2 * frame,
                samples_per_frame=frame,
                ptime_ms=20,
            )
    return found
