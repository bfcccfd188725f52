"""The spool: the event log on disk between `control`, which writes it, and `records`, which reads it."""

from __future__ import annotations

from pbx.spool.reader import Gap, SpoolReader, SpoolRecord
from pbx.spool.segment import Position, SpoolError
from pbx.spool.writer import SpoolWriter

__all__ = ["Gap", "Position", "SpoolError", "SpoolReader", "SpoolRecord", "SpoolWriter"]
