"""`cordboard diff` and `apply`: how changes read; and what every command does when nobody reads on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.apply import page

ROOT = Path(__file__).resolve().parents[2]
NOTHING: dict[str, Any] = {
    "version": 3, "added": 0, "changed": 0, "deleted": 0, "changes": [], "left_out": 0, "warnings": [],
}  # fmt: skip


def change(action: str, kind: str, tenant: str | None, key: str, **fields: tuple[Any, Any]) -> dict[str, Any]:
    rows = [{"field": name, "before": before, "after": after} for name, (before, after) in fields.items()]
    return {"action": action, "kind": kind, "tenant": tenant, "key": key, "fields": rows}


@pytest.mark.parametrize(("dry_run", "expected"), [(True, "nothing changes"), (False, "nothing changed")])
def test_nothing_to_do(dry_run: bool, expected: str) -> None:
    assert page(NOTHING, dry_run=dry_run) == expected


def test_changes_field_by_field() -> None:
    changes = [
        change("deleted", "did", None, "+4930@line"),
        change(
            "changed", "extension", "acme", "11", name=("Ann", "日本"), ring_timeout=(None, 5), ha1=("********",) * 2
        ),
        change("added", "tenant", None, "umbrella"),
    ]
    found = {**NOTHING, "added": 1001, "changed": 1, "deleted": 1, "changes": changes, "left_out": 1000}
    assert page(found, dry_run=False).splitlines() == [
        "- did +4930@line",
        "~ extension acme/11",
        '    name: "Ann" -> "日本"',
        "    ring_timeout: default -> 5",
        "    ha1: ******** -> ********",
        "+ tenant umbrella",
        "... and 1000 more",
        "1001 added, 1 changed, 1 deleted: version 3",
    ]
    assert page(found, dry_run=True).endswith("would be 1001 added, 1 changed, 1 deleted; nothing was changed")


def test_a_reader_that_has_enough_is_no_error() -> None:
    command = [sys.executable, "-m", "cli", "check", "examples/demo.yaml"]
    program = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert program.stdout is not None
    program.stdout.close()
    assert program.stderr is not None
    assert program.stderr.read() == b""
    program.stderr.close()
    assert program.wait(60) == 0
