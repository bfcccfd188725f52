"""Header fields of a message: an ordered multimap that remembers what was parsed (RFC 3261 §7.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, cast

from sip.errors import LocalError, MalformedHeader
from sip.grammar import excerpt
from sip.header_name import LONG_NAMES, WIRE_PREFIXES, fold_name, wire_prefix

T = TypeVar("T")


class Headers:
    """Rows of (lower-case long name, raw value).

    Rows of one name keep their order; across names the order is that of each name's first row (RFC 3261
    §7.3.1: the order of different names means nothing). Every method takes names in any spelling. Values
    are as on the wire, unfolded; CR, LF and NUL in them are refused when the message is encoded.
    """

    __slots__ = ("_parsed", "_values")

    def __init__(self, rows: Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, list[str]] = {}
        self._parsed: dict[str, object] = {}
        for name, value in rows:
            self.add(name, value)

    @classmethod
    def adopt(cls, values: dict[str, list[str]]) -> Headers:
        """Take over a dict of lower-case long names without copying; the caller lets go of it."""
        headers = cls.__new__(cls)
        headers._values = values
        headers._parsed = {}
        return headers

    def get(self, name: str) -> str | None:
        """Raw value of the first row, or None."""
        values = self._values.get(name) or self._values.get(_key(name))
        return values[0] if values else None

    def get_all(self, name: str) -> list[str]:
        """Raw values of all rows in order, [] for none."""
        values = self._values.get(name) or self._values.get(_key(name))
        return values.copy() if values else []

    def add(self, name: str, value: str) -> None:
        """Append a row."""
        key = _key(name)
        self._parsed.pop(key, None)
        values = self._values.get(key)
        if values is None:
            self._values[key] = [value]
        else:
            values.append(value)

    def prepend(self, name: str, value: str) -> None:
        """Put a row before all rows of its name; a new name goes before all names."""
        key = _key(name)
        self._parsed.pop(key, None)
        values = self._values.get(key)
        if values is None:
            self._values = {key: [value], **self._values}
        else:
            values.insert(0, value)

    def set(self, name: str, value: str | list[str]) -> None:
        """Replace all rows of a name by one, or by the rows of a list."""
        key = _key(name)
        self._parsed.pop(key, None)
        if isinstance(value, str):
            self._values[key] = [value]
        elif value:
            self._values[key] = value.copy()
        else:
            self._values.pop(key, None)

    def remove(self, name: str) -> None:
        """Drop all rows of a name, if any."""
        key = _key(name)
        self._parsed.pop(key, None)
        self._values.pop(key, None)

    def __contains__(self, name: object) -> bool:
        return name in self._values or (isinstance(name, str) and _key(name) in self._values)

    def __len__(self) -> int:
        return sum(map(len, self._values.values()))

    def items(self) -> Iterator[tuple[str, str]]:
        """All rows as (lower-case long name, raw value)."""
        for name, values in self._values.items():
            for value in values:
                yield name, value

    def names(self) -> Iterator[str]:
        """Each name once."""
        return iter(self._values)

    def copy(self) -> Headers:
        """Independent copy; what was parsed is shared, since parsed values never change."""
        other = Headers.__new__(Headers)
        other._values = {name: values.copy() for name, values in self._values.items()}
        other._parsed = self._parsed.copy()
        return other

    def parsed(self, name: str, parse: Callable[[list[str]], T]) -> T:
        """`parse` of all rows of `name` (lower-case long), remembered until a row of that name changes.

        One name must always come with one parser. MalformedHeader comes out with `where` = the name.
        """
        parsed = self._parsed
        if name in parsed:
            return cast(T, parsed[name])
        try:
            value = parse(self._values.get(name) or [])
        except MalformedHeader as error:
            error.where = wire_prefix(name)[:-2]
            raise
        parsed[name] = value
        return value

    def put_parsed(self, name: str, raw: str, value: object) -> None:
        """Replace all rows of `name` (lower-case long) by `raw`, whose parsed form the caller knows."""
        self._values[name] = [raw]
        self._parsed[name] = value

    def encode_after(self, start_line: str, body_size: int) -> bytes:
        """The head of a message from its start line to the empty line, Content-Length included.

        Raises LocalError when a row holds CR, LF or a bare NUL, or a lone surrogate.
        """
        lines = [start_line]
        for name, values in self._values.items():
            if name == "content-length":
                continue
            prefix = WIRE_PREFIXES.get(name) or wire_prefix(name)
            for value in values:
                lines.append(prefix + value)
        line_ends = len(lines) + 2
        lines.append(f"Content-Length: {body_size}\r\n\r\n")
        head = "\r\n".join(lines)
        if head.count("\n") != line_ends or head.count("\r") != line_ends or "\0" in head:
            _refuse_controls(lines[:-1])
        try:
            return head.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError as error:
            raise LocalError(f"a header value cannot be encoded as UTF-8: {error.reason}") from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._values == other._values

    __hash__ = cast(Any, None)

    def __repr__(self) -> str:
        return f"Headers({list(self.items())!r})"


def _key(name: str) -> str:
    known = LONG_NAMES.get(name)
    if known is not None:
        return known
    try:
        return fold_name(name)
    except ValueError as error:
        raise LocalError(str(error)) from error


def _refuse_controls(lines: list[str]) -> None:
    """Raise LocalError for CR, LF, and for NUL unless escaped (RFC 3261 §25.1 quoted-pair)."""
    for line in lines:
        if "\r" in line or "\n" in line or "\0" in line.replace("\\\0", ""):
            raise LocalError(f"a message line cannot hold CR, LF or NUL: {excerpt(line)}")
