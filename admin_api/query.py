"""Query: the parameters that a path takes, checked before anything is done."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aiohttp import web

from admin_api.problem import FieldError, Problem

MOST = 500
USUAL = 100
MOST_TEXT = 200
_TIME = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII)
_SURROGATES = r"\ud800-\udfff"
_PLAIN = rf"[^\x00-\x1f\x7f-\x9f\u2028\u2029{_SURROGATES}]"
"""A letter of a text: anything but controls."""
_TEXT = re.compile(f"{_PLAIN}+")
_CURSOR = r"[A-Za-z0-9_-]{1,1200}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One parameter. `kind` is text, integer, boolean or time; `allowed` closes the list of a text's values.

    `compare` is how a filter compares (`is`, `contains`, `begins`). A time is RFC 3339, UTC where it says no offset,
    and read as UTC milliseconds.
    """

    name: str
    about: str
    kind: str = "text"
    default: Any = None
    allowed: tuple[str, ...] = ()
    low: int = 0
    high: int = 1 << 53
    pattern: str | None = None
    longest: int = MOST_TEXT
    compare: str = "is"
    required: bool = False

    def read(self, text: str) -> Any:
        """The value of a text. Raises Problem (422)."""
        try:
            return _READERS[self.kind](self, text)
        except ValueError as error:
            message = f"{text[:40]!r} {error}"
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"{self.name}: {message} (allowed: {self.words})",
                errors=[FieldError(field=self.name, message=message, allowed=self.words)],
            ) from None

    @property
    def words(self) -> str:
        """What is allowed, for people."""
        if self.allowed:
            return " | ".join(self.allowed)
        plain = {
            "integer": f"{self.low}-{self.high}",
            "boolean": "true | false",
            "time": "a time like 2026-11-20T17:00:00Z",
            "text": self.pattern or f"1-{self.longest} characters",
        }
        return plain[self.kind]

    def schema(self) -> dict[str, Any]:
        """Its JSON schema."""
        shapes: dict[str, dict[str, Any]] = {
            "integer": {"type": "integer", "minimum": self.low, "maximum": self.high},
            "boolean": {"type": "boolean"},
            "time": {"type": "string", "format": "date-time"},
            "text": {"type": "string", "minLength": 1, "maxLength": self.longest},
        }
        found = shapes[self.kind]
        if self.allowed:
            found = {"type": "string", "enum": list(self.allowed)}
        elif self.pattern is not None:
            found["pattern"] = f"^{self.pattern}$"
        elif self.kind == "text":
            # Half a surrogate pair is no text in JSON either: the pattern need not say so.
            found["pattern"] = f"^{_PLAIN.replace(_SURROGATES, '')}*$"
        if self.default is not None:
            found["default"] = self.default
        return found


def _text(param: Param, text: str) -> str:
    if param.allowed and text not in param.allowed:
        raise ValueError("is not known")
    if not 1 <= len(text) <= param.longest or _TEXT.fullmatch(text) is None:
        raise ValueError("is empty, too long, or holds control characters")
    if param.pattern is not None and re.fullmatch(param.pattern, text) is None:
        raise ValueError("does not fit")
    return text


def _integer(param: Param, text: str) -> int:
    if not (text.isascii() and text.isdigit() and param.low <= int(text[:17]) <= param.high):
        raise ValueError(f"is not within {param.low}-{param.high}")
    return int(text)


def _boolean(param: Param, text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("is neither true nor false")
    return text == "true"


def _time(param: Param, text: str) -> int:
    if _TIME.fullmatch(text) is None:
        raise ValueError("is not a time")
    try:
        at = datetime.fromisoformat(text.upper().replace(" ", "T"))
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        return max(0, int(at.timestamp() * 1000))
    except (ValueError, OverflowError):
        raise ValueError("is not a time") from None


_READERS = {"text": _text, "integer": _integer, "boolean": _boolean, "time": _time}

LIMIT = Param(name="limit", about="rows at the most", kind="integer", default=USUAL, low=1, high=MOST)
CURSOR = Param(name="cursor", about="`next` of the page before", pattern=_CURSOR, longest=1200)
DRY_RUN = Param(name="dry_run", about="say what would change, change nothing", kind="boolean", default=False)


def read_query(request: web.Request, params: Sequence[Param]) -> Mapping[str, Any]:
    """Every parameter's value, its default where it is not given.

    Raises Problem: 400 for one that does not exist or is given twice, 422 for a value that is not allowed.
    """
    known = {param.name: param for param in params}
    for name in request.query:
        if name not in known:
            wanted = " | ".join(known) or "none"
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                f"there is no parameter {name[:40]!r} here (allowed: {wanted})",
                errors=[FieldError(field=name[:40], message="is no parameter here", allowed=wanted)],
            )
        if len(request.query.getall(name)) > 1:
            raise Problem(HTTPStatus.BAD_REQUEST, f"parameter {name} is given twice")
    for name, param in known.items():
        if param.required and name not in request.query:
            message = "is required"
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"{name}: {message} (allowed: {param.words})",
                errors=[FieldError(field=name, message=message, allowed=param.words)],
            )
    values = {param.name: param.default for param in params}
    values |= {name: known[name].read(text) for name, text in request.query.items()}
    return values
