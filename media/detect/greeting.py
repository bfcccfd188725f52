"""Greeting: who has answered has said enough and is silent now; fed with the beginnings and ends of speech."""

from __future__ import annotations


class Greeting:
    """Ends with `silence_ms` of silence after at least `speech_ms` of speech in all. Times are ms of any one clock."""

    def __init__(self, *, speech_ms: float, silence_ms: float) -> None:
        self._speech_ms = speech_ms
        self._silence_ms = silence_ms
        self._spoken_ms = 0.0
        self._began_ms: float | None = None
        self._ended_ms: float | None = None

    def voice(self, now_ms: float, after_ms: float) -> None:
        """`ToneHeard("voice")` came now; the voice had lasted `after_ms`."""
        if self._began_ms is None:
            self._began_ms, self._ended_ms = now_ms - after_ms, None

    def silence(self, now_ms: float, after_ms: float) -> None:
        """`ToneHeard("silence")` came now; the silence had lasted `after_ms`."""
        if self._began_ms is not None:
            self._ended_ms = now_ms - after_ms
            self._spoken_ms += self._ended_ms - self._began_ms
            self._began_ms = None

    @property
    def spoken_ms(self) -> float:
        """Speech that is over, without the pauses."""
        return self._spoken_ms

    @property
    def over_at_ms(self) -> float | None:
        """When the greeting is over if nothing more is said; None while one speaks or too little was said."""
        if self._ended_ms is None or self._spoken_ms < self._speech_ms:
            return None
        return self._ended_ms + self._silence_ms
