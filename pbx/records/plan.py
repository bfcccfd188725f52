"""Plan: a change before it is made: what is wished, what would result, and what is wrong with that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pbx.config_object import MOST_USERS, Deletion, Fault, ObjectKey, Upsert
from pbx.records.state import State
from pbx.schema.kind import KINDS, key_of, owner_of, tenant_key
from pbx.schema.parsing import faults_of, parse_body
from pbx.schema.references import check, dangling, users_of
from pbx.schema.seal import keep, seal
from pbx.schema.tenant import Extension, TenantSettings
from pbx.schema.values import Model


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


def plan_of(upserts: Sequence[Upsert], deletes: Sequence[Deletion]) -> Plan:
    """Wishes as a plan: bodies become models, keys must agree with them."""
    plan = Plan()
    for doomed in deletes:
        key = ObjectKey(doomed.kind, doomed.tenant, doomed.key)
        plan.deletes[key] = None
        if doomed.expected is not None:
            plan.expected[key] = doomed.expected
    for wish in upserts:
        _add(plan, wish)
    return plan


def revoke_with_tenants(state: State, plan: Plan) -> None:
    """Tokens of tenants that are to be deleted go with them: they would open nothing any more.

    Everything else that a tenant has keeps it from being deleted: a token is a key to that, and nothing by itself.
    """
    doomed = {key.key for key in plan.deletes if key.kind == "tenant"}
    if doomed:
        tokens = [key for key in state.rows if key.kind == "token"]
        plan.deletes |= {key: None for key in tokens if owner_of(key, state.objects[key]) in doomed}


def _add(plan: Plan, wish: Upsert) -> None:
    named = ObjectKey(wish.kind, wish.tenant, wish.key or "")
    if wish.kind not in KINDS:
        kinds = " | ".join(KINDS)
        plan.faults.append(Fault(code="invalid", object=named, message=f"there is no kind {wish.kind}", allowed=kinds))
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


def result_of(state: State, plan: Plan) -> dict[ObjectKey, Model]:
    """The configuration that would result, sealed: what stays comes first, so that faults are told of what changes."""
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


def obstacles(state: State, plan: Plan) -> list[Fault]:
    """What is wrong with the wishes themselves, and objects that are not what the asker believes."""
    faults = list(plan.faults)
    for key in plan.deletes:
        if key not in state.rows:
            faults.append(Fault(code="missing", object=key, message=f"there is no {key}"))
    for key, expected in plan.expected.items():
        revision = state.rows[key].revision if key in state.rows else 0
        if revision != expected and not (key in plan.deletes and key not in state.rows):
            message = "exists already" if not expected else f"is at revision {revision}, not {expected}"
            faults.append(Fault(code="stale", object=key, message=message if revision else "is gone"))
    return faults


def contradictions(whole: Mapping[ObjectKey, Model], plan: Plan) -> list[Fault]:
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
