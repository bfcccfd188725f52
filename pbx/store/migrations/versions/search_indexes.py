"""Search indexes: the calls of each value that can be searched for are found without reading all others."""

from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import column

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

EVERY: Final = ("direction", "result", "reason")
SOME: Final = ("device", "extension", "did", "trunk")
"""Columns that not every call has a value in: those without one are left out."""


def upgrade() -> None:
    """Make the indexes."""
    for name in EVERY:
        op.create_index(f"calls_{name}", "calls", [name, "call_id"])
    for name in SOME:
        there = column(name).is_not(None)
        op.create_index(f"calls_{name}", "calls", [name, "call_id"], sqlite_where=there, postgresql_where=there)
