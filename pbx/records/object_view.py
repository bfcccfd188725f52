"""Object view: an object of the configuration as the API shows it: all its fields, no secret, and who changed it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from pbx.config_object import StoredObject
from pbx.schema.kind import KINDS
from pbx.schema.tenant import Device
from pbx.schema.values import Model

Json = dict[str, Any]
SECRETS: Final = frozenset({"password", "ha1", "sha256"})
"""Fields that no answer holds."""
META: Final = "meta"
"""Who made and changed an object, and when; what a read gave may be sent back, and is ignored."""
OWNER_BY_PATH: Final[Mapping[str, str]] = {"did": "tenant"}
"""Kind -> the field that names its tenant; the path of the API says it already."""


def object_view(stored: StoredObject) -> Json:
    """The object with the defaults that its stored document leaves out, without secrets, with `meta`."""
    found = _filled(KINDS[stored.kind].model, stored.body)
    owner = OWNER_BY_PATH.get(stored.kind)
    if owner is not None:
        found.pop(owner, None)
    if "devices" in found:
        found["devices"] = [device_view(one, stored.key) for one in found["devices"]]
    found[META] = meta(stored)
    return found


def device_view(device: Mapping[str, Any], extension: str) -> Json:
    """A device without its secrets, by its full name."""
    return {**_filled(Device, device), "username": device.get("username") or extension}


def _filled(model: type[Model], body: Mapping[str, Any]) -> Json:
    found = {**_defaults(model), **body}
    for name in SECRETS & found.keys():
        del found[name]
    return found


@cache
def _defaults(model: type[Model]) -> Json:
    """What is default in a kind of documents, as JSON."""
    values = {name: one.get_default() for name, one in model.model_fields.items() if not one.is_required()}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def meta(stored: StoredObject) -> Json:
    """What the store knows of an object beside its document."""
    return {
        "id": stored.id,
        "revision": stored.revision,
        "created_at": time_text(stored.created_at_ms),
        "created_by": stored.created_by,
        "updated_at": time_text(stored.updated_at_ms),
        "updated_by": stored.updated_by,
    }


def time_text(at_ms: int) -> str:
    """UTC milliseconds as RFC 3339 text."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
