"""Told: requests to apply documents, and the answers to them, as the JSON that the API passes through unread."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pbx.config_error import ConfigError
from pbx.config_object import Applied, Outcome
from pbx.schema.loading import Text

Json = dict[str, Any]


def read_documents(body: bytes) -> list[Text]:
    """`{"documents": [{"name": ..., "text": ...}]}` as texts. Raises ValueError for anything else."""
    wanted = 'the body must be {"documents": [{"name": "FILE", "text": "YAML"}, ...]}'
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{wanted}: it is no JSON") from error
    documents = found.get("documents") if isinstance(found, dict) else None
    if not isinstance(documents, list) or not documents or set(found) != {"documents"}:
        raise ValueError(wanted)
    texts = []
    for one in documents:
        if not isinstance(one, dict) or set(one) != {"name", "text"}:
            raise ValueError(wanted)
        name, text = one["name"], one["text"]
        if not isinstance(name, str) or not isinstance(text, str):
            raise ValueError(wanted)
        # Half a surrogate pair can stand in JSON, in no text.
        if not all(part.isascii() or part.encode("utf-8", "replace").decode() == part for part in (name, text)):
            raise ValueError(f"{wanted}: the text is not Unicode")
        texts.append(Text(name, text))
    return texts


def tell(applied: Applied, *, dry_run: bool) -> bytes:
    """The answer; with errors it is a problem document (RFC 9457)."""
    told = view(applied.outcome) | {"dry_run": dry_run, "errors": _errors(applied.errors)}
    if applied.errors:
        told |= _problem(f"{len(applied.errors)} error(s) in the configuration; nothing was changed")
    return json.dumps(told).encode()


def tell_check(errors: Sequence[ConfigError]) -> bytes:
    """The answer to documents that were to be looked at alone."""
    told: Json = {"errors": _errors(errors)}
    if errors:
        told |= _problem(f"{len(errors)} error(s) in the configuration")
    return json.dumps(told).encode()


def _errors(errors: Sequence[ConfigError]) -> list[Json]:
    return [
        {"file": one.file, "line": one.line, "field": one.field, "message": one.message, "allowed": one.allowed}
        for one in errors
    ]


def _problem(detail: str) -> Json:
    return {"type": "about:blank", "title": "Unprocessable Entity", "status": 422, "detail": detail}


def tell_refusal(detail: str) -> bytes:
    """The answer to what cannot be read at all."""
    return json.dumps(_problem(detail) | {"errors": []}).encode()


def view(outcome: Outcome) -> Json:
    """An outcome as JSON; `left_out` counts changes that were too many to be told one by one."""
    changes = [
        {
            "action": one.action,
            "kind": one.object.kind,
            "tenant": one.object.tenant or None,
            "key": one.object.key,
            "fields": [{"field": f.field, "before": f.before, "after": f.after} for f in one.fields],
        }
        for one in outcome.changes
    ]
    total = outcome.added + outcome.changed + outcome.deleted
    return {
        "version": outcome.version,
        "added": outcome.added,
        "changed": outcome.changed,
        "deleted": outcome.deleted,
        "changes": changes,
        "left_out": total - len(changes),
        "warnings": list(outcome.warnings),
    }
