"""Body: the JSON document of a request, read within bounds."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from admin_api.problem import Problem

MOST_BYTES: Final = 4 << 20
MOST_DEPTH: Final = 16
JSON_TYPES: Final = ("application/json",)
PATCH_TYPES: Final = ("application/merge-patch+json", "application/json")


async def read_json(request: web.Request, types: tuple[str, ...] = JSON_TYPES) -> tuple[Any, bytes]:
    """The document and its bytes. Raises Problem: 400 no JSON, 413 too large, 415 another content type."""
    check_type(request, types)
    raw = await request.read()
    return parse_json(raw), raw


def check_type(request: web.Request, types: tuple[str, ...]) -> None:
    """Whether the body may be of this kind. Raises Problem (415)."""
    if request.content_type not in types:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"content type {request.content_type[:80]!r} is not served here (allowed: {' | '.join(types)})",
            headers={"Accept-Post" if request.method == "POST" else "Accept-Patch": ", ".join(types)},
        )
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding != "identity":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "a body with a content encoding is not served here")


def parse_json(raw: bytes) -> Any:
    """A JSON value (RFC 8259). Raises Problem (400) for what is none, says a name twice or is nested too deep."""
    try:
        text = raw.decode("utf-8")
        if not _shallow(text):
            raise Problem(HTTPStatus.BAD_REQUEST, f"the body is nested deeper than {MOST_DEPTH} levels")
        value = json.loads(text, parse_constant=_no_number, object_pairs_hook=_once)
        # Half a surrogate pair is a legal escape, and no text: it could be stored nowhere.
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error.msg} ({where})") from None
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {str(error)[:200]}") from None
    return value


def _shallow(text: str) -> bool:
    """Whether brackets are nested no deeper than allowed; those within texts do not count."""
    depth, inside, escaped = 0, False, False
    if text.count("[") + text.count("{") <= MOST_DEPTH:
        return True
    for letter in text:
        if inside:
            if escaped:
                escaped = False
            elif letter == "\\":
                escaped = True
            elif letter == '"':
                inside = False
        elif letter == '"':
            inside = True
        elif letter in "[{":
            depth += 1
            if depth > MOST_DEPTH:
                return False
        elif letter in "]}":
            depth -= 1
    return True


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"{twice[:80]!r} is given twice")
    return found
