"""Configurator: the one way to change the configuration; all that would result is checked before it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from sqlalchemy.exc import OperationalError

from pbx.compiled import Row, gone_row
from pbx.config_object import (
    MOST_CHANGES,
    Deletion,
    Json,
    ObjectChange,
    ObjectKey,
    Outcome,
    Upsert,
    Version,
)
from pbx.records.plan import Author, Plan, contradictions, obstacles, plan_of, result_of, revoke_with_tenants
from pbx.records.state import State, read_state
from pbx.schema.compile import compile_object
from pbx.schema.difference import difference
from pbx.schema.kind import KINDS, body_of
from pbx.store import StoreAway
from pbx.store.configuration import ConfigurationStore, ObjectRow, VersionRow

MOST_FAULTS: Final = 200
KEPT_MS: Final = 30 * 86_400_000
"""How long a deleted object stays in the database."""


class Configurator:
    """The configuration in memory, in step with the database. Used by one thread at a time.

    `now_ms` is UTC; `new_id` gives ids of objects.
    """

    def __init__(
        self, open_store: Callable[[], ConfigurationStore], now_ms: Callable[[], int], new_id: Callable[[], str]
    ) -> None:
        self._open_store = open_store
        self._now_ms = now_ms
        self._new_id = new_id
        self._store: ConfigurationStore | None = None
        self._state: State | None = None
        self._slices: tuple[int, int, list[ObjectKey]] = (-1, -1, [])

    def close(self) -> None:
        """Give the connection back."""
        if self._store is not None:
            # One that is broken cannot be closed in order.
            with suppress(OperationalError):
                self._store.close()
            self._store = None

    @property
    def known(self) -> State | None:
        """What is in force, where it was read already; any thread may look."""
        return self._state

    @property
    def state(self) -> State:
        """What is in force, read when it is first wanted; later the database is not needed. Raises StoreAway."""
        if self._state is None:
            try:
                self._refresh(self._connected())
                self._connected().end_reading()
            except OperationalError as error:
                raise self._away(error) from error
        assert self._state is not None
        return self._state

    def change(self, plan: Plan, author: Author, *, dry_run: bool = False) -> Outcome:
        """Do what the plan says, all of it or nothing. Raises StoreAway.

        Asked again with the same mark, it says what it did the first time: the answer may have been lost.
        """
        try:
            store = self._connected()
            with store.transaction():
                done = store.version_of(author.change_id)
                self._refresh(store)
                if done is not None:
                    return Outcome(version=done, warnings=("this change was made already",))
                outcome, following = self._change(store, self.state, plan, author, dry_run)
            self._state = following
        except OperationalError as error:
            raise self._away(error) from error
        return outcome

    def _change(
        self, store: ConfigurationStore, state: State, plan: Plan, author: Author, dry_run: bool
    ) -> tuple[Outcome, State]:
        """The outcome, and the state that follows when all of it is committed."""
        revoke_with_tenants(state, plan)
        whole = result_of(state, plan)
        faults = obstacles(state, plan) or contradictions(whole, plan)
        if faults:
            return Outcome(version=state.version, faults=tuple(faults[:MOST_FAULTS])), state
        bodies = {key: body_of(model) for key, model in plan.upserts.items()}
        changed = [key for key, body in bodies.items() if key not in state.rows or state.rows[key].body != body]
        outcome = _outcome(state, changed, bodies, plan.deletes)
        if dry_run:
            return outcome, state
        at_ms = self._now_ms()
        store.remember_applied(plan.files, at_ms)
        if not outcome.effective:
            return outcome, state
        version = state.version + 1
        rows = [self._row(state, key, bodies[key], version, at_ms, author.by) for key in changed]
        store.delete([state.rows[key] for key in plan.deletes], version, at_ms, author.by)
        store.write(rows, state.rows)
        store.purge(at_ms - KEPT_MS)
        touched = [key for key in (*changed, *plan.deletes) if KINDS[key.kind].document]
        store.add_version(
            VersionRow(
                number=version,
                at_ms=at_ms,
                by=author.by,
                summary=author.summary or _summary(outcome),
                change_id=author.change_id,
                undo={key: state.rows[key].body if key in state.rows else None for key in touched},
            )
        )
        return replace(outcome, version=version), state.followed_by(version, rows, whole, plan.deletes)

    def _row(self, state: State, key: ObjectKey, body: Json, version: int, at_ms: int, by: str) -> ObjectRow:
        known = state.rows.get(key)
        if known is not None:
            return replace(known, body=body, revision=version, updated_at_ms=at_ms, updated_by=by)
        return ObjectRow(
            id=self._new_id(),
            kind=key.kind,
            tenant=key.tenant,
            key=key.key,
            revision=version,
            body=body,
            created_at_ms=at_ms,
            created_by=by,
            updated_at_ms=at_ms,
            updated_by=by,
        )

    def rollback_plan(self, number: int) -> Plan:
        """What brings version `number` back. Raises LookupError, which says why it cannot be. Raises StoreAway."""
        latest = self.state.version
        if not 0 <= number <= latest:
            raise LookupError(f"there is no version {number} (the latest is {latest})")
        try:
            undone = self._connected().undo(number)
            self._connected().end_reading()
        except OperationalError as error:
            raise self._away(error) from error
        target: dict[ObjectKey, Json | None] = {}
        for one in undone:
            if one is None:
                raise LookupError(f"version {number} is too old to be restored; `cordboard history` says which can be")
            target.update(one)
        upserts = [
            Upsert(kind=key.kind, tenant=key.tenant, key=key.key, body=body)
            for key, body in target.items()
            if body is not None
        ]
        doomed = [key for key, body in target.items() if body is None and key in self.state.rows]
        return plan_of(upserts, [Deletion(kind=key.kind, tenant=key.tenant, key=key.key) for key in doomed])

    def versions(self, limit: int) -> list[Version]:
        """The history, newest first. Raises StoreAway."""
        try:
            rows = self._connected().versions(limit)
            self._connected().end_reading()
        except OperationalError as error:
            raise self._away(error) from error
        # Version n is restored by undoing all that follow: its own undoing is not needed.
        usable = [index == 0 or all(row.undo is not None for row in rows[:index]) for index in range(len(rows))]
        return [
            Version(number=row.number, at_ms=row.at_ms, by=row.by, summary=row.summary, restorable=can)
            for row, can in zip(rows, usable, strict=True)
        ]

    def applied(self) -> dict[str, str]:
        """Hashes by name of the files that the server was last started with. Raises StoreAway."""
        try:
            found = self._connected().applied()
            self._connected().end_reading()
        except OperationalError as error:
            raise self._away(error) from error
        return found

    def compiled(self, since: int, offset: int, limit: int) -> tuple[int, int, list[Row]]:
        """Version, how many objects changed after version `since`, and the rows of some of them. Raises StoreAway.

        Their order is that of this configurator alone: another one may give them in another.
        """
        state = self.state
        if self._slices[:2] != (since, state.version):
            self._slices = (since, state.version, state.changed_since(since))
        keys = self._slices[2]
        rows = [
            compile_object(state.objects, key) if key in state.objects else gone_row(key)
            for key in keys[offset : offset + limit]
        ]
        return state.version, len(keys), rows

    def _connected(self) -> ConfigurationStore:
        if self._store is None:
            self._store = self._open_store()
        return self._store

    def _refresh(self, store: ConfigurationStore) -> None:
        """Read everything where the database knows more than we do."""
        if self._state is None or store.latest() != self._state.version:
            self._state = read_state(store)

    def _away(self, error: OperationalError) -> StoreAway:
        self.close()
        reason = str(error.orig).strip().partition("\n")[0]
        return StoreAway(
            f"the database does not answer ({reason}): nothing was changed as far as is known; calls go on; "
            "try again when it is back, `cordboard history` shows what was done"
        )


def _outcome(
    state: State, changed: Sequence[ObjectKey], bodies: Mapping[ObjectKey, Json], deletes: Iterable[ObjectKey]
) -> Outcome:
    """What the change does, object by object."""
    version = state.version + 1
    deleted = list(deletes)
    changes = [ObjectChange(action="deleted", object=key) for key in deleted[:MOST_CHANGES]]
    warnings = []
    revoked = sum(key.kind == "token" for key in deleted)
    if revoked and any(key.kind == "tenant" for key in deleted):
        warnings.append(f"{revoked} token(s) go with their tenant: they open nothing from now on")
    for key in changed:
        known = state.rows.get(key)
        if key.kind == "tenant" and known is not None and known.body["domain"] != bodies[key]["domain"]:
            warnings.append(
                f"{key}: the domain changes from {known.body['domain']} to {bodies[key]['domain']}: "
                "every phone of the tenant has to be set to the new one"
            )
        if len(changes) < MOST_CHANGES:
            found = () if known is None else difference(known.body, bodies[key])
            action = "added" if known is None else "changed"
            changes.append(ObjectChange(action=action, object=key, fields=found, revision=version))
    added = sum(key not in state.rows for key in changed)
    return Outcome(
        version=state.version,
        added=added,
        changed=len(changed) - added,
        deleted=len(deleted),
        changes=tuple(changes),
        warnings=tuple(warnings),
    )


def _summary(outcome: Outcome) -> str:
    """One line of the history: how many, and the first of them."""
    counts = ((outcome.added, "added"), (outcome.changed, "changed"), (outcome.deleted, "deleted"))
    named = ", ".join(str(one.object) for one in outcome.changes[:3])
    more = ", ..." if len(outcome.changes) > 3 else ""
    return f"{', '.join(f'{count} {word}' for count, word in counts if count)}: {named}{more}"
