"""Destinations in documents: `{type: extension, number: "1001"}` and the like."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pbx.destination import (
    ConferenceDestination,
    Destination,
    ExtensionDestination,
    ExternalDestination,
    FeatureDestination,
    HangupDestination,
    PromptDestination,
    ToneDestination,
)
from pbx.schema.values import ExtensionNumber, ExternalNumber, Model, PromptName, TrunkName, refused


class ExtensionDest(Model):
    """An extension of the same tenant."""

    type: Literal["extension"]
    number: ExtensionNumber

    def compile(self) -> Destination:
        """The destination that calls run on."""
        return ExtensionDestination(number=self.number)


class ExternalDest(Model):
    """A number outside by a trunk; without `number` the dialled one is sent on."""

    type: Literal["external"]
    number: ExternalNumber | None = None
    trunk: TrunkName

    def compile(self) -> Destination:
        """The destination that calls run on."""
        return ExternalDestination(number=self.number, trunk=self.trunk)


class FeatureDest(Model):
    """A built-in function."""

    type: Literal["feature"]
    target: Literal["echo", "own_number"]

    def compile(self) -> Destination:
        """The destination that calls run on."""
        return FeatureDestination(target=self.target)


class PromptDest(Model):
    """A prompt, `plays` times in all or (`loop`) until the caller hangs up."""

    type: Literal["prompt"]
    name: PromptName
    plays: Annotated[int, Field(ge=1, le=1000)] = 1
    loop: bool = False

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.loop and "plays" in self.model_fields_set:
            raise refused("plays and loop exclude each other", "one of them")
        return self

    def compile(self) -> Destination:
        """The destination that calls run on."""
        return PromptDestination(name=self.name, plays=None if self.loop else self.plays)


class ToneDest(Model):
    """A tone of the tenant's country, then the end."""

    type: Literal["tone"]
    name: Literal["busy", "congestion", "ringback"]

    def compile(self) -> Destination:
        """The destination that calls run on."""
        return ToneDestination(name=self.name)


class HangupDest(Model):
    """The end at once with a Q.850 cause."""

    type: Literal["hangup"]
    cause: Annotated[int, Field(ge=1, le=127)] = 16

    def compile(self) -> Destination:
        """The destination that calls run on."""
        return HangupDestination(cause=self.cause)


class ConferenceDest(Model):
    """A conference room of the tenant; all numbers that name the same room lead to the same people."""

    type: Literal["conference"]
    room: PromptName
    max_members: Annotated[int, Field(ge=1, le=500)] = 20
    quiet: bool = False
    moh_when_alone: bool = True

    def compile(self) -> Destination:
        """The destination that calls run on."""
        return ConferenceDestination(
            room=self.room, max_members=self.max_members, quiet=self.quiet, moh_when_alone=self.moh_when_alone
        )


Dest = Annotated[
    ExtensionDest | ExternalDest | FeatureDest | PromptDest | ToneDest | HangupDest | ConferenceDest,
    Field(discriminator="type"),
]
