"""The system's Opus library (libopus), called as it is: no compiler is needed, only the library."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import cffi  # type: ignore[import-untyped]

LIBRARY: Final = "libopus.so.0"
_ALLOC_FAIL: Final = -7

# opus.h and opus_defines.h of libopus 1.x, whose binary interface is frozen.
_DECLARATIONS: Final = """
typedef struct OpusEncoder OpusEncoder;
typedef struct OpusDecoder OpusDecoder;
OpusEncoder *opus_encoder_create(int32_t rate, int channels, int application, int *error);
int32_t opus_encode(OpusEncoder *, const int16_t *pcm, int frame_size, unsigned char *data, int32_t size);
int opus_encoder_ctl(OpusEncoder *, int request, ...);
void opus_encoder_destroy(OpusEncoder *);
OpusDecoder *opus_decoder_create(int32_t rate, int channels, int *error);
int opus_decode(OpusDecoder *, const unsigned char *data, int32_t size, int16_t *pcm, int frame_size, int fec);
void opus_decoder_destroy(OpusDecoder *);
int opus_packet_get_nb_samples(const unsigned char *data, int32_t size, int32_t rate);
int opus_packet_get_samples_per_frame(const unsigned char *data, int32_t rate);
int opus_packet_parse(const unsigned char *data, int32_t size, unsigned char *toc, const unsigned char *frames[48],
                      int16_t sizes[48], int *payload_offset);
const char *opus_strerror(int error);
const char *opus_get_version_string(void);
"""


class OpusLibrary:
    """Functions of libopus. Raises OSError where the library cannot be opened."""

    def __init__(self, name: str = LIBRARY) -> None:
        self.ffi: Any = cffi.FFI()
        self.ffi.cdef(_DECLARATIONS)
        self.functions: Any = self.ffi.dlopen(name)

    @property
    def version(self) -> str:
        """Name and number, such as `libopus 1.3.1`."""
        return str(self.ffi.string(self.functions.opus_get_version_string()).decode("ascii", "replace"))

    def explain(self, error: int) -> str:
        """What a negative result means."""
        return str(self.ffi.string(self.functions.opus_strerror(error)).decode("ascii", "replace"))

    def new_encoder(self, rate_hz: int, application: int) -> Any:
        """A mono encoder, freed with the object that is returned. Raises MemoryError, ValueError."""
        error = self.ffi.new("int *")
        made = self.functions.opus_encoder_create(rate_hz, 1, application, error)
        return self._owned(made, self.functions.opus_encoder_destroy, error[0])

    def new_decoder(self, rate_hz: int) -> Any:
        """A decoder to mono, freed with the object that is returned. Raises MemoryError, ValueError."""
        error = self.ffi.new("int *")
        made = self.functions.opus_decoder_create(rate_hz, 1, error)
        return self._owned(made, self.functions.opus_decoder_destroy, error[0])

    def _owned(self, made: Any, destroy: Any, error: int) -> Any:
        if error == 0:
            return self.ffi.gc(made, destroy)
        if error == _ALLOC_FAIL:
            raise MemoryError(f"libopus: {self.explain(error)}")
        raise ValueError(f"libopus: {self.explain(error)}")


@cache
def opus_library() -> OpusLibrary | str:
    """The library, opened once; in its place, why it cannot be and what to do."""
    try:
        return OpusLibrary()
    except OSError as error:
        return f"{error}; install libopus (Debian: libopus0) and start again"
