"""Configurator: the one way to change the configuration; all that would result is checked before it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy.exc import OperationalError

from pbx.compiled import Row, gone_row
from pbx.config_object import (
    MOST_CHANGES,
    MOST_USERS,
    Deletion,
    Fault,
    Json,
    ObjectChange,
    ObjectKey,
    Outcome,
    Upsert,
    Version,
)
from pbx.records.state import State, read_state
from pbx.schema.compile import compile_object
from pbx.schema.difference import difference
from pbx.schema.kind import KINDS, body_of, key_of, tenant_key
from pbx.schema.parsing import faults_of, parse_body
from pbx.schema.references import check, dangling, users_of
from pbx.schema.seal import keep, seal
from pbx.schema.tenant import Extension, TenantSettings
from pbx.schema.values import Model
from pbx.store import StoreAway
from pbx.store.configuration import ConfigurationStore, ObjectRow, VersionRow

MOST_FAULTS: Final = 200
KEPT_MS: Final = 30 * 86_400_000
"""How long a deleted object stays in the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who changes, how the history shall tell it (None: in the server's words), and the mark of this very request."""

    by: str
    change_id: str
    summary: str | None = None


@dataclass(slots=True, kw_only=True)
class Plan:
    """A change before it is checked: models by key, keys to delete, what is wrong already.

    `expected` are revisions by key (0: must not exist); `files` are remembered as applied with the change.
    """

    upserts: dict[ObjectKey, Model] = field(default_factory=dict)
    deletes: dict[ObjectKey, None] = field(default_factory=dict)
    expected: dict[ObjectKey, int] = field(default_factory=dict)
    keep_secrets: set[ObjectKey] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    files: Sequence[tuple[str, str]] = ()


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

    def plan(self, upserts: Sequence[Upsert], deletes: Sequence[Deletion]) -> Plan:
        """Wishes as a plan: bodies become models, keys must agree with them."""
        plan = Plan()
        for doomed in deletes:
            key = ObjectKey(doomed.kind, doomed.tenant, doomed.key)
            if key not in self.state.rows:
                plan.faults.append(Fault(code="missing", object=key, message=f"there is no {key}"))
            plan.deletes[key] = None
            if doomed.expected is not None:
                plan.expected[key] = doomed.expected
        for wish in upserts:
            self._plan_upsert(plan, wish)
        return plan

    def _plan_upsert(self, plan: Plan, wish: Upsert) -> None:
        named = ObjectKey(wish.kind, wish.tenant, wish.key or "")
        if wish.kind not in KINDS:
            kinds = " | ".join(KINDS)
            plan.faults.append(
                Fault(code="invalid", object=named, message=f"there is no kind {wish.kind}", allowed=kinds)
            )
            return
        model, wrong = parse_body(wish.kind, wish.body)
        if model is None:
            plan.faults += faults_of(named, wrong)
            return
        key = key_of(wish.kind, wish.tenant, model)
        if wish.key not in (None, key.key):
            message = f"its key would be {key.key}: a key never changes, delete the object and make another"
            plan.faults.append(Fault(code="invalid", object=named, message=message, allowed=wish.key))
            return
        if key in plan.upserts or key in plan.deletes:
            plan.faults.append(Fault(code="duplicate", object=key, message="is given twice", allowed="each once"))
        plan.upserts[key] = model
        if wish.keep_secrets:
            plan.keep_secrets.add(key)
        if wish.expected is not None:
            plan.expected[key] = wish.expected

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
        faults = [*plan.faults, *_stale(state, plan)]
        whole = _whole(state, plan)
        faults += [] if faults else _faults(whole, plan)
        if faults:
            return Outcome(version=state.version, faults=_some(faults)), state
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
        return self.plan(upserts, [Deletion(kind=key.kind, tenant=key.tenant, key=key.key) for key in doomed])

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


def _whole(state: State, plan: Plan) -> dict[ObjectKey, Model]:
    """The configuration that would result: what stays comes first, so that faults are told of what changes."""
    whole = {key: model for key, model in state.objects.items() if key not in plan.upserts and key not in plan.deletes}
    whole.update(plan.upserts)
    for key, model in list(plan.upserts.items()):
        if not isinstance(model, Extension):
            continue
        known, tenant = state.objects.get(key), whole.get(tenant_key(key.tenant))
        if key in plan.keep_secrets and isinstance(known, Extension):
            model = keep(model, known)
        if isinstance(tenant, TenantSettings):
            model = seal(tenant, model)
        whole[key] = plan.upserts[key] = model
    return whole


def _stale(state: State, plan: Plan) -> list[Fault]:
    """Objects that are not what the asker believes."""
    faults = []
    for key, expected in plan.expected.items():
        revision = state.rows[key].revision if key in state.rows else 0
        if revision != expected and not (key in plan.deletes and key not in state.rows):
            message = "exists already" if not expected else f"is at revision {revision}, not {expected}"
            faults.append(Fault(code="stale", object=key, message=message if revision else "is gone"))
    return faults


def _faults(whole: Mapping[ObjectKey, Model], plan: Plan) -> list[Fault]:
    """Everything that is wrong with the configuration that would result."""
    faults: list[Fault] = []
    used = dict.fromkeys(plan.deletes, ())
    held = users_of(whole, set(used)) if used else {}
    for fault, target in dangling(whole):
        # Who stays as it was is not at fault: what it needs may not go.
        if target not in used or fault.object in plan.upserts:
            faults.append(fault)
    for target, users in held.items():
        keepers = [key for key in users if key not in plan.upserts]
        if keepers:
            faults.append(_in_use(target, keepers))
    return faults + list(check(whole))


def _in_use(target: ObjectKey, users: Sequence[ObjectKey]) -> Fault:
    named = ", ".join(f"{one.kind} {one.key}" for one in users[:8]) + (" and more" if len(users) > 8 else "")
    return Fault(
        code="in_use",
        object=target,
        message=f"is used by {named}: change or delete that first",
        users=tuple(users[:MOST_USERS]),
    )


def _some(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    return tuple(faults[:MOST_FAULTS])


def _outcome(
    state: State, changed: Sequence[ObjectKey], bodies: Mapping[ObjectKey, Json], deletes: Iterable[ObjectKey]
) -> Outcome:
    """What the change does, object by object."""
    version = state.version + 1
    deleted = list(deletes)
    changes = [ObjectChange(action="deleted", object=key) for key in deleted[:MOST_CHANGES]]
    warnings = []
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
