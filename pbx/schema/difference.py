"""Difference: what distinguishes two bodies of an object, field by field; secrets show only that they differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pbx.config_object import SECRET, FieldChange
from pbx.schema.tree import join

SECRETS: Final = frozenset({"ha1", "password", "sha256"})
_ABSENT: Final = object()


def difference(before: Any, after: Any) -> tuple[FieldChange, ...]:
    """All fields that differ, in order of their names."""
    return tuple(_compare("", before, after))


def _compare(path: str, before: Any, after: Any) -> Iterator[FieldChange]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            one, other = before.get(name, _ABSENT), after.get(name, _ABSENT)
            if one == other:
                continue
            if name in SECRETS:
                yield FieldChange(field=join(path, name), before=_hidden(one), after=_hidden(other))
            else:
                yield from _compare(join(path, name), one, other)
    elif _structured(before) and _structured(after):
        for place in range(max(len(before), len(after))):
            yield from _compare(join(path, place), _at(before, place), _at(after, place))
    elif before != after:
        yield FieldChange(field=path, before=_shown(before), after=_shown(after))


def _structured(value: Any) -> bool:
    """A list of settings by name, such as devices."""
    return isinstance(value, list) and any(isinstance(one, dict) for one in value)


def _at(values: list[Any], place: int) -> Any:
    return values[place] if place < len(values) else _ABSENT


def _hidden(value: Any) -> str | None:
    return None if value is _ABSENT else SECRET


def _shown(value: Any) -> Any:
    """A value without the secrets in it; None where there is none."""
    if value is _ABSENT:
        return None
    if isinstance(value, dict):
        return {name: SECRET if name in SECRETS else _shown(one) for name, one in value.items()}
    return [_shown(one) for one in value] if isinstance(value, list) else value
