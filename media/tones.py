"""Call progress tones by country (ITU-T E.180 and its supplement 2), rendered as one cadence period."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# A full-scale sine is 3.14 dBm0 (ITU-T G.711 §5).
_FULL_SCALE_DBM0 = 3.14
_RAMP_S = 0.004
_FRAME_MS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Frequencies sounding together for a time; none is silence. A steady tone is one segment of a second."""

    duration_ms: int
    frequencies_hz: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone:
    """One cadence period, repeated for ever; `level_dbm0` is that of each frequency."""

    segments: tuple[Segment, ...]
    level_dbm0: float = -13.0
    steady: bool = False


def _steady(*frequencies_hz: int) -> Tone:
    return Tone(segments=(Segment(duration_ms=1000, frequencies_hz=frequencies_hz),), steady=True)


def _cadence(frequencies_hz: tuple[int, ...], *on_off_ms: int) -> Tone:
    return Tone(
        segments=tuple(
            Segment(duration_ms=duration, frequencies_hz=() if index % 2 else frequencies_hz)
            for index, duration in enumerate(on_off_ms)
        )
    )


_SPECIAL_INFORMATION = Tone(
    segments=(
        Segment(duration_ms=330, frequencies_hz=(950,)),
        Segment(duration_ms=330, frequencies_hz=(1400,)),
        Segment(duration_ms=330, frequencies_hz=(1800,)),
        Segment(duration_ms=1010),
    ),
)
"""E.180 §8: three rising tones and a pause; said before or instead of "not in service"."""

_WARNING = _cadence((1400,), 200, 200, 200, 400)
"""Two short tones to those who talk: the call will soon be cut."""

SIGNALS: dict[str, Tone] = {
    "beep": _cadence((1000,), 400, 100),
    "join": Tone(
        segments=(Segment(duration_ms=120, frequencies_hz=(600,)), Segment(duration_ms=160, frequencies_hz=(800,)))
    ),
    "leave": Tone(
        segments=(Segment(duration_ms=120, frequencies_hz=(800,)), Segment(duration_ms=160, frequencies_hz=(600,)))
    ),
    "record-beep": _cadence((1400,), 200),
    "silence": Tone(segments=(Segment(duration_ms=200),)),
}
"""Sounds that are the same in every country, each once: before a message, somebody joins or leaves a conference,
a call is being recorded, and what is heard in place of a sound that is missing."""

_US = {
    "dial": _steady(350, 440),
    "ringback": _cadence((440, 480), 2000, 4000),
    "busy": _cadence((480, 620), 500, 500),
    "congestion": _cadence((480, 620), 250, 250),
    "sit": _SPECIAL_INFORMATION,
    "warning": _WARNING,
}
_GB = {
    "dial": _steady(350, 440),
    "ringback": _cadence((400, 450), 400, 200, 400, 2000),
    "busy": _cadence((400,), 375, 375),
    "congestion": _cadence((400,), 400, 350, 225, 525),
    "sit": _SPECIAL_INFORMATION,
    "warning": _WARNING,
}
_EU = {
    "dial": _steady(425),
    "ringback": _cadence((425,), 1000, 4000),
    "busy": _cadence((425,), 500, 500),
    "congestion": _cadence((425,), 250, 250),
    "sit": _SPECIAL_INFORMATION,
    "warning": _WARNING,
}
_DE = {
    "dial": _steady(425),
    "ringback": _cadence((425,), 1000, 4000),
    "busy": _cadence((425,), 480, 480),
    "congestion": _cadence((425,), 240, 240),
    "sit": _SPECIAL_INFORMATION,
    "warning": _WARNING,
}
_FR = {
    "dial": _steady(440),
    "ringback": _cadence((440,), 1500, 3500),
    "busy": _cadence((440,), 500, 500),
    "congestion": _cadence((440,), 250, 250),
    "sit": _SPECIAL_INFORMATION,
    "warning": _WARNING,
}
_CN = {
    "dial": _steady(450),
    "ringback": _cadence((450,), 1000, 4000),
    "busy": _cadence((450,), 350, 350),
    "congestion": _cadence((450,), 700, 700),
    "sit": _SPECIAL_INFORMATION,
    "warning": _WARNING,
}

TONES: dict[str, dict[str, Tone]] = {
    "us": _US,
    "ca": _US,
    "gb": _GB,
    "uk": _GB,
    "eu": _EU,
    "de": _DE,
    "fr": _FR,
    "cn": _CN,
}
"""Country (or `eu`, the common European plan) -> tone name -> tone."""


def render(tone: Tone, rate_hz: int) -> NDArray[np.int16]:
    """Render whole cadence periods, as many as fill whole 20 ms frames, so that the end joins the beginning."""
    period_ms = sum(segment.duration_ms for segment in tone.segments)
    periods = math.lcm(period_ms, _FRAME_MS) // period_ms
    amplitude = 32767.0 * 10.0 ** ((tone.level_dbm0 - _FULL_SCALE_DBM0) / 20.0)
    parts = [_render_segment(segment, amplitude, rate_hz, steady=tone.steady) for segment in tone.segments]
    wave = np.concatenate(parts * periods)
    return np.clip(np.round(wave), -32768, 32767).astype(np.int16)


def _render_segment(segment: Segment, amplitude: float, rate_hz: int, *, steady: bool) -> NDArray[np.float64]:
    count = segment.duration_ms * rate_hz // 1000
    at = np.arange(count) / rate_hz
    wave = np.zeros(count)
    for frequency_hz in segment.frequencies_hz:
        wave += amplitude * np.sin(2.0 * np.pi * frequency_hz * at)
    if segment.frequencies_hz and not steady:
        # Soft edges, or every beginning and end would click.
        ramp = 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, int(_RAMP_S * rate_hz)))
        wave[: len(ramp)] *= ramp
        wave[count - len(ramp) :] *= ramp[::-1]
    return wave
