"""Fixtures of the media tests."""

from collections.abc import Iterator

import pytest

from tests.media.datapath_bench import Bench, makers, name_of
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


@pytest.fixture(params=makers(), ids=name_of)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(request.param)
    yield made
    made.close()


@pytest.fixture(params=makers(), ids=name_of)
def reporting(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(request.param, rtcp_interval_s=0.05)
    yield made
    made.close()
