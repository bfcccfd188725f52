"""Transport user: whom the transports tell what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sip.flow import Address, Flow
    from sip.framing import FramingError


class TransportUser(Protocol):
    """Whom the transports tell what happened (`pbx.node.Node`)."""

    def receive(self, data: bytes, flow: Flow) -> None: ...
    def pump(self) -> None:
        """All that had come was delivered; what is to be sent may be sent now."""
        ...

    def unreachable(self, remote: Address) -> None:
        """The network says that a UDP peer cannot be reached."""
        ...

    def flow_opened(self, flow: Flow) -> None: ...
    def flow_closed(self, flow: Flow) -> None: ...
    def unframed(self, error: FramingError, flow: Flow) -> None:
        """A connection brings what has no end; it is closed after what `pump` sends."""
        ...

    def transport_trouble(self, text: str) -> None:
        """Something that the operator should read."""
        ...
