"""`cordboard apply` and `cordboard diff`: documents against the configuration of the running server."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from cli.channel import Channel, Json, NotRunning, Refused
from cli.question import DONE, FAILED, NOT_RUNNING, parser
from pbx.config_error import ConfigError
from pbx.schema.tree import TreeError, read_text

APPLY_S = 300.0
_SIGNS = {"added": "+", "changed": "~", "deleted": "-"}


def apply(arguments: list[str]) -> int:
    """`cordboard apply`."""
    made = _parser("apply", "Make everything that the files name what they say; all of it or nothing.")
    made.add_argument("--dry-run", action="store_true", help="change nothing, say what would change")
    options = made.parse_args(arguments)
    return _run(options, "apply", dry_run=options.dry_run)


def diff(arguments: list[str]) -> int:
    """`cordboard diff`."""
    options = _parser("diff", "Say what `cordboard apply` would change.").parse_args(arguments)
    return _run(options, "diff", dry_run=True)


def _parser(name: str, about: str) -> argparse.ArgumentParser:
    made = parser(name, about)
    made.add_argument("files", type=Path, nargs="+", metavar="FILE", help="configuration documents, read as one")
    made.add_argument("--prune", action="store_true", help="delete what the files do not name")
    return made


def _run(options: argparse.Namespace, command: str, *, dry_run: bool) -> int:
    documents = []
    for path in options.files:
        try:
            documents.append({"name": str(path), "text": read_text(path)})
        except TreeError as error:
            print(error.error, file=sys.stderr)
    if len(documents) < len(options.files):
        return FAILED
    query = {"prune": "true" if options.prune else "false"}
    if command == "apply":
        query["dry_run"] = "true" if dry_run else "false"
    body = json.dumps({"documents": documents}).encode()
    try:
        found = Channel(options.data, timeout_s=APPLY_S).post("configuration", command, body=body, **query)
    except NotRunning as error:
        print(f"cordboard: {error}", file=sys.stderr)
        return NOT_RUNNING
    except Refused as error:
        _print_errors(error, options.json)
        return FAILED
    print(json.dumps(found, indent=2) if options.json else page(found, dry_run=dry_run))
    for warning in found["warnings"]:
        print(f"cordboard: {warning}", file=sys.stderr)
    return DONE


def _print_errors(refused: Refused, as_json: bool) -> None:
    """The lines of `cordboard check`, then what follows from them."""
    if as_json and refused.answer:
        print(json.dumps(refused.answer, indent=2))
    for one in refused.answer.get("errors", ()):
        print(ConfigError(one["file"], one["line"], one["field"], one["message"], one["allowed"]), file=sys.stderr)
    print(f"cordboard: {refused}", file=sys.stderr)


def page(found: Json, *, dry_run: bool) -> str:
    """The changes as text: objects with `+`, `~` or `-`, and for changed ones their fields."""
    lines = []
    for one in found["changes"]:
        name = f"{one['tenant']}/{one['key']}" if one["tenant"] else one["key"]
        lines.append(f"{_SIGNS[one['action']]} {one['kind']} {name}")
        lines += [f"    {f['field']}: {_shown(f['before'])} -> {_shown(f['after'])}" for f in one["fields"]]
    if found["left_out"]:
        lines.append(f"... and {found['left_out']} more")
    counts = ", ".join(f"{found[word]} {word}" for word in _SIGNS if found[word])
    if not counts:
        lines.append("nothing changes" if dry_run else "nothing changed")
    elif dry_run:
        lines.append(f"would be {counts}; nothing was changed")
    else:
        lines.append(f"{counts}: version {found['version']}")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    return "default" if value is None else value if value == "********" else json.dumps(value, ensure_ascii=False)
