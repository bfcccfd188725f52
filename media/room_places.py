"""Room places: which worker mixes which room: all of its ports must be there."""

from __future__ import annotations

from typing import Generic, TypeVar

Place = TypeVar("Place")


class RoomPlaces(Generic[Place]):
    """A room is where its first member was, until its last one has left."""

    def __init__(self) -> None:
        self._places: dict[int, Place] = {}
        self._members: dict[int, set[int]] = {}
        self._room_of: dict[int, int] = {}

    def enter(self, port_id: int, room: int | None, here: Place) -> Place:
        """A port, which is `here`, is in this room from now on (None: in none); gives where it belongs."""
        before = self._room_of.get(port_id)
        if before == room:
            return self._places[room] if room is not None else here
        self.leave(port_id)
        if room is None:
            return here
        self._room_of[port_id] = room
        self._members.setdefault(room, set()).add(port_id)
        return self._places.setdefault(room, here)

    def leave(self, port_id: int) -> None:
        """A port is in no room any more."""
        room = self._room_of.pop(port_id, None)
        if room is None:
            return
        members = self._members[room]
        members.discard(port_id)
        if not members:
            del self._members[room], self._places[room]

    def of(self, room: int) -> Place | None:
        """Where a room is, None where nobody is in it."""
        return self._places.get(room)

    def __len__(self) -> int:
        return len(self._places)
