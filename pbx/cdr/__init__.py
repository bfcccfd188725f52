"""Call detail records: one per call, folded from the call's events and from nothing else."""

from __future__ import annotations

from pbx.cdr.fold import MEDIA_WAIT_NS, CallFold
from pbx.cdr.record import Cdr, LegRecord

__all__ = ["MEDIA_WAIT_NS", "CallFold", "Cdr", "LegRecord"]
