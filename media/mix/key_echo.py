"""Key echo: a key that came as a telephone event and in the sound as well is one key (RFC 4733 §1.1)."""

from __future__ import annotations

from collections import deque
from typing import Final

from media.digits import digit_of

BEHIND_TICKS: Final = 50
"""The sound of a key may come a second behind the last packet of its event: jitter buffers, slow gateways."""
AHEAD_TICKS: Final = 5
"""Or up to 100 ms before the first: a gateway turns a key into an event only when it has recognised it."""
_LAST_EVENT: Final = 15

Key = tuple[int, str, int]
"""Port, digit, duration in ms."""


class KeyEcho:
    """Holds keys heard in the sound back until it is sure that no event says the same."""

    def __init__(self) -> None:
        self._now = 0
        self._events: dict[tuple[int, str], int] = {}
        """(Port, digit) -> the tick of its last event packet; sixteen of a port at most."""
        self._held: deque[tuple[int, Key]] = deque()

    @property
    def waiting(self) -> bool:
        """Whether any key is held back."""
        return bool(self._held)

    def keep(self, port_ids: set[int]) -> None:
        """Forget all but these ports."""
        self._events = {key: tick for key, tick in self._events.items() if key[0] in port_ids}
        self._held = deque(one for one in self._held if one[1][0] in port_ids)

    def event(self, port_id: int, payload: bytes) -> None:
        """A packet of a telephone event arrived."""
        if payload and payload[0] <= _LAST_EVENT:
            self._events[port_id, digit_of(payload[0])] = self._now

    def tick(self, heard: list[tuple[int, str, int, bool]]) -> list[Key]:
        """Take what was heard in the sound (and whether that port may send events); give what is no echo."""
        self._now += 1
        certain: list[Key] = []
        for port_id, digit, duration_ms, may_send_events in heard:
            key = (port_id, digit, duration_ms)
            if may_send_events:
                self._held.append((self._now + AHEAD_TICKS, key))
            else:
                certain.append(key)
        while self._held and self._held[0][0] <= self._now:
            due, key = self._held.popleft()
            event = self._events.get(key[:2])
            if event is None or event < due - AHEAD_TICKS - BEHIND_TICKS:
                certain.append(key)
        return certain
