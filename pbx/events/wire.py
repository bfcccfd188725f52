"""Events as bytes: one msgpack array per event, `[code, seq, at_ns, field, ...]`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]

from pbx.events.base import Envelope, Event, EventError, Unknown

_HEAD: Final = 3
_new: Final[Callable[[type[Event]], Event]] = object.__new__


def _getter(event_class: type[Event]) -> Callable[[Event], tuple[Any, ...]]:
    """Fields of an event as a tuple in order of declaration."""
    names = [field.name for field in fields(event_class)]  # type: ignore[arg-type]
    return attrgetter(*names)  # every event has two fields or more, so this gives a tuple


def _setters(event_class: type[Event]) -> tuple[tuple[str, ...], tuple[Callable[[Event, Any], None], ...]]:
    """Names of an event's fields in order of declaration, and the setters of their slots."""
    names = tuple(field.name for field in fields(event_class))  # type: ignore[arg-type]
    return names, tuple(getattr(event_class, name).__set__ for name in names)


class Wire:
    """Writes and reads the events of one registry. One per thread (it keeps its packer's buffer)."""

    __slots__ = ("_classes", "_getters", "_lenient", "_pack")

    def __init__(self, registry: Mapping[int, type[Event]]) -> None:
        self._getters = {cls: (cls.code, _getter(cls)) for cls in registry.values()}
        self._classes = {code: (cls, *_setters(cls)) for code, cls in registry.items()}
        self._pack: Callable[[object], bytes] = msgpack.Packer(buf_size=4096).pack
        lenient = msgpack.Packer(buf_size=4096, unicode_errors="replace")
        self._lenient: Callable[[object], bytes] = lenient.pack

    def encode(self, event: Event, seq: int, at_ns: int) -> bytes:
        """Bytes of `event`. Text that is not valid Unicode is written with `?` in its place.

        Raises EventError for a class outside the registry or a value that msgpack does not know.
        """
        try:
            code, getter = self._getters[event.__class__]
        except KeyError:
            raise EventError(f"{event.__class__.__name__} is not in the event registry") from None
        row = (code, seq, at_ns, *getter(event))
        try:
            return self._pack(row)
        except UnicodeEncodeError:  # undecodable bytes of a SIP message, kept as surrogates
            return self._lenient(row)
        except (TypeError, ValueError, OverflowError) as error:
            raise EventError(f"{event.__class__.__name__} cannot be written: {error}") from error

    def decode(self, data: bytes) -> Envelope:
        """The event in `data`; a code of a newer version gives `Unknown`, its extra fields are dropped.

        Raises EventError when `data` is no event record at all.
        """
        try:
            row = msgpack.unpackb(data, use_list=False, strict_map_key=False)
        except Exception as error:  # msgpack raises many kinds; all mean the same here
            raise EventError(f"event record of {len(data)} bytes is not msgpack: {error!r}") from error
        if type(row) is not tuple or len(row) < _HEAD:
            raise EventError(f"event record of {len(data)} bytes does not begin with code, seq and time")
        code, seq, at_ns = row[:_HEAD]
        if type(code) is not int or type(seq) is not int or type(at_ns) is not int:
            raise EventError(f"event record of {len(data)} bytes does not begin with code, seq and time")
        values = row[_HEAD:]
        known = self._classes.get(code)
        if known is None:
            return Envelope(seq, at_ns, Unknown(number=code, values=values))
        event_class, names, setters = known
        if len(values) >= len(setters):
            # The slots directly: half the time of the constructor of a frozen class.
            event = _new(event_class)
            for setter, value in zip(setters, values, strict=False):
                setter(event, value)
            return Envelope(seq, at_ns, event)
        try:  # written before the last fields were added: they take their defaults
            return Envelope(seq, at_ns, event_class(**dict(zip(names, values, strict=False))))
        except TypeError:  # a needed field is missing: not written by any version of ours
            return Envelope(seq, at_ns, Unknown(number=code, values=values))
