"""The parts of the API that need no server: tokens' text, their check, patience, rates, patches, bodies, parameters."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin_api.body import MOST_DEPTH, parse_json
from admin_api.endpoints import ENDPOINTS
from admin_api.idempotency import KEEP_S, Answers, Kept
from admin_api.identity import Identity
from admin_api.merge_patch import merge_patch
from admin_api.openapi import document
from admin_api.problem import Problem
from admin_api.query import Param
from admin_api.request_rate import RequestRate
from admin_api.secret_text import NewSecret, id_of, make_secret
from admin_api.token_book import COARSE_MS, Refusal, TokenBook
from admin_api.wrong_tokens import FREE, MOST_ADDRESSES, MOST_S, TELL_S, WrongTokens
from pbx.snapshot import TokenSnapshot

NOW_MS = 1_790_000_000_000


def secret(seed: int = 1) -> NewSecret:
    return make_secret(Random(seed).choice)


def known(made: NewSecret, **fields: object) -> dict[str, TokenSnapshot]:
    values = {"tenant": None, "read_only": False, "expires_at_ms": None} | fields
    return {made.id: TokenSnapshot(id=made.id, sha256=made.sha256, **values)}  # type: ignore[arg-type]


def test_a_mistyped_token_is_known_as_such() -> None:
    made = secret()
    assert made.text.startswith(f"cbt_{made.id}_")
    assert id_of(made.text) == made.id
    for index in range(len(made.text)):
        wrong = made.text[:index] + ("a" if made.text[index] != "a" else "b") + made.text[index + 1 :]
        assert id_of(wrong) is None, index
    assert made.text not in str(known(made))


@given(st.text(max_size=80))
def test_any_text_is_refused_quietly(text: str) -> None:
    assert isinstance(TokenBook().check(text, "127.0.0.1", NOW_MS, {}), Refusal)


def test_what_a_token_opens() -> None:
    made, book = secret(), TokenBook()
    tokens = known(made, tenant="one", read_only=True)
    identity = Identity(name=f"token {made.id}", tenant="one", read_only=True, token=made.id)
    assert book.last_used_ms(made.id) is None
    assert book.check(made.text, "192.0.2.1", NOW_MS, tokens) == identity
    assert book.last_used_ms(made.id) == NOW_MS - NOW_MS % COARSE_MS
    assert book.check(secret(2).text, "192.0.2.1", NOW_MS, tokens) == Refusal("unknown", None)
    expired = known(made, expires_at_ms=NOW_MS)
    assert book.check(made.text, "192.0.2.1", NOW_MS, expired) == Refusal("expired", made.id)
    assert isinstance(book.check(made.text, "192.0.2.1", NOW_MS - 1, expired), Identity)
    bound = known(made, allowed_nets=("192.0.2.0/24", "2001:db8::/32"))
    for address, right in (("192.0.2.9", True), ("::ffff:192.0.2.9", True), ("2001:db8::1%eth0", True),
                           ("192.0.3.1", False), ("", False)):  # fmt: skip
        assert isinstance(book.check(made.text, address, NOW_MS, bound), Identity) == right, address


def test_wrong_tokens_wait_longer_and_are_told_once_a_minute() -> None:
    wrong = WrongTokens()
    answers = [wrong.note("a", 0.0) for _ in range(40)]
    assert [wait for wait, _ in answers[:FREE]] == [0.0] * FREE
    assert answers[-1] == (MOST_S, 0)
    assert [told for _, told in answers] == [1] + [0] * 39
    assert wrong.note("a", TELL_S) == (MOST_S, 40)
    assert wrong.note("b", TELL_S) == (0.0, 1)
    assert wrong.note("a", TELL_S + 1000.0) == (0.0, 1)
    for number in range(2 * MOST_ADDRESSES):
        wrong.note(str(number), 0.0)
    assert len(wrong._records) == MOST_ADDRESSES


def test_a_rate_lets_a_burst_through_and_then_a_steady_flow() -> None:
    rate = RequestRate(60)
    assert [rate.take("a", 0.0) for _ in range(30)] == [0.0] * 30
    assert rate.take("a", 0.0) == pytest.approx(1.0)
    assert rate.take("b", 0.0) == 0.0
    assert rate.take("a", 1.0) == 0.0
    assert rate.take("a", 1.0) > 0.0
    assert not any(RequestRate(0).take("a", 0.0) for _ in range(1000))


def test_answers_are_kept_for_a_day() -> None:
    answers = Answers()
    assert answers.begin("me", "k", "d", 0.0) is None
    with pytest.raises(Problem, match="still being served"):
        answers.begin("me", "k", "d", 1.0)
    answers.end("me", "k", Kept(at=0.0, digest="d", status=201, body=b"{}"))
    again = answers.begin("me", "k", "d", 2.0)
    assert again is not None
    assert again.status == 201
    with pytest.raises(Problem, match="another request"):
        answers.begin("me", "k", "other", 2.0)
    assert answers.begin("you", "k", "other", 2.0) is None
    assert answers.begin("me", "k", "d", KEEP_S) is None
    answers.drop("me", "k")
    assert answers.begin("me", "k", "x", KEEP_S) is None
    with pytest.raises(Problem, match="visible ASCII"):
        answers.begin("me", "a b", "d", 0.0)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_as_the_rfc_has_it(target: object, patch: object, result: object) -> None:
    """RFC 7396 appendix A."""
    assert merge_patch(target, patch) == result


@given(st.binary(max_size=200))
def test_any_body_is_read_or_refused(raw: bytes) -> None:
    status = 400
    try:
        parse_json(raw)
    except Problem as problem:
        status = problem.status
    assert status == 400


def test_depth_counts_brackets_outside_of_texts() -> None:
    assert parse_json(b'["' + b"[" * 50 + b'\\""]') == ["[" * 50 + '"']
    parse_json(b"[" * MOST_DEPTH + b"]" * MOST_DEPTH)
    with pytest.raises(Problem):
        parse_json(b"[" * (MOST_DEPTH + 1) + b"]" * (MOST_DEPTH + 1))
    with pytest.raises(Problem):
        parse_json(b"1" * 5000)


def test_times() -> None:
    param = Param(name="since", about="", kind="time")
    assert param.read("1970-01-01") == 0
    assert param.read("1970-01-01T01:00:01+01:00") == 1000
    assert param.read("1970-01-01T00:00:00.5Z") == 500
    for text in ("", "now", "2026-13-01", "2026-11-20T25:00:00Z", "٢٠٢٦-11-20", "1e9"):
        with pytest.raises(Problem):
            param.read(text)


def test_the_description_names_every_endpoint_once() -> None:
    described = document("1")
    names = [one["operationId"] for path in described["paths"].values() for one in path.values()]
    assert sorted(names) == sorted(one.name for one in ENDPOINTS)
    assert len(set(names)) == len(names)
    text = str(described)
    # That of a recording's file is no secret, as that of a token would be.
    assert text.count("sha256") == str(described["components"]["schemas"]["Recording"]).count("sha256")
