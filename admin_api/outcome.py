"""Outcome: what became of a change, as answers and refusals."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from admin_api.problem import FieldError, Problem
from admin_api.resource import Resource, wrong_fields
from pbx.config_object import Fault, ObjectKey, Outcome

Json = dict[str, Any]


def refusal(faults: Sequence[Fault], target: ObjectKey | None = None, *, creating: bool = False) -> Problem:
    """The refusal of a change to `target`; `creating`: it must not exist yet."""
    first = faults[0]
    errors = [field_error(fault, target) for fault in faults]
    if first.code == "in_use":
        users = [{"kind": user.kind, "tenant": user.tenant or None, "key": user.key} for user in first.users]
        return Problem(HTTPStatus.CONFLICT, first.message, extra={"used_by": users})
    if first.code == "stale":
        if creating:
            return Problem(HTTPStatus.CONFLICT, f"{first.object} exists already")
        return Problem(HTTPStatus.PRECONDITION_FAILED, f"{first.object} was changed meanwhile; read it again")
    if first.code == "missing":
        return Problem(HTTPStatus.NOT_FOUND, f"there is no {first.object}")
    if first.code == "duplicate":
        return Problem(HTTPStatus.CONFLICT, str(first), errors=errors[:100])
    return wrong_fields(errors)


def field_error(fault: Fault, target: ObjectKey | None) -> FieldError:
    """A fault with the path of its field; one of another object names that."""
    message = fault.message if target in (None, fault.object) else f"{fault.object}: {fault.message}"
    return FieldError(field=fault.field, message=message, allowed=fault.allowed)


def preview(outcome: Outcome) -> Json:
    """What a change would do, or did: counts, and fields before and after, secrets hidden."""
    return {
        "version": outcome.version,
        "added": outcome.added,
        "changed": outcome.changed,
        "deleted": outcome.deleted,
        "changes": [
            {
                "action": one.action,
                "kind": one.object.kind,
                "tenant": one.object.tenant or None,
                "key": one.object.key,
                "fields": [{"field": f.field, "before": f.before, "after": f.after} for f in one.fields],
            }
            for one in outcome.changes
        ],
        "warnings": list(outcome.warnings),
    }


def rows_of(resource: Resource, names: Sequence[ObjectKey], faults: Sequence[Fault]) -> dict[int, list[FieldError]]:
    """Faults by the row of a bulk request that they belong to; -1 for those of no row."""
    places = {name: index for index, name in enumerate(names)}
    found: dict[int, list[FieldError]] = {}
    for fault in faults:
        index = places.get(fault.object, -1)
        message = "exists already" if fault.code == "stale" else None
        error = field_error(fault, names[index] if index >= 0 else None)
        found.setdefault(index, []).append(
            error if message is None else FieldError(field=resource.key, message=f"{fault.object} {message}")
        )
    return found
