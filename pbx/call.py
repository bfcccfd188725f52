"""Call: all legs that exist for one reason, with the facts that its records keep."""

from __future__ import annotations

from dataclasses import dataclass, field

from pbx.leg import Leg, LegState


@dataclass(slots=True, kw_only=True)
class Call:
    """A call from its first accepted INVITE on; owned by one session."""

    id: str
    tenant: str
    direction: str
    """`internal`, `inbound` or `outbound`."""
    caller: str
    caller_name: str | None
    called: str
    max_forwards: int
    legs: list[Leg] = field(default_factory=list)
    answered: bool = False
    depth: int = 0
    """How many calls of ours lead to this one: a far end sent them back to us."""
    hops: int = 0
    """Destinations that the call was led to."""

    @property
    def active_legs(self) -> list[Leg]:
        return [leg for leg in self.legs if leg.state is not LegState.DOWN]
