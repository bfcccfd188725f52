"""Recorder: begins, pauses and ends the recording of a call; what the legs say is written by the media workers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from media.mix_state import Tap
from pbx.events import RecordingBroken, RecordingPaused, RecordingResumed, RecordingStarted, RecordingStopped
from pbx.supervision import KIND as SUPERVISOR

if TYPE_CHECKING:
    from media.offer_answer import Agreement
    from pbx.inbox import RecordingOrder
    from pbx.leg import Leg
    from pbx.session import Session

Kind = Literal["call", "message"]
SUFFIX: Final = ".tap"


class RecordingRefused(Exception):
    """The recording cannot begin or go on in this way; the text says why."""


@dataclass(slots=True, kw_only=True)
class Recording:
    """One recording under way. `only`: the one leg that it is of, None for all of the call."""

    id: str
    number: int
    kind: Kind
    folder: str
    only: Leg | None
    paused: bool = False
    agreements: dict[str, Agreement] = field(default_factory=dict)
    """By leg: what its tap's description was made from."""


class Recorder:
    """Of one session. Taps are in the states of ports: all that it does is to change `leg.tap` and put them."""

    __slots__ = ("_session", "count", "running")

    def __init__(self, session: Session) -> None:
        self._session = session
        self.count = 0
        """Recordings that were begun."""
        self.running: Recording | None = None

    def start(self, by: str, *, kind: Kind = "call", only: Leg | None = None, connect: bool = True) -> Recording:
        """Record from now on what the call's legs say, those that join later too; `only` one leg for a message.

        `connect` False: the ports are about to be put anyway. Raises RecordingRefused.
        """
        session = self._session
        place = session.node.recordings
        if self.running is not None:
            raise RecordingRefused(f"call {session.call.id} is being recorded already")
        if place is None:
            raise RecordingRefused("this node has no place for recordings")
        try:
            folder = place.open(session.call.id)
        except OSError as error:
            place.broken += 1
            raise RecordingRefused(f"no folder for the recording: {error}") from error
        self.count += 1
        place.started += 1
        number = self.count
        recording = Recording(
            id=f"{session.call.id}-{number}", number=number, kind=kind, folder=folder, only=only
        )  # fmt: skip
        self.running = recording
        session.node.journal.emit(
            RecordingStarted(call=session.call.id, recording=recording.id, kind=kind, by=by)
        )  # fmt: skip
        if connect:
            self._connect()
        return recording

    def check_demand(self) -> None:
        """Raise RecordingRefused where no one may begin a recording now."""
        facts, place = self._session.tenant.facts, self._session.node.recordings
        if facts.record == "never":
            raise RecordingRefused(f"nothing is recorded of tenant {facts.key}: its `record` is `never`")
        if place is not None and place.full:
            place.refused += 1
            raise RecordingRefused(f"the disk of the recordings is full ({place.used_percent:.0f} %)")

    def check_free(self) -> None:
        """Raise RecordingRefused where the tenant forces the recording: it is not for others to stop it."""
        facts = self._session.tenant.facts
        if facts.record_force and facts.record not in ("never", "on_demand"):
            raise RecordingRefused(f"tenant {facts.key} forces the recording of its calls (`record_force`)")

    def stop(self, by: str) -> None:
        """End the recording. Raises RecordingRefused where there is none."""
        recording = self._need()
        self.running = None
        for leg in self._session.call.active_legs:
            if leg.tap is not None:
                leg.tap = None
                self._session.connect(leg)
        self._over(recording, by)

    def pause(self, by: str) -> None:
        """Write nothing until `resume`; silence will stand there. Raises RecordingRefused."""
        recording = self._need()
        if not recording.paused:
            self._set_paused(recording, True)
            event = RecordingPaused(call=self._session.call.id, recording=recording.id, by=by)
            self._session.node.journal.emit(event)

    def resume(self, by: str) -> None:
        """Go on. Raises RecordingRefused."""
        recording = self._need()
        if recording.paused:
            self._set_paused(recording, False)
            event = RecordingResumed(call=self._session.call.id, recording=recording.id, by=by)
            self._session.node.journal.emit(event)

    def follow(self, leg: Leg) -> None:
        """A leg's port is about to be put: give it its tap, or what its tap has to know anew."""
        recording, agreement = self.running, leg.agreement
        if recording is None or agreement is None or recording.only not in (None, leg):
            return
        if leg.kind == SUPERVISOR:
            return  # What is whispered is no part of the call.
        alone = leg.peer is None or leg.peer is leg
        tap = leg.tap
        if tap is None:
            path = f"{recording.folder}/{leg.id}-{recording.number}{SUFFIX}"
            tap = Tap(path=path, meta=self._meta(recording, leg, agreement), both=alone, paused=recording.paused)
        else:
            if recording.agreements.get(leg.id) is not agreement:
                tap = replace(tap, meta=self._meta(recording, leg, agreement))
            if tap.both != alone:
                # What we say to it is worth keeping only while no other leg says it.
                tap = replace(tap, both=alone)
        leg.tap = tap

    def failed(self, leg: Leg, why: str) -> None:
        """A leg's tap could not be written."""
        recording, session = self.running, self._session
        if recording is None:
            return
        assert session.node.recordings is not None
        session.node.recordings.broken += 1
        session.log.error("recording broken", leg=leg.id, why=why)
        event = RecordingBroken(call=session.call.id, recording=recording.id, leg=leg.id, why=why)
        session.node.journal.emit(event)

    def close(self) -> None:
        """The call is over; the workers end the files with the ports."""
        recording, self.running = self.running, None
        if recording is not None:
            self._over(recording, "call")

    def _over(self, recording: Recording, by: str) -> None:
        event = RecordingStopped(call=self._session.call.id, recording=recording.id, by=by)
        self._session.node.journal.emit(event)

    def _need(self) -> Recording:
        if self.running is None:
            raise RecordingRefused(f"call {self._session.call.id} is not being recorded")
        return self.running

    def _set_paused(self, recording: Recording, paused: bool) -> None:
        recording.paused = paused
        for leg in self._session.call.active_legs:
            if leg.tap is not None:
                leg.tap = replace(leg.tap, paused=paused)
        self._connect()

    def _connect(self) -> None:
        for leg in self._session.call.active_legs:
            self._session.connect(leg)

    def _meta(self, recording: Recording, leg: Leg, agreement: Agreement) -> bytes:
        """What the reader of the tap has to know, as JSON (`media.recording.description`)."""
        recording.agreements[leg.id] = agreement
        session = self._session
        call, clock = session.call, session.node.clock
        forms = agreement.formats
        facts = {
            "call": call.id,
            "tenant": call.tenant,
            "leg": leg.id,
            "kind": leg.kind,
            "side": side_of(session, leg),
            "anchor": [int(clock.now() * 1e9), clock.wall_ns()],
            "in": [[one.receive_pt, one.name, one.clock_rate, one.channels] for one in forms],
            "out": [[one.send_pt, one.name, one.clock_rate, one.channels] for one in forms],
        }
        return json.dumps(facts, separators=(",", ":")).encode()


