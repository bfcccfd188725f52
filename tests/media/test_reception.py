"""Reception statistics against hand-made streams (RFC 3550 A.1, A.3, A.8)."""

import pytest

from media.reception import Reception


def test_loss_and_duplicates_add_up_over_a_wrap() -> None:
    reception = Reception()
    for sequence in (65533, 65534, 65535, 0, 2, 2, 3):
        reception.sequence_seen(1, sequence)
    assert (reception.expected, reception.lost) == (7, 0)
    reception.sequence_seen(1, 5)
    (block,) = reception.block(0.0)
    assert (block.cumulative_lost, block.highest_sequence) == (1, 0x10000 + 5)


def test_fraction_is_of_the_interval() -> None:
    reception = Reception()
    for sequence in range(10):
        reception.sequence_seen(1, sequence)
    assert reception.block(0.0)[0].fraction_lost == 0
    for sequence in range(10, 20, 2):
        reception.sequence_seen(1, sequence)
    assert reception.block(0.0)[0].fraction_lost == (4 << 8) // 9


def test_another_source_keeps_the_totals() -> None:
    reception = Reception()
    for sequence in (1, 3):
        reception.sequence_seen(1, sequence)
    assert not reception.sequence_seen(2, 500)
    assert reception.sequence_seen(2, 501)
    assert (reception.expected, reception.lost) == (5, 1)


def test_jitter_follows_the_formula() -> None:
    reception = Reception()
    reception.arrival_seen(0, 100.0, 8000)
    reception.arrival_seen(160, 100.020, 8000)
    assert reception.jitter == 0.0
    reception.arrival_seen(320, 100.050, 8000)
    assert reception.jitter == pytest.approx(80 / 16)
    reception.arrival_seen(320 + 8000 * 3600, 100.07, 8000)
    assert reception.jitter == pytest.approx(80 / 16)


def test_no_block_before_the_first_packet() -> None:
    assert Reception().block(0.0) == ()
