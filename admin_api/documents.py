"""Documents: the endpoints that take and give the configuration as a whole, for the platform."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from admin_api.body import JSON_TYPES
from admin_api.configuration import (
    PRUNE,
    TENANT,
    VERSION,
    apply_documents,
    check_documents,
    compare_documents,
    export_documents,
    list_history,
    restore_history,
)
from admin_api.endpoint import Content, Endpoint, Reply, Schema
from admin_api.query import DRY_RUN, LIMIT
from admin_api.schemas import OBJECT, TEXT, ref

_DOCUMENTS: Final[Schema] = {
    "type": "object",
    "description": "Configuration documents, read as one; `name` stands for the file in errors.",
    "properties": {
        "documents": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {"name": TEXT, "text": TEXT | {"description": "YAML"}},
                "required": ["name", "text"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["documents"],
    "additionalProperties": False,
}
_EXAMPLE: Final = {
    "documents": [{"name": "acme.yaml", "text": "tenants: [{key: acme, domain: sip.acme.example}]"}],
}


def document_endpoints() -> Iterator[Endpoint]:
    """Check, compare, apply and export documents; the history of what was applied."""
    check = Endpoint(
        name="check_configuration",
        method="POST",
        path="/configuration/check",
        handler=check_documents,
        summary="Say what is wrong with configuration documents",
        tag="configuration",
        content=Content(types=JSON_TYPES, schema=_DOCUMENTS, example=_EXAMPLE),
        replies={200: Reply(about="They are right.", schema=ref("Checked"))},
    )
    yield check
    applied = {200: Reply(about="What changed, or would.", schema=ref("Applied"))}
    yield replace(check, name="compare_configuration", path="/configuration/diff", handler=compare_documents,
                  summary="Say what configuration documents would change", query=(PRUNE,),
                  replies=applied)  # fmt: skip
    yield replace(check, name="apply_configuration", path="/configuration/apply", handler=apply_documents,
                  summary="Apply configuration documents, all of them or nothing", query=(PRUNE, DRY_RUN),
                  replies=applied, write=True)  # fmt: skip
    export = replace(
        check,
        name="export_configuration",
        method="GET",
        path="/configuration/export",
        handler=export_documents,
        summary="The configuration as a document, hashes of passwords with it",
        # Who has the hash of a phone's password (HA1) can register as that phone.
        write=True,
        query=(TENANT,),
        content=None,
        replies={200: Reply(about="A YAML document.", schema=OBJECT, type="application/yaml")},
    )
    yield export
    yield replace(export, name="list_configuration_versions", path="/configuration/versions", handler=list_history,
                  summary="List versions of the configuration, the newest first", write=False, query=(LIMIT,),
                  replies={200: Reply(about="All.", schema=ref("History"))})  # fmt: skip
    yield replace(export, name="restore_configuration", method="POST", path="/configuration/restore",
                  handler=restore_history, summary="Make everything what it was in a version, and count",
                  query=(VERSION, DRY_RUN),
                  replies={200: Reply(about="How much changed, or would.", schema=ref("Restored"))})  # fmt: skip
