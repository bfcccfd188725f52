"""Schemas: what the API's documents look like, as JSON schema, made from the models themselves."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from admin_api.resource import Resource
from admin_api.resources import RESOURCES
from admin_api.tokens import TokenWish
from pbx.records.object_view import META
from pbx.schema.tenant import Device

Schema = dict[str, Any]
TEXT: Final[Schema] = {"type": "string"}
WHOLE: Final[Schema] = {"type": "integer"}
SWITCH: Final[Schema] = {"type": "boolean"}
MAYBE_TEXT: Final[Schema] = {"type": ["string", "null"]}
OBJECT: Final[Schema] = {"type": "object"}


def ref(name: str) -> Schema:
    """A reference to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(about: str, **members: Schema) -> Schema:
    """An object with exactly these members, all of them present."""
    return {"type": "object", "description": about, "properties": members, "required": list(members)}


def page(item: Schema, *, total: bool = True) -> Schema:
    """A page of a list."""
    members = {"items": {"type": "array", "items": item}, "next": MAYBE_TEXT}
    return record("A page; `next` is the cursor of the following one, null at the end.", **members) | (
        {} if not total else {"properties": members | {"total": {"type": ["integer", "null"]}}}
    )


def wish_name(resource: Resource) -> str:
    """The name of the schema of a resource's documents."""
    return resource.model.__name__


def shown_name(resource: Resource) -> str:
    """The name of the schema of a resource as it is answered."""
    return f"{resource.model.__name__}Shown"


_META = record(
    "Who made and changed it, and when. Read only; it may be sent back, and is ignored.",
    id=TEXT,
    revision=WHOLE,
    created_at=TEXT,
    created_by=TEXT,
    updated_at=TEXT,
    updated_by=TEXT,
)
_FIELD_ERROR = record("What is wrong with one field.", field=TEXT, message=TEXT, allowed=MAYBE_TEXT)
_NAMED: Final[dict[str, Schema]] = {
    "Meta": _META,
    "FieldError": _FIELD_ERROR,
    "Problem": {
        "type": "object",
        "description": "A refusal (RFC 9457).",
        "properties": {
            "type": TEXT,
            "title": TEXT,
            "status": WHOLE,
            "detail": TEXT,
            "errors": {"type": "array", "items": ref("FieldError")},
            "used_by": {
                "type": "array",
                "items": record("Who refers to the object.", kind=TEXT, tenant=MAYBE_TEXT, key=TEXT),
            },
            "done": WHOLE,
            "rows": {"type": "array", "items": ref("BulkRow")},
        },
        "required": ["type", "title", "status", "detail"],
    },
    "Preview": record(
        "What a change does: counts, and each field before and after; secrets are hidden.",
        version=WHOLE,
        added=WHOLE,
        changed=WHOLE,
        deleted=WHOLE,
        changes={
            "type": "array",
            "items": record(
                "A change of one object.",
                action={"type": "string", "enum": ["added", "changed", "deleted"]},
                kind=TEXT,
                tenant=MAYBE_TEXT,
                key=TEXT,
                fields={"type": "array", "items": record("A field.", field=TEXT, before={}, after={})},
            ),
        },
        warnings={"type": "array", "items": TEXT},
    ),
    "BulkRow": record(
        "What became of one row.",
        row=WHOLE,
        key=TEXT,
        result={"type": "string", "enum": ["created", "refused", "not_tried"]},
        errors={"type": "array", "items": ref("FieldError")},
    ),
    "Bulk": record("What became of all rows.", done=WHOLE, rows={"type": "array", "items": ref("BulkRow")}),
    "TokenShown": record(
        "A token, without its secret.",
        id=TEXT,
        name=MAYBE_TEXT,
        role={"type": "string", "enum": ["platform", "tenant"]},
        tenant=MAYBE_TEXT,
        read_only=SWITCH,
        expires_at=MAYBE_TEXT,
        allowed_nets={"type": "array", "items": TEXT},
        last_used=MAYBE_TEXT,
        meta=ref("Meta"),
    ),
    "Version": record(
        "A version of the configuration.", version=WHOLE, at=TEXT, by=TEXT, summary=TEXT, restorable=SWITCH
    ),
    "Checked": record("Documents that are right.", errors={"type": "array", "items": ref("FieldError")}),
    "Applied": record(
        "What documents changed, or would; `left_out` changes were too many to be told one by one.",
        version=WHOLE,
        added=WHOLE,
        changed=WHOLE,
        deleted=WHOLE,
        changes={"type": "array", "items": OBJECT},
        left_out=WHOLE,
        warnings={"type": "array", "items": TEXT},
        dry_run=SWITCH,
        errors={"type": "array", "items": ref("FieldError")},
    ),
    "History": record("Versions, the newest first.", versions={"type": "array", "items": ref("Version")}),
    "Restored": record(
        "How much a step back changed, or would.",
        version=WHOLE,
        added=WHOLE,
        changed=WHOLE,
        deleted=WHOLE,
        warnings={"type": "array", "items": TEXT},
        dry_run=SWITCH,
    ),
    "Call": record(
        "A call, live or over.",
        id=TEXT,
        tenant=MAYBE_TEXT,
        direction=TEXT,
        state=TEXT,
        since=MAYBE_TEXT,
        seconds=WHOLE,
        legs={"type": "array", "items": OBJECT},
    ),
    "Trace": record(
        "The course of a call.",
        call=ref("Call"),
        ladder={"type": "array", "items": TEXT},
        messages={"type": "array", "items": OBJECT},
        cut=SWITCH,
    ),
    "Recording": record(
        "A recording: left the customer's side, right the tenant's. `faults` say what is missing in it.",
        id=TEXT,
        call=TEXT,
        tenant=TEXT,
        state={"type": "string", "enum": ["ready", "partial", "failed"]},
        began_at=TEXT,
        duration_ms=WHOLE,
        format=TEXT,
        rate_hz=WHOLE,
        size_bytes=WHOLE,
        sha256=TEXT,
        legs={"type": "array", "items": OBJECT},
        faults={"type": "array", "items": TEXT},
    ),
    "RecordingState": record(
        "What the recording of a live call does now.",
        call=TEXT,
        recording=TEXT,
        state={"type": "string", "enum": ["recording", "paused", "stopped"]},
    ),
    "Ending": record("A call that ends.", id=TEXT, state={"type": "string", "enum": ["ended", "ending"]}),
    "Supervision": record("A call that somebody hears, or is rung to hear.", call=TEXT, extension=TEXT, mode=TEXT),
    "ConferenceMember": record(
        "A leg in a conference.",
        leg=TEXT,
        call=TEXT,
        number=MAYBE_TEXT,
        device=MAYBE_TEXT,
        trunk=MAYBE_TEXT,
        seconds=WHOLE,
        talking=SWITCH,
        muted=SWITCH,
        deaf=SWITCH,
        gain_db={"type": "number"},
    ),
    "Conference": record(
        "A conference that somebody is in.",
        tenant=TEXT,
        room=TEXT,
        seconds=WHOLE,
        max_members=WHOLE,
        members={"type": "array", "items": ref("ConferenceMember")},
    ),
    "Registration": record(
        "A phone that is registered.",
        tenant=TEXT,
        device=TEXT,
        aor=TEXT,
        contact=TEXT,
        received=TEXT,
        transport=TEXT,
        behind_nat=SWITCH,
        expires_s=WHOLE,
        user_agent=MAYBE_TEXT,
    ),
    "Cdr": record(
        "A call record. Times are UTC, lengths milliseconds.",
        id=TEXT,
        tenant=MAYBE_TEXT,
        direction=TEXT,
        caller_original=MAYBE_TEXT,
        called_original=MAYBE_TEXT,
        start_at=MAYBE_TEXT,
        answer_at=MAYBE_TEXT,
        end_at=MAYBE_TEXT,
        total_ms=WHOLE,
        talk_ms=WHOLE,
        result=TEXT,
        reason=TEXT,
    ),
    "Event": record("A fact that the server stated.", seq=WHOLE, at=TEXT, type=TEXT, call=MAYBE_TEXT, data=OBJECT),
    "Status": record("How the node does.", version=TEXT, node=TEXT, uptime_s=WHOLE, calls=WHOLE, registrations=WHOLE),
}


