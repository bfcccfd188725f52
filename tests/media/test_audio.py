"""Speech through every codec and every pair of them, beside the same coding by FFmpeg."""

import numpy as np
import pytest

from media.codecs import Samples
from tests.media.audio_chain import CODINGS, by_ffmpeg, by_ours, listening_score
from tests.media.speech import speech

PAIRS = [(first, second) for first in CODINGS for second in CODINGS]


def spoken() -> Samples:
    """2.6 s."""
    return speech("cannot-complete-as-dialed")


@pytest.mark.parametrize("name", CODINGS)
def test_a_codec_is_as_good_as_ffmpegs(name: str) -> None:
    ours, theirs = (
        listening_score(spoken(), by_ours([name], spoken())),
        listening_score(spoken(), by_ffmpeg([name], spoken())),
    )
    assert ours > theirs - 0.1
    assert ours > 4.1


def test_one_law_carries_the_other_all_but_unharmed() -> None:
    sent = by_ours(["PCMU"], spoken())
    assert listening_score(sent, by_ours(["PCMA"], sent)) > 4.3
    assert np.array_equal(by_ours(["PCMU"], sent), sent)


@pytest.mark.e2e
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_a_pair_is_as_good_as_ffmpegs(first: str, second: str) -> None:
    said = speech("privacy-prompt")
    ours = listening_score(said, by_ours([first, second], said))
    assert ours > listening_score(said, by_ffmpeg([first, second], said)) - 0.1
    assert ours > 3.8
