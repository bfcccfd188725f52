"""Log lines: those of a call say which, and of which tenant; none has a field for secrets."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEVELS = frozenset({"debug", "info", "warning", "error", "exception"})
SECRET = frozenset({"password", "authorization", "digits", "ha1", "credentials", "token", "nonce", "body"})


def log_lines() -> Iterator[tuple[str, str, frozenset[str]]]:
    """Place, logger and fields of every structured log line of the call server."""
    for room in ("pbx", "dialplan", "ivr", "admin_api"):
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                    continue
                logger = ast.unparse(node.func.value)
                if node.func.attr in LEVELS and logger.endswith(("log", "get_logger('admin_api')")):
                    fields = frozenset(one.arg for one in node.keywords if one.arg is not None)
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", logger, fields


def test_lines_of_a_call_name_it_and_its_tenant() -> None:
    lines = list(log_lines())
    assert len(lines) > 10
    wrong = [
        place
        for place, logger, fields in lines
        # `Session.log` has both bound.
        if fields & {"call", "leg"}
        and not {"call", "tenant"} <= fields
        and logger != "session.log"
        and not place.startswith("pbx/session.py:")
    ]
    assert not wrong


def test_no_line_has_a_field_for_secrets() -> None:
    assert not [place for place, _, fields in log_lines() if fields & SECRET]
