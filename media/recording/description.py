"""Description: what the owner of the call wrote into a tap about the leg, as `pbx.recorder` makes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from media.tap import IN, OUT

Side = Literal["left", "right"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """What a payload type carries."""

    name: str
    clock_rate: int
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A leg as its tap knows it. `codings`: by (IN or OUT, payload type), the first of each direction preferred.

    `anchor_ns` and `anchor_wall_ns` are the same moment, on CLOCK_MONOTONIC and in UTC.
    """

    call: str
    tenant: str
    leg: str
    kind: str
    side: Side
    anchor_ns: int
    anchor_wall_ns: int
    codings: Mapping[tuple[int, int], Coding]

    def wall_ns(self, at_ns: int) -> int:
        """UTC of a moment on CLOCK_MONOTONIC."""
        return self.anchor_wall_ns + at_ns - self.anchor_ns


def read_description(meta: bytes) -> Description | None:
    """The description in a note; None for what is none."""
    try:
        found = json.loads(meta)
        side: Any = found["side"]
        if side not in ("left", "right"):
            return None
        return Description(
            call=str(found["call"]),
            tenant=str(found["tenant"]),
            leg=str(found["leg"]),
            kind=str(found["kind"]),
            side=side,
            anchor_ns=int(found["anchor"][0]),
            anchor_wall_ns=int(found["anchor"][1]),
            codings={
                (direction, int(payload_type)): Coding(
                    name=str(name).lower(), clock_rate=int(clock), channels=int(many)
                )
                for direction, rows in ((IN, found["in"]), (OUT, found["out"]))
                for payload_type, name, clock, many in rows
                if int(clock) > 0
            },
        )
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None