def side_of(session: Session, leg: Leg) -> Literal["left", "right"]:
    """`left` is the customer's side, `right` the tenant's; between two of a kind the caller is left."""
    others = [one for one in session.call.legs if one is not leg]
    outside = leg.trunk is not None
    if others and all((one.trunk is not None) != outside for one in others):
        return "left" if outside else "right"
    return "left" if leg.kind == "caller" else "right"


def recorder_of(session: Session) -> Recorder:
    """The session's recorder, made for the first recording."""
    if session.recorder is None:
        session.recorder = Recorder(session)
    return session.recorder


def obey(session: Session, order: RecordingOrder) -> None:
    """Carry out what the API orders (`ACTIONS`); the order's future gets the recording and its state."""
    if order.done.done():
        return  # Nobody waits any more.
    recorder = recorder_of(session)
    before = recorder.running
    try:
        ACTIONS[order.action](recorder, order.by)
    except RecordingRefused as error:
        order.done.set_exception(error)
        return
    running = recorder.running
    shown = running or before
    assert shown is not None
    state = "stopped" if running is None else "paused" if running.paused else "recording"
    order.done.set_result({"recording": shown.id, "state": state})


def _start_on_demand(recorder: Recorder, by: str) -> None:
    recorder.check_demand()
    recorder.start(by)


def _stop_on_demand(recorder: Recorder, by: str) -> None:
    recorder.check_free()
    recorder.stop(by)


ACTIONS: Final[dict[str, Callable[[Recorder, str], None]]] = {
    "start": _start_on_demand,
    "stop": _stop_on_demand,
    "pause": Recorder.pause,
    "resume": Recorder.resume,
}
