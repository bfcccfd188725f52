"""From the spool into the database: events, folded call records, bindings; each exactly once."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy.exc import OperationalError, SQLAlchemyError

from pbx.cdr import CallFold, Cdr
from pbx.events import CallCreated, Envelope, NodeStarted, RegistrationChanged
from pbx.spool import SpoolReader, SpoolRecord
from pbx.spool.segment import list_segments, segment_path
from pbx.store import BindingKey, BindingRow, EventRow, History, LogState, StoreError, binding_key

_BATCH: Final = 2000
_GONE: Final = frozenset({"removed", "expired"})
_log = logging.getLogger(__name__)


class IngestError(Exception):
    """The database did not take a batch (full disk, lock); nothing is lost, try again later."""


@dataclass(slots=True)
class _Batch:
    """Rows of one transaction."""

    events: list[EventRow] = field(default_factory=list)
    boots: list[tuple[int, NodeStarted, int, int]] = field(default_factory=list)
    bindings: dict[BindingKey, BindingRow | None] = field(default_factory=dict)
    done: list[CallFold] = field(default_factory=list)
    late: dict[str, None] = field(default_factory=dict)  # calls whose fold is not in memory, in order


class Ingest:
    """Reads the spool on from the committed position; keeps the folds of open calls in memory.

    Position and rows are committed together, so a killed process goes on where the rows end; folds of
    calls open at that point are rebuilt from their events in the database.
    """

    def __init__(self, history: History, spool: Path) -> None:
        """Go on where `history` ends. Raises StoreError when `spool` is not the one it was fed from."""
        self._history = history
        self._spool = spool
        self.damaged_bytes = 0
        self.missing_events = 0
        self.skipped_events = 0
        self._limit = _BATCH
        self._reader: SpoolReader | None = None
        self._lost = False
        """The database failed, and what it holds was not read again since."""
        self._load()

    @property
    def seq(self) -> int:
        """Number of the last event committed."""
        return self._seq

    @property
    def open_calls(self) -> int:
        """Calls without a record yet."""
        return len(self._folds) + len(self._ending)

    def close(self) -> None:
        """Close the open segment."""
        if self._reader is not None:
            self._reader.close()

    def step(self, now_ns: int) -> int:
        """Take in what the spool has, up to one batch; returns how many events that was.

        `now_ns` (UTC) decides when a call stops waiting for its media reports. Raises IngestError when
        the database refuses; the next step begins at the same place.
        """
        if self._lost:
            self._recover()
        assert self._reader is not None
        records = self._reader.read(self._limit)
        self._report_gaps(self._reader)
        batch = _Batch()
        for record in records:
            if record.envelope.seq > self._seq:
                self._take(record, batch)
        self._collect_done(batch, max(now_ns, self._last_at_ns))
        if not records and not batch.done:
            return 0
        try:
            self._store(batch, now_ns)
        except OperationalError as error:
            self._lost = True
            raise IngestError(f"database: {error.orig}") from error
        except (SQLAlchemyError, ArithmeticError, ValueError, TypeError):
            self._reload()
            self._pass_over(records)
            return len(records)
        self._limit = _BATCH
        self._release()
        return len(records)

    def _recover(self) -> None:
        """Go back to what is committed. Raises IngestError while the database is away."""
        try:
            self._reload()
        except OperationalError as error:
            raise IngestError(f"database: {error.orig}") from error
        self._lost = False

    def prune(self, now_ns: int) -> None:
        """Delete bindings that ran out; one that a stopped server could not report is not kept for ever."""
        try:
            self._history.begin()
            self._history.forget_bindings(now_ns)
            self._history.commit()
        except OperationalError as error:
            self._lost = True
            _log.warning("old bindings stay for now: %s", error.orig)

    def _load(self) -> None:
        state = self._history.state()
        _check_same_spool(self._spool, state)
        self.close()
        expected = state.seq + 1 if state.seq else None
        self._reader = SpoolReader(self._spool, state.position, expected_seq=expected)
        self._released = state.position.segment
        self._seq = state.seq
        self._last_at_ns = state.last_at_ns
        self._boot = state.boot
        self._node = state.node
        self._folds: dict[str, CallFold] = {}
        self._ending: dict[str, CallFold] = {}
        for call in self._history.unrecorded_calls(state.floor_seq):
            self._keep(self._refold(call))

    def _reload(self) -> None:
        self._history.rollback()
        self._load()

    def _keep(self, fold: CallFold) -> None:
        folds = self._folds if fold.ended_at_ns is None else self._ending
        folds[fold.call] = fold

    def _take(self, record: SpoolRecord, batch: _Batch) -> None:
        envelope = record.envelope
        event = envelope.event
        call: str | None = getattr(event, "call", None)
        if isinstance(event, NodeStarted):
            self._node_started(event, envelope, batch)
        self._seq = envelope.seq
        if envelope.at_ns > self._last_at_ns:
            self._last_at_ns = envelope.at_ns
        batch.events.append((envelope.seq, call, event.code, envelope.at_ns, record.payload))
        if call is not None:
            self._fold(call, envelope, batch)
        elif isinstance(event, RegistrationChanged):
            key = binding_key(event)
            gone = event.action in _GONE
            batch.bindings[key] = None if gone else (*key, event.expires_at_ns, record.payload)

    def _fold(self, call: str, envelope: Envelope, batch: _Batch) -> None:
        fold = self._folds.get(call) or self._ending.get(call)
        if fold is None:
            if not isinstance(envelope.event, CallCreated):
                batch.late[call] = None
                return
            fold = self._folds[call] = CallFold(call, envelope, self._node)
        fold.apply(envelope)
        if fold.ended_at_ns is not None and call in self._folds:
            self._ending[call] = self._folds.pop(call)

    def _node_started(self, event: NodeStarted, envelope: Envelope, batch: _Batch) -> None:
        """Close what an earlier run of the server left open."""
        if event.boot == self._boot:
            return
        for fold in self._folds.values():
            fold.close_lost(self._last_at_ns)
            batch.done.append(fold)
        batch.done += self._ending.values()
        self._folds, self._ending = {}, {}
        batch.boots.append((envelope.seq, event, envelope.at_ns, self._last_at_ns))
        self._boot, self._node = event.boot, event.node

    def _collect_done(self, batch: _Batch, now_ns: int) -> None:
        done = [fold for fold in self._ending.values() if fold.complete(now_ns)]
        for fold in done:
            del self._ending[fold.call]
        batch.done += done

    def _store(self, batch: _Batch, now_ns: int) -> None:
        assert self._reader is not None
        if batch.events:
            # The database must never be ahead of what the spool keeps over a power cut: numbers would
            # be given twice.
            self._reader.sync()
        history = self._history
        history.begin()
        history.add_events(batch.events)
        for boot in batch.boots:
            history.add_boot(*boot)
        cdrs: list[Cdr] = [fold.cdr() for fold in batch.done]
        for call in batch.late:
            fold = self._refold(call)
            if fold.complete(now_ns):
                cdrs.append(fold.cdr())
            else:
                self._keep(fold)
        history.put_cdrs(cdrs)
        gone = [key for key, row in batch.bindings.items() if row is None]
        history.put_bindings([row for row in batch.bindings.values() if row is not None], gone)
        history.put_state(self._state())
        history.commit()

    def _state(self) -> LogState:
        assert self._reader is not None
        open_seqs = [fold.first_seq for fold in (*self._folds.values(), *self._ending.values())]
        return LogState(
            position=self._reader.position,
            seq=self._seq,
            floor_seq=min(open_seqs, default=self._seq + 1),
            last_at_ns=self._last_at_ns,
            boot=self._boot,
            node=self._node,
        )

    def _refold(self, call: str) -> CallFold:
        """The fold of a call from its events in the database."""
        envelopes = self._history.call_events(call)
        first = envelopes[0]
        fold = CallFold(call, first, self._history.boot_before(first.seq))
        for envelope in envelopes:
            fold.apply(envelope)
        lost_at_ns = self._history.lost_at(first.seq)
        if lost_at_ns is not None:
            fold.close_lost(lost_at_ns)
        return fold

    def _pass_over(self, records: list[SpoolRecord]) -> None:
        """After a batch that the database cannot hold: go event by event, and past the bad one."""
        if len(records) > 1:
            self._limit = 1
            return
        for record in records:
            _log.error("event %d cannot be stored and is skipped", record.envelope.seq, exc_info=True)
            self.skipped_events += 1
            self._seq = record.envelope.seq
            assert self._reader is not None
            self._reader.read(1)
            self._history.begin()
            self._history.put_state(self._state())
            self._history.commit()
        self._limit = _BATCH

    def _report_gaps(self, reader: SpoolReader) -> None:
        for gap in reader.gaps:
            self.damaged_bytes += gap.skipped_bytes
            self.missing_events += gap.missing
            _log.error(
                "spool damaged at %s: %d bytes skipped, %d events missing before event %d",
                gap.at,
                gap.skipped_bytes,
                gap.missing,
                gap.seq,
            )
        reader.gaps.clear()

    def _release(self) -> None:
        """Delete segments behind which everything is committed and on the disk for certain."""
        assert self._reader is not None
        position = self._reader.position
        if position.segment != self._released:
            self._history.checkpoint()
            self._reader.release(position)
            self._released = position.segment


def _check_same_spool(spool: Path, state: LogState) -> None:
    """Refuse a spool that ends before the place where the database stands."""
    segments = list_segments(spool)
    if not segments or state.seq == 0:
        return
    segment, offset = state.position.segment, state.position.offset
    short = segments[-1] == segment and segment_path(spool, segment).stat().st_size < offset
    if segments[-1] < segment or short:
        raise StoreError(
            f"spool {spool} ends before event {state.seq}, which the database already has: it was replaced; "
            f"restore it, or move its segments away and start again"
        )
