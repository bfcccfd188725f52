"""Events of the server process itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pbx.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStarted(Event):
    """`control` began; `boot` is new each time, so calls of an earlier boot are known to be gone."""

    code: ClassVar[int] = 1
    type: ClassVar[str] = "node.started"

    node: str
    boot: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStopping(Event):
    """`control` ends on purpose; calls still open follow with their own ends."""

    code: ClassVar[int] = 2
    type: ClassVar[str] = "node.stopping"

    node: str
    boot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundMissing(Event):
    """A sound that was to be played is in no language; silence was heard, and the call went on."""

    code: ClassVar[int] = 3
    type: ClassVar[str] = "sound.missing"

    node: str
    name: str
    language: str
