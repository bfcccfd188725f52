"""Template: which sentences are the same in every call."""

from __future__ import annotations

import pytest

from pbx.speech.request import SpeechError
from pbx.speech.template import sentences


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Hello. How are you?", ["Hello. How are you?"]),
        ("Hello ${name}. How are you? Please wait.", ["Hello Ann.", "How are you? Please wait."]),
        ("Welcome. Your balance is ${sum} euros. Goodbye.", ["Welcome.", "Your balance is 3.50 euros.", "Goodbye."]),
        ("您好。余额是${sum}元。再见！谢谢。", ["您好。", "余额是3.50元。", "再见！ 谢谢。"]),
        ("Version 1.5 is out", ["Version 1.5 is out"]),
        ("One\nTwo ${none}\n", ["One", "Two"]),
        ("${none} Hello. ${none}", ["Hello."]),
        ("$ {name} costs $5 ${1x}", ["$ {name} costs $5 ${1x}"]),
        ("${customer.key}", ["${name}"]),
    ],
)
def test_sentences(text: str, spoken: list[str]) -> None:
    assert sentences(text, {"name": "Ann", "sum": "3.50", "customer.key": "${name}"}) == spoken


def test_limits() -> None:
    with pytest.raises(SpeechError, match="nothing to say"):
        sentences(" ${none} ", {})
    with pytest.raises(SpeechError, match="1006 characters; give at most 1000"):
        sentences("Hello ${name}", {"name": "x" * 1000})
