"""Fixtures of the media tests."""

from collections.abc import Iterator

import pytest

from tests.media.phone import Phone, Phones


@pytest.fixture
def phones() -> Iterator[Phones]:
    """A maker of phones (by SSRC) that closes them all afterwards."""
    made: list[Phone] = []

    def make(ssrc: int) -> Phone:
        made.append(Phone(ssrc))
        return made[-1]

    yield make
    for phone in made:
        phone.close()
