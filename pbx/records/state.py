"""State: one version of the whole configuration, as rows and as models; never changed, only followed by another."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pbx.config_object import ObjectKey, StoredObject
from pbx.records.object_view import object_view
from pbx.schema.compile import inherited
from pbx.schema.kind import KINDS, owner_of
from pbx.schema.parsing import parse_body
from pbx.schema.tenant import TenantSettings
from pbx.schema.values import Model
from pbx.store.configuration import ConfigurationStore, ObjectRow

MOST_VIEWS: Final = 20_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """`rows` and `objects` have the same keys; `gone` are versions by object deleted since.

    `inherited_at` is the version since which the extensions of a tenant have to be compiled anew.
    """

    version: int = 0
    rows: Mapping[ObjectKey, ObjectRow] = field(default_factory=dict)
    objects: Mapping[ObjectKey, Model] = field(default_factory=dict)
    gone: Mapping[ObjectKey, int] = field(default_factory=dict)
    inherited_at: Mapping[str, int] = field(default_factory=dict)
    orders: dict[tuple[str, str | None, str], Any] = field(default_factory=dict, compare=False, repr=False)
    """Orders of objects that lists asked for, made once a version (`pbx.records.listing`)."""
    views: dict[ObjectKey, tuple[ObjectRow, bytes]] = field(default_factory=dict, compare=False, repr=False)
    """What `view` made, each with the row that it was made of; handed on to the versions that follow."""

    def changed_since(self, version: int) -> list[ObjectKey]:
        """What has to be compiled anew for who knows `version`, tenants first; those that are gone last."""
        keys = [key for key, row in self.rows.items() if row.revision > version]
        tenants = {tenant for tenant, at in self.inherited_at.items() if at > version}
        if tenants:
            known = set(keys)
            keys += [key for key in self.rows if key.kind == "extension" and key.tenant in tenants and key not in known]
        return keys + [key for key, at in self.gone.items() if at > version and key not in self.rows and version]

    def stored(self, key: ObjectKey) -> StoredObject | None:
        """An object for the outside."""
        row = self.rows.get(key)
        if row is None:
            return None
        return StoredObject(
            kind=row.kind,
            tenant=row.tenant,
            key=row.key,
            id=row.id,
            owner=owner_of(key, self.objects[key]),
            revision=row.revision,
            body=row.body,
            created_at_ms=row.created_at_ms,
            created_by=row.created_by,
            updated_at_ms=row.updated_at_ms,
            updated_by=row.updated_by,
        )

    def view(self, key: ObjectKey) -> bytes | None:
        """An object as the API shows it, as JSON."""
        row = self.rows.get(key)
        if row is None:
            return None
        found = self.views.get(key)
        if found is not None and found[0] is row:
            return found[1]
        if len(self.views) >= MOST_VIEWS:
            self.views.clear()
        stored = self.stored(key)
        assert stored is not None
        made = json.dumps(object_view(stored), ensure_ascii=False).encode("utf-8", "backslashreplace")
        self.views[key] = row, made
        return made

    def followed_by(
        self,
        version: int,
        rows: Iterable[ObjectRow],
        models: Mapping[ObjectKey, Model],
        deleted: Iterable[ObjectKey],
    ) -> State:
        """The next version: `rows` are new or changed, with their models."""
        next_rows, objects, gone = dict(self.rows), dict(self.objects), dict(self.gone)
        inherited_at = dict(self.inherited_at)
        for key in deleted:
            del next_rows[key], objects[key]
            self.views.pop(key, None)
            gone[key] = version
        for row in rows:
            key, model = row.name, models[row.name]
            former = objects.get(key)
            if isinstance(former, TenantSettings) and inherited(former) != inherited(model):
                inherited_at[key.key] = version
            next_rows[key], objects[key] = row, model
        return State(
            version=version, rows=next_rows, objects=objects, gone=gone, inherited_at=inherited_at, views=self.views
        )


def read_state(store: ConfigurationStore) -> State:
    """The state that the database holds. A row that this release cannot read is told, and left as it is."""
    rows: dict[ObjectKey, ObjectRow] = {}
    objects: dict[ObjectKey, Model] = {}
    inherited_at: dict[str, int] = {}
    for row in sorted(store.living(), key=lambda row: (_ORDER.get(row.kind, len(_ORDER)), row.tenant, row.key)):
        model, wrong = parse_body(row.kind, row.body) if row.kind in KINDS else (None, [])
        if model is None:
            _log.error("%s is left out: this release cannot read it (%s)", row.name, wrong)
            continue
        rows[row.name], objects[row.name] = row, model
        if isinstance(model, TenantSettings):
            # What exactly changed is not known any more.
            inherited_at[row.key] = row.revision
    gone = dict.fromkeys(store.deleted_since(0), 0)
    version = store.latest()
    return State(
        version=version, rows=rows, objects=objects, gone=dict.fromkeys(gone, version), inherited_at=inherited_at
    )


_ORDER = {kind: place for place, kind in enumerate(KINDS)}
