"""Playout: one stream's adaptive jitter buffer: packets in, 20 ms of sound a tick out, whatever the network did."""

from __future__ import annotations

from typing import Final

import numpy as np

from media.codecs import CODECS, BadPayload, Codec, Decoder, Samples
from media.mix.counts import PlayoutCounts
from media.mix.delay import TICK_MS, DelayGauge
from media.mix.filler import Filler
from media.mix.splice import SHORTEST_MS, longer, shorter
from media.mix.timeline import Timeline
from media.mix.understood import Understood

FIRST_DELAY_MS: Final = 40
"""Before anything is known of the network."""
MOST_DELAY_MS: Final = 200
LEAP_MS: Final = 1000
"""A timestamp that runs ahead of time by more than this is a new timeline, not a pause."""
_LOOK_AGAIN: Final = 4
_NOBODY: Final = -1
KEPT: Final = 256
"""Packets that may wait: over two seconds of the shortest."""


class Playout:
    """Owned by one port. `rate_hz` is that of what it gives; `clock_rate` the timestamps'."""

    def __init__(self, *, clock_rate: int, rate_hz: int, types: dict[int, Understood]) -> None:
        self.counts = PlayoutCounts()
        self.rate_hz = rate_hz
        self.types = types
        self.given_codec: Codec = CODECS["pcmu"]
        """The table codec of the payload that `pull` gave last."""
        self._clock = clock_rate
        self._samples = rate_hz * TICK_MS // 1000
        self._units = clock_rate * TICK_MS // 1000
        self._ssrc = _NOBODY
        self._line = Timeline()
        self._store: dict[int, tuple[int, int, bytes]] = {}
        self._tables = self._table_codecs()
        self._next = 0
        """Sequence number of the packet to be played next."""
        self._at = 0
        """Timestamp of the first sample that has not been given yet."""
        self._ready = np.zeros(0, dtype=np.int16)
        """Decoded and not given yet: what `_at` and on holds."""
        self._owed = 0
        """Timestamp units given out of nothing while nothing was there, the stream's place kept meanwhile."""
        self._filler = Filler(rate_hz)
        self._gauge = DelayGauge()
        self._unlike = 0
        """Ticks for which no splice is looked for, since the last try found none that would not be heard."""

    # -- in

    def retune(self, clock_rate: int, rate_hz: int, types: dict[int, Understood]) -> None:
        """The far end was told other payload types: what waits is played as far as it is still understood."""
        if clock_rate != self._clock or rate_hz != self.rate_hz:
            self._clock, self.rate_hz = clock_rate, rate_hz
            self._samples = rate_hz * TICK_MS // 1000
            self._units = clock_rate * TICK_MS // 1000
            self._filler = Filler(rate_hz)
            self._forget()
        self.types = types
        self._tables = self._table_codecs()

    def _table_codecs(self) -> dict[int, Codec]:
        """Payload types of table codecs, one octet a sample at the rate that is given."""
        return {
            payload_type: known.codec
            for payload_type, known in self.types.items()
            if known.codec is not None and known.codec.levels is not None and self._samples == self._units
        }

    def packet(
        self, early_ms: float, ssrc: int, sequence: int, timestamp: int, payload_type: int, payload: bytes
    ) -> None:
        """Take a packet that arrived `early_ms` before the coming tick."""
        if ssrc != self._ssrc:
            self._forget()
            self._ssrc = ssrc
            self._begin(sequence, timestamp)
        placed = self._line.place(sequence, timestamp)
        if placed is None:
            if not self._line.begins_anew(sequence):
                return
            self._forget()
            self._ssrc = ssrc
            self._begin(sequence, timestamp)
            placed = sequence, timestamp
        number, at = placed
        if number < self._next:
            self._too_late(number, at, early_ms)
            return
        if number in self._store:
            self.counts.duplicate += 1
            return
        if len(self._store) >= KEPT:
            self._skip_to(min(self._store))
        if self._owed * 1000 > MOST_DELAY_MS * self._clock and not self._store:
            # After a pause: whatever its timestamp says of it, a stretch of speech begins here.
            self._at = at - FIRST_DELAY_MS * self._clock // 1000
            self._owed = 0
            self._gauge.begin()
        self._store[number] = (at, payload_type, payload)
        if self.types.get(payload_type) is not None:
            self._gauge.arrived((at - self._at - self._owed) * 1000 / self._clock, early_ms)

    def _begin(self, sequence: int, timestamp: int) -> None:
        self._line.begin(sequence, timestamp)
        self._next = sequence
        self._at = timestamp - FIRST_DELAY_MS * self._clock // 1000

    def _forget(self) -> None:
        self._ssrc = _NOBODY
        self._filler.forget()
        self._store.clear()
        self._ready = self._ready[:0]
        self._owed = 0
        self._gauge.forget()

    def _too_late(self, number: int, at: int, early_ms: float) -> None:
        """Its time is over, or it came twice."""
        slack_ms = (at - self._at - self._owed) * 1000 / self._clock + early_ms
        if slack_ms >= 0.0 or number < self._next - KEPT:
            self.counts.duplicate += 1
            return
        self.counts.late += 1
        if slack_ms > -MOST_DELAY_MS:
            self._gauge.late(-slack_ms)

    # -- out

    @property
    def delay_ms(self) -> float:
        """Sound that waits now, of what has arrived."""
        if not self._store:
            return len(self._ready) * 1000 / self.rate_hz
        return max(0.0, (self._line.timestamp - self._at) * 1000 / self._clock)

    def pull(self) -> bytes | Samples | None:
        """The next 20 ms: samples, or a payload of a table codec that holds just these, or None for silence."""
        if not len(self._ready) and not self._owed and not self._filler.filling():
            row = self._store.get(self._next)
            if row is not None and row[0] == self._at and not self._gauge.moving():
                codec, payload = self._tables.get(row[1]), row[2]
                if codec is not None and len(payload) == self._samples:
                    del self._store[self._next]
                    self._next += 1
                    self._at += self._units
                    self._filler.played((codec, payload))
                    self._filler.speech()
                    self.given_codec = codec
                    return payload
        return self._assemble()

    @property
    def begun(self) -> bool:
        """Whether something of the stream has been played."""
        return self._filler.begun

    @property
    def waiting(self) -> int:
        """Packets that wait."""
        return len(self._store)

    def flush(self) -> list[tuple[int, bytes]]:
        """Take the packets that wait, in order: (payload type, payload); the stream goes on elsewhere."""
        rows = [self._store[number] for number in sorted(self._store)]
        self._forget()
        return [(payload_type, payload) for _, payload_type, payload in rows]

    def _assemble(self) -> Samples | None:
        """The slow way: other packet times, gaps, losses, pauses, and changes of the delay."""
        if self._ssrc == _NOBODY:
            return None
        wanted = self._samples
        self._unlike -= 1
        if self._unlike < 0 and self._gauge.stretch_ms >= SHORTEST_MS and self._stretch():
            return self._give(wanted)
        if self.delay_ms > MOST_DELAY_MS:
            self._gauge.cut_ms = max(self._gauge.cut_ms, self.delay_ms // TICK_MS * TICK_MS - MOST_DELAY_MS / 2)
        if self._unlike < 0 and self._gauge.cut_ms >= SHORTEST_MS:
            wanted += self.rate_hz // 50
            while len(self._ready) < wanted and self._more(wanted):
                pass
            self._shorten()
        while len(self._ready) < self._samples and self._more(self._samples):
            pass
        if len(self._ready) < self._samples:
            return self._make_up()
        return self._give(self._samples)

    def _give(self, count: int) -> Samples:
        given, self._ready = self._ready[:count], self._ready[count:]
        self._at += self._to_units(count)
        self._filler.played(given)
        return given

    def _to_units(self, samples: int) -> int:
        return samples * self._clock // self.rate_hz

    def _to_samples(self, units: int) -> int:
        return units * self.rate_hz // self._clock

    def _more(self, wanted: int) -> bool:
        """Decode the next packet behind what is ready, or fill the gap before it; False where there is nothing yet."""
        end = self._at + self._to_units(len(self._ready))
        row = self._store.get(self._next)
        if row is None:
            return self._over_a_loss(end, wanted)
        at, payload_type, payload = row
        gap = at - end
        if self._owed:
            # What was given out of nothing counts for what turns out to be missing; the rest is delay.
            taken = max(0, min(gap, self._owed))
            self._at += taken
            gap -= taken
            self._owed = 0
        if abs(gap) > LEAP_MS * self._clock // 1000:
            self._at += gap
            gap = 0
        missing = self._to_samples(gap)
        if missing > 0:
            room = wanted - len(self._ready)
            if missing >= room and wanted > self._samples:
                return False  # No need to hurry: what would be cut is not there.
            self._append(self._filler.quiet(min(missing, room), self._decoders))
            return True
        del self._store[self._next]
        self._next += 1
        known = self.types.get(payload_type)
        if known is None:
            return True
        try:
            self._take(known, payload, max(0, -missing))
        except BadPayload:
            self.counts.bad += 1
        return True

    def _take(self, known: Understood, payload: bytes, overlap: int) -> None:
        """Make a packet's sound ready, but for what another has given already. Raises BadPayload."""
        if known.noise:
            self._filler.describe(payload, self._ssrc)
        elif known.decoder is not None:
            self._filler.speech()
            samples = known.decoder.decode(payload)[overlap:]
            self._append(self._filler.join(samples))

    def _append(self, samples: Samples) -> None:
        self._ready = np.concatenate([self._ready, samples]) if len(self._ready) else samples

    def _over_a_loss(self, end: int, wanted: int) -> bool:
        """The next packet is missing while later ones are there: it is given up, and its time is filled."""
        if not self._store or wanted > self._samples:
            return False
        later = min(self._store)
        at, payload_type, payload = self._store[later]
        gap = at - end - self._owed
        if gap <= 0 or gap > LEAP_MS * self._clock // 1000:
            self._next = later
            return True
        missing = self._to_samples(gap)
        if not missing:
            # Less than a sample: nobody can make that, and nobody misses it.
            self._next = later
            return True
        if self._owed:
            self._at += self._owed
            self._owed = 0
        samples = None
        known = self.types.get(payload_type)
        if known is not None and known.decoder is not None and later == self._next + 1:
            try:
                samples = known.decoder.recover(payload, missing)
            except BadPayload:
                self.counts.bad += 1
        if samples is not None:
            self.counts.recovered += 1
            self._next = later
        else:
            room = wanted - len(self._ready)
            samples = self._conceal(min(missing, room))
            if missing <= room:
                self._next = later
        self._append(samples)
        return True

    def _make_up(self) -> Samples | None:
        """Nothing is there: something like what was, fading; the stream's place is kept in case it only is late."""
        missing = self._samples - len(self._ready)
        if self._filler.noisy():
            made: Samples | None = self._filler.quiet(missing, self._decoders)
        elif self._owed * 1000 > MOST_DELAY_MS * self._clock:
            made = None
        else:
            made = self._conceal(missing)
        ready = len(self._ready)
        self._owed += self._to_units(missing)
        self._at += self._to_units(ready)
        if made is None:
            given = None if not ready else np.concatenate([self._ready, np.zeros(missing, dtype=np.int16)])
            self._filler.rest()
        else:
            given = np.concatenate([self._ready, made]) if ready else made
        self._ready = self._ready[:0]
        return given

    def _conceal(self, count: int) -> Samples:
        """Sound in place of what is lost."""
        if self._filler.begun:
            self.counts.concealed_ms += count * 1000 // self.rate_hz
        return self._filler.fade(count, self._decoders)

    @property
    def _decoders(self) -> list[Decoder | None]:
        return [known.decoder for known in self.types.values()]

    # -- delay

    def _stretch(self) -> bool:
        """Play a little more than there is: the delay grows."""
        while len(self._ready) < self._samples and self._more(self._samples):
            pass
        if len(self._ready) < self._samples:
            return False
        wanted = int(self._gauge.stretch_ms * self.rate_hz / 1000)
        given, added = longer(self._ready[: self._samples], self.rate_hz, wanted)
        if not added:
            self._unlike = _LOOK_AGAIN
            return False
        self._gauge.stretched(added * 1000 / self.rate_hz)
        self.counts.inserted_ms += added * 1000 // self.rate_hz
        self._at -= self._to_units(added)
        self._ready = np.concatenate([given, self._ready[self._samples :]])
        return True

    def _shorten(self) -> None:
        """Play a little less than there is: the delay shrinks."""
        given, removed = shorter(self._ready, self.rate_hz, int(self._gauge.cut_ms * self.rate_hz / 1000))
        if not removed:
            self._unlike = _LOOK_AGAIN
        else:
            self._ready = given
            self._at += self._to_units(removed)
            self._gauge.cut(removed * 1000 / self.rate_hz)
            self.counts.removed_ms += removed * 1000 // self.rate_hz

    def _skip_to(self, number: int) -> None:
        """Too much waits: the oldest is given up."""
        row = self._store.pop(number)
        self.counts.late += 1
        self._next = number + 1
        self._ready = self._ready[:0]
        self._owed = 0
        self._at = max(self._at, row[0])
