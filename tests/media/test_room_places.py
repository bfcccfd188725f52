"""Where rooms are: with their first member, until the last has left."""

from media.room_places import RoomPlaces


def test_a_room_is_where_its_first_member_was() -> None:
    places: RoomPlaces[str] = RoomPlaces()
    assert places.enter(1, 7, "one") == "one"
    assert places.enter(2, 7, "two") == "one"
    assert places.enter(3, None, "two") == "two"
    assert places.of(7) == "one"


def test_a_room_without_members_is_forgotten() -> None:
    places: RoomPlaces[str] = RoomPlaces()
    places.enter(1, 7, "one")
    places.enter(2, 7, "one")
    places.leave(1)
    assert places.enter(2, 7, "one") == "one"
    assert places.enter(2, 8, "two") == "two"
    assert places.of(7) is None
    assert places.enter(3, 7, "three") == "three"
    places.leave(3)
    places.leave(3)
    assert places.enter(2, None, "two") == "two"
    assert len(places) == 0
