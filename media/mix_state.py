"""Mix state: what the mix path does with a port: codecs, room, detectors, tap; plain data that crosses processes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

RATES_HZ: Final = (8000, 16000, 48000)
DETECTORS: Final = ("dtmf", "fax", "voice", "beep")
GAINS_DB: Final = (-60.0, 24.0)


class BadMixState(ValueError):
    """A packed state that is not one; the message names the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A payload type that the far end may send, and the codec in it."""

    payload_type: int
    codec: str
    fmtp: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How the far end is understood and spoken to: codec names in lower case, `ptime_ms` of what we send."""

    hear: tuple[Heard, ...]
    speak: Heard
    ptime_ms: int = 20

    def pack(self) -> list[Any]:
        """Give the voice as a list that msgpack can carry."""
        heard = [[one.payload_type, one.codec, one.fmtp] for one in self.hear]
        return [heard, [self.speak.payload_type, self.speak.codec, self.speak.fmtp], self.ptime_ms]

    @classmethod
    def unpack(cls, packed: Sequence[Any]) -> "Voice":
        """Read what `pack` gave. Raises BadMixState."""
        hear, speak, ptime_ms = _fields("voice", packed, 3)
        voice = cls(hear=tuple(_heard(one) for one in hear), speak=_heard(speak), ptime_ms=ptime_ms)
        if not 10 <= voice.ptime_ms <= 60:
            raise BadMixState(f"voice: packets of {ptime_ms} ms; give 10..60")
        return voice


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """A member of a room: everybody in it hears it with `gain_db`, and it hears everybody but itself.

    `muted`: nobody hears it; `deaf`: it hears nobody. `hears` are exceptions to what others give: (port id, gain in
    dB) pairs of those that this one hears otherwise, muted or not; a gain of -60 is silence. (Listening is a muted
    member, whispering an exception with the one who hears it, barging a plain member.) `rate_hz` is the room's, and the
    same for all its members. `sounds`: what the whole room hears is played by a member of its own, see `RoomSound`.
    """

    room: int
    rate_hz: int = 8000
    gain_db: float = 0.0
    muted: bool = False
    deaf: bool = False
    hears: tuple[tuple[int, float], ...] = ()
    conference: bool = False
    """Only those who talk are mixed (of many, the loudest): the noise of many silent lines does not add up."""

    def pack(self) -> list[Any]:
        """Give the membership as a list that msgpack can carry."""
        return [self.room, self.rate_hz, self.gain_db, self.muted, self.deaf, self.hears, self.conference]

    @classmethod
    def unpack(cls, packed: Sequence[Any]) -> "Mix":
        """Read what `pack` gave. Raises BadMixState."""
        room, rate_hz, gain_db, muted, deaf, hears, conference = _fields("mix", packed, 7)
        if rate_hz not in RATES_HZ:
            raise BadMixState(f"mix: a room of {rate_hz} Hz; give one of {RATES_HZ}")
        try:
            gains = tuple((int(port_id), float(gain)) for port_id, gain in hears)
        except (TypeError, ValueError) as error:
            raise BadMixState(f"mix: {error}; `hears` is a list of (port id, gain in dB)") from error
        for gain in (gain_db, *(gain for _, gain in gains)):
            if not GAINS_DB[0] <= gain <= GAINS_DB[1]:
                raise BadMixState(f"mix: a gain of {gain} dB; give {GAINS_DB[0]}..{GAINS_DB[1]}")
        return cls(
            room=room, rate_hz=rate_hz, gain_db=gain_db, muted=muted, deaf=deaf, hears=gains, conference=conference
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSound:
    """A sound that everybody in a room hears beside who talks: 16-bit samples of `rate_hz` in a ready file.

    `id` tells sounds apart; it is played `plays` times, None without end.
    """

    id: int
    path: str
    rate_hz: int
    gain_db: float = 0.0
    plays: int | None = 1

    def pack(self) -> list[Any]:
        """Give the sound as a list that msgpack can carry."""
        return [self.id, self.path, self.rate_hz, self.gain_db, self.plays]

    @classmethod
    def unpack(cls, packed: Sequence[Any]) -> "RoomSound":
        """Read what `pack` gave. Raises BadMixState."""
        ident, path, rate_hz, gain_db, plays = _fields("room sound", packed, 5)
        return cls(id=ident, path=path, rate_hz=rate_hz, gain_db=gain_db, plays=plays)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap:
    """What passes the port is written to the file `path` (`media.tap`); `meta` is put into it, for who reads it.

    `both`: what we send to the far end as well. While `paused` nothing is written, and the file says so.
    """

    IN: ClassVar[int] = 1
    OUT: ClassVar[int] = 2

    path: str
    meta: bytes = b""
    both: bool = False
    paused: bool = False

    def pack(self) -> list[Any]:
        """Give the tap as a list that msgpack can carry."""
        return [self.path, self.meta, self.both, self.paused]

    @classmethod
    def unpack(cls, packed: Sequence[Any]) -> "Tap":
        """Read what `pack` gave. Raises BadMixState."""
        path, meta, both, paused = _fields("tap", packed, 4)
        return cls(path=path, meta=meta, both=both, paused=paused)


def unpack_detectors(packed: Sequence[Any]) -> tuple[str, ...]:
    """Names of detectors. Raises BadMixState."""
    names = tuple(packed)
    for name in names:
        if name not in DETECTORS:
            raise BadMixState(f"detector {name!r}: give some of {', '.join(DETECTORS)}")
    return names


def _heard(packed: Any) -> Heard:
    payload_type, codec, fmtp = _fields("codec", packed, 3)
    return Heard(payload_type=payload_type, codec=codec, fmtp=fmtp)


def _fields(what: str, packed: Any, count: int) -> list[Any]:
    if not isinstance(packed, list | tuple) or len(packed) != count:
        raise BadMixState(f"{what}: {packed!r}; give the {count} fields of its pack()")
    return list(packed)
