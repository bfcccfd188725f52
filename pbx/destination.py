"""Where a call can go: one small class per type of destination that exists by now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionDestination:
    """An extension of the same tenant."""

    type: ClassVar[str] = "extension"
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalDestination:
    """A number outside, by a trunk; `number` None sends on the number that was dialled."""

    type: ClassVar[str] = "external"
    number: str | None
    trunk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureDestination:
    """A built-in function, by name."""

    type: ClassVar[str] = "feature"
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptDestination:
    """A prompt, then the end; `plays` is the total number of plays, None = until the caller hangs up."""

    type: ClassVar[str] = "prompt"
    name: str
    plays: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToneDestination:
    """A tone (busy, congestion, ringback) for up to 20 s, then the end."""

    type: ClassVar[str] = "tone"
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HangupDestination:
    """The end at once, with a Q.850 cause."""

    type: ClassVar[str] = "hangup"
    cause: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceDestination:
    """A conference room of the tenant, by name; the rules are those of `pbx.conference.RoomRules`."""

    type: ClassVar[str] = "conference"
    room: str
    max_members: int
    quiet: bool
    moh_when_alone: bool


Destination = (
    ExtensionDestination
    | ExternalDestination
    | FeatureDestination
    | PromptDestination
    | ToneDestination
    | HangupDestination
    | ConferenceDestination
)

DESTINATIONS: Final[dict[str, type[Destination]]] = {
    ExtensionDestination.type: ExtensionDestination,
    ExternalDestination.type: ExternalDestination,
    FeatureDestination.type: FeatureDestination,
    PromptDestination.type: PromptDestination,
    ToneDestination.type: ToneDestination,
    HangupDestination.type: HangupDestination,
    ConferenceDestination.type: ConferenceDestination,
}


def destination_to_wire(destination: Destination) -> list[Any]:
    """A destination as plain data: its type, then its fields in order."""
    return [destination.type, *(getattr(destination, one.name) for one in fields(destination))]


def destination_from_wire(row: Sequence[Any]) -> Destination:
    """The destination that `destination_to_wire` wrote. Raises KeyError or ValueError for anything else."""
    cls = DESTINATIONS[row[0]]
    return cls(**dict(zip((one.name for one in fields(cls)), row[1:], strict=True)))
