"""Track: one direction of a tap decoded, piece by piece, each with its place on the time line of the recording.

Within a stream the distance of packets follows their RTP timestamps; where the stream as a whole lies follows from when
its fastest packets arrived, so that the clock of a sender that runs fast or slow carries nothing away.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.codecs import BadPayload, Codec, Decoder, Samples, codec_for
from media.concealment import Concealer
from media.recording.description import Coding
from media.recording.tap_reader import Span, TapReader
from media.resample import BLOCKS_PER_S, Resampler

CONCEALED_S: Final = 0.06
"""A hole up to this long is concealed; a longer one is silence, as a sender that sends none of it means it."""
SLACK_S: Final = 0.003
"""A stream that lies off its place by more is pulled towards it."""
PULL: Final = 0.005
"""By how much a stream is stretched or squeezed at most: what is heard stays the same."""
SHIFT_S: Final = 0.1
"""Off by more, it is put where it belongs at once."""

Piece = tuple[int, Samples]


class Track:
    """Pieces of `reader`'s packets of one direction at `rate_hz`, counted in samples from `origin_ns`."""

    def __init__(self, reader: TapReader, direction: int, rate_hz: int, origin_ns: int) -> None:
        self._reader = reader
        self._direction = direction
        self._rate_hz = rate_hz
        self._origin_ns = origin_ns
        self._end = 0
        """The sample behind all that was given."""
        self._offset = 0.0
        """Where the timestamp `_zero` lies, in samples."""
        self._zero = 0
        self._voice: _Voice | None = None

    def pieces(self) -> Iterator[Piece]:
        """Sound and its place, in order, never overlapping. Raises OSError."""
        for span in self._reader.spans(self._direction):
            voice = self._voice
            if voice is None or voice.coding != span.coding:
                codec = codec_for(span.coding.name, span.coding.clock_rate)
                if codec is None:
                    unheard = self._reader.notes.unheard
                    unheard[span.coding.name] = unheard.get(span.coding.name, 0) + len(span.payloads)
                    continue
                voice = self._voice = _Voice(span.coding, codec, self._rate_hz)
                span.anew = True
            yield from self._place(span, voice)

    def _place(self, span: Span, voice: _Voice) -> Iterator[Piece]:
        scale = self._rate_hz / span.coding.clock_rate
        if span.anew:
            self._zero = span.timestamps[0]
        ahead = _ahead(span.timestamps, self._zero)
        arrived = (np.array(span.at_ns, dtype=np.int64) - self._origin_ns) * (self._rate_hz / 1e9)
        lies = float((arrived - ahead * scale).min())
        if span.anew or abs(lies - self._offset) > SHIFT_S * self._rate_hz:
            self._offset = lies
        for first, samples in voice.runs(span, ahead):
            place = round(self._offset + first * scale)
            if place < self._end:
                # Nothing is said twice: what came too late, or where a new stream begins early, is cut.
                samples = samples[self._end - place :]
                place = self._end
            samples = self._pull(samples, lies)
            if len(samples):
                yield place, samples
                self._end = place + len(samples)
        if abs(self._zero_ahead(span)) > 1 << 29:
            self._offset += _ahead([span.timestamps[-1]], self._zero)[0] * scale
            self._zero = span.timestamps[-1]

    def _zero_ahead(self, span: Span) -> int:
        return int(_ahead(span.timestamps[-1:], self._zero)[0])

    def _pull(self, samples: Samples, lies: float) -> Samples:
        """Stretch or squeeze a run a little where the stream has drifted off."""
        off = lies - self._offset
        if abs(off) < SLACK_S * self._rate_hz or len(samples) < self._rate_hz // 4:
            return samples
        most = len(samples) * PULL
        change = round(max(-most, min(most, off)))
        self._offset += change
        wanted = np.linspace(0, len(samples) - 1, len(samples) + change)
        pulled: Samples = np.interp(wanted, np.arange(len(samples)), samples).astype(np.int16)
        return pulled


class _Voice:
    """Decodes one stream after the other of one coding, at the recording's rate."""

    def __init__(self, coding: Coding, codec: Codec, rate_hz: int) -> None:
        self.coding = coding
        self._codec = codec
        self._own_hz = rate_hz if rate_hz in codec.rates_hz else codec.rate_hz
        self._rate_hz = rate_hz
        self._decoder: Decoder = codec.decoder(self._own_hz)
        self._resampler = None if self._own_hz == rate_hz else Resampler(self._own_hz, rate_hz)

    def runs(self, span: Span, ahead: NDArray[np.int64]) -> Iterator[tuple[int, Samples]]:
        """(timestamp from the stream's zero, samples without a hole); small holes are filled."""
        table = self._codec.levels
        if table is not None:
            lengths = set(map(len, span.payloads))
            if len(lengths) == 1 and bool((np.diff(ahead) == lengths.pop()).all()):
                # As nearly always: nothing is missing.
                yield int(ahead[0]), self._at_rate(table.take(np.frombuffer(b"".join(span.payloads), dtype=np.uint8)))
                return
        begin, end = 0, None
        run: list[Samples] = []
        for at in np.argsort(ahead, kind="stable").tolist():
            place = int(ahead[at])
            if end is not None and place < end:
                continue  # It came twice.
            payload = span.payloads[at]
            hole = 0 if end is None else place - end
            if end is not None and 0 < hole <= CONCEALED_S * self.coding.clock_rate:
                run.append(self._fill(run, hole, payload))
                end = place
            elif hole or end is None:
                if run:
                    yield begin, self._at_rate(np.concatenate(run))
                begin, end, run = place, place, []
            try:
                samples = self._decoder.decode(payload)
            except BadPayload:
                continue  # No such sound: the hole is filled like that of a lost packet.
            run.append(samples)
            end = place + len(samples) * self.coding.clock_rate // self._own_hz
        if run:
            yield begin, self._at_rate(np.concatenate(run))

    def _fill(self, run: list[Samples], hole: int, following: bytes) -> Samples:
        """Samples in place of lost packets."""
        count = hole * self._own_hz // self.coding.clock_rate
        try:
            made = self._decoder.recover(following, count)
        except BadPayload:
            made = None
        if made is None:
            made = self._decoder.conceal(count)
        if made is None:
            concealer = Concealer(self._own_hz)
            for samples in run[-4:]:
                concealer.good(samples)
            made = concealer.conceal(count)
        return made

    def _at_rate(self, samples: Samples) -> Samples:
        if self._resampler is None:
            return samples
        block = self._own_hz // BLOCKS_PER_S
        rest = -len(samples) % block
        if rest:
            samples = np.concatenate([samples, np.zeros(rest, dtype=np.int16)])
        made: Samples = self._resampler.process(samples.reshape(1, -1))[0]
        return made[: len(made) - rest * self._rate_hz // self._own_hz] if rest else made


def _ahead(timestamps: list[int], zero: int) -> NDArray[np.int64]:
    """How far timestamps lie from `zero`, as of a counter of 32 bits that wraps around."""
    return (np.array(timestamps, dtype=np.int64) - zero + (1 << 31)) % (1 << 32) - (1 << 31)
