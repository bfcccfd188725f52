"""Reasons: the table is complete and the RFC 3398 mappings hold."""

from __future__ import annotations

import pytest

from pbx.reasons import REASONS, Reason, Result, from_sip, result_of, to_q850, to_sip


def test_every_reason_has_facts() -> None:
    assert set(REASONS) == set(Reason)


def test_every_fact_is_in_range() -> None:
    for facts in REASONS.values():
        assert facts.sip_status is None or 400 <= facts.sip_status < 700
        assert 1 <= facts.q850 <= 127


@pytest.mark.parametrize(
    ("status", "q850", "reason"),
    [
        (200, None, Reason.NORMAL),
        (486, None, Reason.BUSY),
        (600, None, Reason.BUSY),
        (603, None, Reason.REJECTED),
        (408, None, Reason.NO_ANSWER),
        (480, None, Reason.NO_ANSWER),
        (480, 20, Reason.OFFLINE),
        (480, 27, Reason.OUT_OF_SERVICE),
        (404, None, Reason.INVALID_NUMBER),
        (484, None, Reason.INVALID_NUMBER),
        (487, None, Reason.CALLER_CANCELLED),
        (487, 16, Reason.CALLER_CANCELLED),
        (488, None, Reason.CODEC_MISMATCH),
        (503, None, Reason.CARRIER_ERROR),
        (599, None, Reason.CARRIER_ERROR),
        (503, 17, Reason.BUSY),
        (499, None, Reason.UNKNOWN),
        (499, 127, Reason.UNKNOWN),
    ],
)
def test_from_sip(status: int, q850: int | None, reason: Reason) -> None:
    assert from_sip(status, q850) is reason


@pytest.mark.parametrize(("status", "cause"), [(200, 16), (404, 1), (408, 102), (480, 18), (486, 17), (699, 127)])
def test_to_q850(status: int, cause: int) -> None:
    assert to_q850(status) == cause


@pytest.mark.parametrize(
    ("cause", "status"), [(1, 404), (17, 486), (18, 408), (21, 403), (16, 480), (50, 503), (99, 500)]
)
def test_to_sip(cause: int, status: int) -> None:
    assert to_sip(cause) == status


def test_result_of_an_answered_call_is_answered() -> None:
    assert all(result_of(reason, answered=True) is Result.ANSWERED for reason in Reason)


def test_result_of_an_unanswered_call_is_never_answered() -> None:
    assert all(result_of(reason, answered=False) is not Result.ANSWERED for reason in Reason)
    assert result_of(Reason.NORMAL, answered=False) is Result.MISSED
    assert result_of(Reason.BUSY, answered=False) is Result.BUSY
