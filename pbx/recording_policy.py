"""Recording policy: whether a call is recorded, as tenant, extensions, trunks and access numbers have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pbx.recorder import RecordingRefused, recorder_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pbx.leg import Leg
    from pbx.session import Session

NEVER = "never"


def begin(session: Session, callee: Leg | None) -> None:
    """The caller is about to be answered, by `callee` (None: by the server): record where policy says so.

    The ports are put right after.
    """
    if session.tenant.facts.record != NEVER and wanted(session, callee):
        _begin(session)


def begin_early(session: Session) -> None:
    """The caller is about to hear what comes before the answer."""
    facts = session.tenant.facts
    if facts.record_scope == "from_ring" and facts.record != NEVER and wanted(session, None):
        _begin(session)


def _begin(session: Session) -> None:
    recorder = recorder_of(session)
    if recorder.running is not None or recorder.count:
        return  # Begun before the answer, or ended by somebody.
    place = session.node.recordings
    if place is not None and place.full and not session.tenant.facts.record_force:
        place.refused += 1
        return
    try:
        recorder.start("policy", connect=False)
    except RecordingRefused as error:
        session.log.error("call is not recorded", why=str(error))


def wanted(session: Session, callee: Leg | None) -> bool:
    """Whether one of those who take part says that such a call is recorded; with `record_force`, the tenant alone."""
    facts, caller = session.tenant.facts, session.call.legs[0]
    records = {"all"}
    if caller.trunk is not None:
        records.add("inbound")
    if callee is not None and callee.trunk is not None:
        records.add("outbound")
    if facts.record_force:
        return facts.record in records
    return any((facts.record if said is None else said) in records for said in _said(session, caller, callee))


def _said(session: Session, caller: Leg, callee: Leg | None) -> Iterator[str | None]:
    """What each that takes part says; None: as the tenant does."""
    tenant = session.tenant
    for leg in (caller, callee):
        if leg is None:
            continue
        if leg.trunk is not None:
            trunk = tenant.trunk(leg.trunk)
            yield None if trunk is None else trunk.record
        elif leg.device is not None:
            device = tenant.device(leg.device)
            extension = None if device is None else tenant.extension(device.extension)
            yield None if extension is None else extension.record
    if caller.trunk is not None:
        did = tenant.did(session.call.called, caller.trunk)
        yield None if did is None else did.record
