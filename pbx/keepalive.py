"""Keep-alive: four bytes now and then to phones behind a NAT, so that its mapping does not close (RFC 5626 §4.4.1)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pbx.location import Binding, Location
from sip.flow import Flow

INTERVAL_S = 25.0
"""Below the 30 s that common home routers keep a UDP mapping."""
PING = b"\r\n\r\n"


class Keepalive:
    """Pings each binding behind a NAT every `INTERVAL_S`; bindings come due in the order in which they were made."""

    def __init__(self, location: Location, send: Callable[[Flow, bytes], None]) -> None:
        self._location = location
        self._send = send
        self._due: deque[tuple[float, Binding]] = deque()
        self.sent = 0
        location.watch(self.follow)

    def follow(self, binding: Binding, now: float) -> None:
        """Ping a binding from now on, as long as it is the current one; connections are kept open by the kernel."""
        if binding.behind_nat and binding.flow.connection is None:
            self._due.append((now + INTERVAL_S, binding))

    def beat(self, now: float) -> None:
        """Send what is due at `now`."""
        due = self._due
        while due and due[0][0] <= now:
            _, binding = due.popleft()
            if self._location.holds(binding):
                self._send(binding.flow, PING)
                self.sent += 1
                due.append((now + INTERVAL_S, binding))
