"""Frame rows: what the data path and the mix path hand each other, as plain tuples: there are thousands a second."""

from typing import TypeAlias

Arrival: TypeAlias = tuple[int, int, int, int, int, int, bool, bytes]
"""(port id, arrival in CLOCK_MONOTONIC ns, SSRC, sequence, timestamp, payload type, marker, payload)."""

Spoken: TypeAlias = tuple[int, bytes, int, int]
"""(port id, payload, timestamp units, payload type); an empty payload only lets the time pass."""