def components() -> dict[str, Schema]:
    """Every named schema of the document."""
    models: list[type[BaseModel]] = [*(one.model for one in RESOURCES.values()), Device, TokenWish]
    _, defined = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    found: dict[str, Schema] = dict(defined["$defs"])
    for resource in RESOURCES.values():
        wish = found[wish_name(resource)]
        if resource.owner is not None:
            wish = _without(wish, resource.owner)
            found[wish_name(resource)] = wish
        found[shown_name(resource)] = _shown(wish)
        found[wish_name(resource)] = _taken(wish)
    found["DeviceShown"] = _shown(found["Device"])
    found["Device"] = _taken(found["Device"])
    token = record("A token just made; this is the only time that its secret is shown.", **_token_members())
    return {name: found[name] for name in sorted(found)} | _NAMED | {"TokenMade": token}


def _token_members() -> dict[str, Schema]:
    members: dict[str, Schema] = _NAMED["TokenShown"]["properties"]
    return members | {"secret": MAYBE_TEXT}


def _without(schema: Schema, member: str) -> Schema:
    members = {name: one for name, one in schema["properties"].items() if name != member}
    return schema | {"properties": members, "required": [one for one in schema["required"] if one != member]}


def _taken(schema: Schema) -> Schema:
    """A document as it is sent: `meta` of a read may come back."""
    ignored = {"type": "object", "description": "Ignored."}
    return schema | {"properties": schema["properties"] | {META: ignored}}


def _shown(schema: Schema) -> Schema:
    """A document as it is answered: without secrets, with `meta`."""
    members = {name: one for name, one in schema["properties"].items() if name not in ("password", "ha1")}
    if "devices" in members:
        members["devices"] = {"type": "array", "items": {"type": "object"}}
    required = [*schema.get("required", []), META]
    return schema | {"properties": members | {META: ref("Meta")}, "required": required}
