"""Objects of the configuration as plain data: their keys, their rows, wishes to change them, and what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeVar

from pbx.config_error import ConfigError

Json = dict[str, Any]
Step = str | int
T = TypeVar("T")


class ObjectKey(NamedTuple):
    """What names an object. `tenant` is the tenant that the key is unique in, "" for keys unique on the platform.

    Kinds `extension` and `number` have a tenant; the keys of `tenant`, `trunk`, `did` and `token` stand alone. The
    key of a DID is `number` or `number@trunk`.
    """

    kind: str
    tenant: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind} {self.tenant}/{self.key}" if self.tenant else f"{self.kind} {self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """A living object. `owner` is the tenant that it belongs to, None for what all share.

    `revision` is the number of the configuration version that wrote it last: it only ever grows. `body` is the
    document of the kind (`pbx.schema`) without what is default; secrets are in it as hashes (`ha1`, `sha256`).
    """

    kind: str
    tenant: str
    key: str
    id: str
    owner: str | None
    revision: int
    body: Json = field(repr=False)
    created_at_ms: int
    created_by: str
    updated_at_ms: int
    updated_by: str

    @property
    def name(self) -> ObjectKey:
        """What names it."""
        return ObjectKey(self.kind, self.tenant, self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upsert:
    """A wish to make an object what `body` says; what the body leaves out becomes default.

    `key` None takes it from the body; else both must agree. `expected` is the revision that the object must have (0:
    it must not exist; None: any). `keep_secrets`: a device without `password` and `ha1` keeps the one that it has.
    """

    kind: str
    tenant: str = ""
    key: str | None = None
    body: Json = field(repr=False)
    expected: int | None = None
    keep_secrets: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """A wish to delete an object; refused while another one refers to it."""

    kind: str
    tenant: str = ""
    key: str
    expected: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a change was refused: the object, the path of the field, what is allowed there.

    `code`: `invalid` (a value), `unknown` (refers to what is not there), `duplicate`, `in_use` (deleted while
    referred to; `users` say by what), `stale` (not the expected revision), `missing` (nothing to delete).
    """

    code: str
    object: ObjectKey
    path: tuple[Step, ...] = ()
    message: str
    allowed: str | None = None
    users: tuple[ObjectKey, ...] = ()

    @property
    def field(self) -> str:
        """The path as text: `devices[0].username`."""
        return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path).lstrip(".")

    def __str__(self) -> str:
        place = f"{self.object}: {self.field}: " if self.path else f"{self.object}: "
        return f"{place}{self.message}" + (f" (allowed: {self.allowed})" if self.allowed else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """A field before and after; None where it is not set. Secrets show as `********`."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectChange:
    """What happens to an object: `action` is added, changed or deleted; fields only for what changed."""

    action: str
    object: ObjectKey
    fields: tuple[FieldChange, ...] = ()
    revision: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Of a change: `faults` (nothing was changed), or the changes and the version in force.

    `changes` holds MOST_CHANGES at the most; `added`, `changed` and `deleted` count all. A change that changes nothing
    makes no new version. `warnings` are for people.
    """

    version: int
    added: int = 0
    changed: int = 0
    deleted: int = 0
    changes: tuple[ObjectChange, ...] = ()
    faults: tuple[Fault, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def effective(self) -> bool:
        """Whether anything changes."""
        return bool(self.added or self.changed or self.deleted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One entry of the history, UTC; `restorable`: `restore` can bring it back."""

    number: int
    at_ms: int
    by: str
    summary: str
    restorable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Objects in order; `cursor` continues behind them, None at the end. `total` counts all that match."""

    objects: tuple[StoredObject, ...]
    cursor: str | None
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A condition on a field of an object (`key`, `owner`, ...) or a path in its body (`dest.type`).

    `op` is `is`, `contains` (in any case) or `begins`; `value` is text.
    """

    field: str
    op: str = "is"
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of documents: `errors` with file and line (nothing was changed), or the outcome.

    `skipped` are files that were applied before with this content.
    """

    outcome: Outcome
    errors: tuple[ConfigError, ...] = ()
    skipped: tuple[str, ...] = ()


MOST_CHANGES: Final = 1000
MOST_USERS: Final = 100
SECRET: Final = "********"


def row_of(record: Any) -> list[Any]:
    """A flat record as a list of its fields' values, for the wire."""
    return list(_getter(type(record))(record))


def record_of(cls: type[T], row: Sequence[Any]) -> T:
    """The flat record that `row_of` wrote."""
    return cls(**dict(zip(_names(cls), row, strict=True)))


def outcome_row(outcome: Outcome) -> list[Any]:
    """An outcome for the wire."""
    changes = [
        [one.action, list(one.object), [row_of(change) for change in one.fields], one.revision]
        for one in outcome.changes
    ]
    faults = [
        [one.code, list(one.object), list(one.path), one.message, one.allowed, [list(user) for user in one.users]]
        for one in outcome.faults
    ]
    return [outcome.version, outcome.added, outcome.changed, outcome.deleted, changes, faults, list(outcome.warnings)]


def outcome_of(row: Sequence[Any]) -> Outcome:
    """The outcome that `outcome_row` wrote."""
    version, added, changed, deleted, changes, faults, warnings = row
    return Outcome(
        version=version,
        added=added,
        changed=changed,
        deleted=deleted,
        changes=tuple(
            ObjectChange(
                action=action,
                object=ObjectKey(*key),
                fields=tuple(record_of(FieldChange, one) for one in found),
                revision=revision,
            )
            for action, key, found, revision in changes
        ),
        faults=tuple(
            Fault(
                code=code,
                object=ObjectKey(*key),
                path=tuple(path),
                message=message,
                allowed=allowed,
                users=tuple(ObjectKey(*one) for one in users),
            )
            for code, key, path, message, allowed, users in faults
        ),
        warnings=tuple(warnings),
    )


def _names(cls: type[Any]) -> tuple[str, ...]:
    return tuple(one.name for one in fields(cls))


def _getter(cls: type[Any]) -> Callable[[Any], tuple[Any, ...]]:
    return attrgetter(*_names(cls))


Objects = Mapping[ObjectKey, Any]
"""The whole configuration: models of `pbx.schema` by key."""
