"""Opus through the system's libopus (RFC 6716, RFC 7587): mono, at any of its five sample rates."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import numpy as np

from media.codecs.codec import BadPayload, Codec, Samples
from media.codecs.opus_library import OpusLibrary
from media.codecs.opus_parameters import OpusParameters
from media.quality import IMPAIRMENTS

RATES_HZ: Final = (48000, 24000, 16000, 12000, 8000)
COMPLEXITY: Final = 5
"""Of 0..10. Above it speech gains little that can be heard, and each frame costs up to half as much again."""
EXPECTED_LOSS_PERCENT: Final = 5
"""What in-band FEC is made for: without an expectation libopus repeats nothing."""
LONGEST_MS: Final = 120
FRAMES_MS: Final = (10, 20, 40, 60)

# opus_defines.h
_APPLICATION_VOIP: Final = 2048
_SET_BITRATE: Final = 4002
_SET_MAX_BANDWIDTH: Final = 4004
_SET_VBR: Final = 4006
_SET_COMPLEXITY: Final = 4010
_SET_INBAND_FEC: Final = 4012
_SET_PACKET_LOSS_PERC: Final = 4014
_SET_DTX: Final = 4016
_BANDWIDTHS: Final = ((8000, 1101), (12000, 1102), (16000, 1103), (24000, 1104), (48000, 1105))

_LARGEST_PACKET: Final = 1275
"""Octets of one frame at most (RFC 6716 §3.4); also less than what a network carries in one piece."""
_CELT_ONLY: Final = 0x80
_STEREO: Final = 0x04


def opus_codec(library: OpusLibrary) -> Codec:
    """The entry of the table of codecs."""
    return Codec(
        name="opus",
        clock_rate=48000,  # RFC 7587 §4.1: whatever the sample rate.
        rates_hz=RATES_HZ,
        octets_per_ms=None,
        frames_ms=FRAMES_MS,
        impairment=IMPAIRMENTS["opus"],
        make_decoder=partial(OpusDecoder, library),
        make_encoder=partial(OpusEncoder, library),
    )


class OpusDecoder:
    """Packets of up to 120 ms; stereo ones become mono in the library."""

    def __init__(self, library: OpusLibrary, rate_hz: int) -> None:
        self._library = library
        self._rate_hz = rate_hz
        self._state = library.new_decoder(rate_hz)
        self._decode = library.functions.opus_decode
        self._from_buffer = library.ffi.from_buffer

    def decode(self, payload: bytes) -> Samples:
        """Samples of one packet. Raises BadPayload."""
        count = self._library.functions.opus_packet_get_nb_samples(payload, len(payload), self._rate_hz)
        if count <= 0:
            raise BadPayload(f"Opus: {self._library.explain(count)} ({len(payload)} octets)")
        return self._run(payload, len(payload), count, 0)

    def conceal(self, samples: int) -> Samples:
        """What the library makes in place of a lost packet; silence after 120 ms of it."""
        return self._without_packet(self._library.ffi.NULL, 0, samples, 0)

    def recover(self, next_payload: bytes, samples: int) -> Samples | None:
        """The lost samples as the next packet repeats them (LBRR), None where it does not. Raises BadPayload."""
        if not self._repeats(next_payload):
            return None
        return self._without_packet(next_payload, len(next_payload), samples, 1)

    def _without_packet(self, data: Any, size: int, samples: int, fec: int) -> Samples:
        """Libopus makes whole 2.5 ms, up to 120 ms."""
        if samples <= 0:
            return np.zeros(0, dtype=np.int16)
        step = self._rate_hz // 400
        wanted = min(-(-samples // step) * step, self._rate_hz * LONGEST_MS // 1000)
        made = self._run(data, size, wanted, fec)
        if samples <= wanted:
            return made[:samples]
        return np.concatenate([made, np.zeros(samples - wanted, dtype=np.int16)])

    def _run(self, data: Any, size: int, count: int, fec: int) -> Samples:
        samples = np.empty(count, dtype=np.int16)
        got = self._decode(self._state, data, size, self._from_buffer("int16_t[]", samples), count, fec)
        if got < 0:
            raise BadPayload(f"Opus: {self._library.explain(got)} ({size} octets)")
        return samples if got == count else samples[:got]

    def _repeats(self, payload: bytes) -> bool:
        """Whether a packet holds the one before it in low bit rate, too (RFC 6716 §4.2.3, §4.2.4)."""
        ffi, functions = self._library.ffi, self._library.functions
        toc, begins, sizes = ffi.new("unsigned char *"), ffi.new("unsigned char *[48]"), ffi.new("int16_t[48]")
        parsed = functions.opus_packet_parse(payload, len(payload), toc, begins, sizes, ffi.NULL)
        if parsed < 0:
            raise BadPayload(f"Opus: {self._library.explain(parsed)} ({len(payload)} octets)")
        if toc[0] & _CELT_ONLY or sizes[0] == 0:
            return False
        # The first bits of a frame: one voice-activity flag for each 20 ms of it, then the LBRR flag; then the same
        # of a second channel.
        flags = max(1, functions.opus_packet_get_samples_per_frame(payload, 8000) // 160)
        first = begins[0][0]
        return bool(first >> 7 - flags & 1 or (toc[0] & _STEREO and first >> 6 - 2 * flags & 1))


class OpusEncoder:
    """Frames of 10, 20, 40 or 60 ms, as the receiver asked for them."""

    def __init__(self, library: OpusLibrary, rate_hz: int, fmtp: str | None, complexity: int = COMPLEXITY) -> None:
        self._library = library
        self._rate_hz = rate_hz
        self._state = library.new_encoder(rate_hz, _APPLICATION_VOIP)
        self._encode = library.functions.opus_encode
        self._from_buffer = library.ffi.from_buffer
        self._packet = library.ffi.new(f"unsigned char[{_LARGEST_PACKET}]")
        self._view = library.ffi.buffer(self._packet)
        self._frames = frozenset(rate_hz * ptime_ms // 1000 for ptime_ms in FRAMES_MS)
        parameters = OpusParameters.parse(fmtp)
        # Two octets or less are a silence that need not be sent; without DTX they do not come about.
        self._least = 3 if parameters.use_dtx else 1
        self._set_up(parameters, complexity)

    def encode(self, samples: Samples) -> bytes:
        """Payload of one packet; b"" while DTX sends nothing. Raises ValueError for a length no frame has."""
        if len(samples) not in self._frames:
            raise ValueError(f"Opus at {self._rate_hz} Hz: {len(samples)} samples (allowed: {sorted(self._frames)})")
        pcm = self._from_buffer("int16_t[]", np.ascontiguousarray(samples, dtype=np.int16))
        size = self._encode(self._state, pcm, len(samples), self._packet, _LARGEST_PACKET)
        if size < 0:
            raise ValueError(f"Opus: {self._library.explain(size)}")
        return bytes(self._view[:size]) if size >= self._least else b""

    def _set_up(self, parameters: OpusParameters, complexity: int) -> None:
        bandwidth = next(code for top_hz, code in _BANDWIDTHS if top_hz >= parameters.max_playback_rate_hz)
        self._control(_SET_BITRATE, parameters.bitrate(self._rate_hz))
        self._control(_SET_MAX_BANDWIDTH, bandwidth)
        self._control(_SET_VBR, 0 if parameters.cbr else 1)
        self._control(_SET_COMPLEXITY, complexity)
        repeats = parameters.repeats(self._rate_hz)
        self._control(_SET_INBAND_FEC, int(repeats))
        self._control(_SET_PACKET_LOSS_PERC, EXPECTED_LOSS_PERCENT if repeats else 0)
        self._control(_SET_DTX, int(parameters.use_dtx))

    def _control(self, request: int, value: int) -> None:
        error = self._library.functions.opus_encoder_ctl(self._state, request, self._library.ffi.cast("int32_t", value))
        if error < 0:
            raise ValueError(f"Opus: {self._library.explain(error)} (request {request}, value {value})")
