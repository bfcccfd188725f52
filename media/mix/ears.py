"""Ears: the detectors that members ask for, over what they say; what is heard becomes their ports' events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.codecs import Samples
from media.detect.beep import BeepListener
from media.detect.dtmf import DtmfReceiver
from media.detect.fax import FaxListener
from media.detect.tone_found import ToneListener
from media.event import DigitReceived, PortEvent, ToneHeard
from media.mix.bank import ResamplerBank
from media.mix.group import Group
from media.mix.key_echo import KeyEcho
from media.mix.member import Member

RATE_HZ: Final = 8000
"""Of all detectors: what they look for lies in the telephone band."""


def _voice_listener() -> ToneListener:
    # An extension module that most workers never need.
    from media.detect.voice import VoiceListener

    return VoiceListener()


_LISTENERS: Final[dict[str, Callable[[], ToneListener]]] = {
    "fax": FaxListener,
    "voice": _voice_listener,
    "beep": BeepListener,
}
"""By the names of `media.mix_state.DETECTORS`; that of keys is one of its own."""


@dataclass(slots=True, kw_only=True)
class _Source:
    """The rows of one group that are listened to."""

    group: Group
    rows: NDArray[np.intp]
    bank: ResamplerBank | None


class Ears:
    """Nothing is done, and nothing kept, while no member asks for a detector."""

    def __init__(self) -> None:
        self._members: list[Member] = []
        """Who is listened to, by the row of `_said`."""
        self._sources: list[_Source] = []
        self._banks: dict[int, ResamplerBank] = {}
        self._rows: dict[str, NDArray[np.intp]] = {}
        self._dtmf = DtmfReceiver()
        self._listeners: dict[str, ToneListener] = {}
        self._echo = KeyEcho()

    @property
    def listening(self) -> bool:
        """Whether any member asks for a detector."""
        return bool(self._members)

    def arrange(self, groups: Iterable[Group]) -> None:
        """Members have come, gone or changed; streams that are listened to still go on."""
        self._members, self._sources = [], []
        banks: dict[int, ResamplerBank] = {}
        for group in groups:
            rows = [row for row, member in enumerate(group.members) if member.detect]
            if not rows:
                continue
            if group.rate_hz != RATE_HZ:
                bank = self._banks.get(group.rate_hz) or ResamplerBank(group.rate_hz, RATE_HZ)
                bank.arrange([group.members[row].port_id for row in rows])
                banks[group.rate_hz] = bank
            self._sources.append(
                _Source(group=group, rows=np.array(rows, dtype=np.intp), bank=banks.get(group.rate_hz))
            )
            self._members += [group.members[row] for row in rows]
        self._banks = banks
        self._rows = {name: self._wanting(name) for name in {name for one in self._members for name in one.detect}}
        self._dtmf.arrange(self._keys("dtmf"))
        self._arrange_listeners()
        self._echo.keep({member.port_id for member in self._members})

    def event_packet(self, port_id: int, payload: bytes) -> None:
        """A packet of a telephone event came, whose key the data path reports."""
        self._echo.event(port_id, payload)

    def hear(self) -> list[PortEvent]:
        """Listen to the 20 ms that the groups have just pulled."""
        said = self._said()
        events: list[PortEvent] = []
        self._hear_keys(said, events)
        for name, listener in self._listeners.items():
            self._hear_tones(listener, said, self._rows[name], events)
        return events

    def _arrange_listeners(self) -> None:
        for name, make in _LISTENERS.items():
            if name not in self._rows:
                self._listeners.pop(name, None)
                continue
            if name not in self._listeners:
                self._listeners[name] = make()
            self._listeners[name].arrange(self._keys(name))

    def _said(self) -> Samples:
        parts: list[Samples] = []
        for source in self._sources:
            said = source.group.said[source.rows]
            parts.append(said if source.bank is None else source.bank.process(said))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _hear_keys(self, said: Samples, events: list[PortEvent]) -> None:
        rows = self._rows.get("dtmf")
        if rows is None:
            return
        heard = self._dtmf.process(said if len(rows) == len(said) else said[rows])
        if not heard and not self._echo.waiting:
            self._echo.tick([])
            return
        members = {self._members[row].port_id: self._members[row] for row in rows.tolist()}
        certain = self._echo.tick(
            [(one.key, one.digit, one.duration_ms, bool(members[one.key].event_types)) for one in heard if one.ended]
        )
        events += [
            DigitReceived(port_id=port_id, revision=members[port_id].revision, digit=digit, duration_ms=duration_ms)
            for port_id, digit, duration_ms in certain
        ]

    def _hear_tones(
        self, listener: ToneListener, said: Samples, rows: NDArray[np.intp], events: list[PortEvent]
    ) -> None:
        found = listener.process(said if len(rows) == len(said) else said[rows])
        if not found:
            return
        revisions = {self._members[row].port_id: self._members[row].revision for row in rows.tolist()}
        events += [
            ToneHeard(port_id=key, revision=revisions[key], tone=tone, after_ms=after_ms)
            for key, tone, after_ms in found
        ]

    def _wanting(self, name: str) -> NDArray[np.intp]:
        return np.array([row for row, member in enumerate(self._members) if name in member.detect], dtype=np.intp)

    def _keys(self, name: str) -> list[int]:
        rows = self._rows.get(name)
        return [] if rows is None else [self._members[row].port_id for row in rows.tolist()]
