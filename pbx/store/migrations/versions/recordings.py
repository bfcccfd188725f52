"""Recordings: the audio files of calls, one row each."""

from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, Text

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY: Final = Text().with_variant(Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "recordings",
        Column("id", KEY, primary_key=True),
        Column("call_id", KEY, nullable=False),
        Column("tenant", KEY, nullable=False),
        Column("state", Text, nullable=False),
        Column("began_at_ms", BigInteger, nullable=False),
        Column("duration_ms", BigInteger, nullable=False),
        Column("format", Text, nullable=False),
        Column("rate_hz", Integer, nullable=False),
        Column("size_bytes", BigInteger, nullable=False),
        Column("sha256", Text, nullable=False),
        Column("file", Text, nullable=False),
        Column("legs", Text, nullable=False),
        Column("faults", Text, nullable=False),
    )
    op.create_index("recordings_tenant", "recordings", ["tenant", "id"])
    op.create_index("recordings_call", "recordings", ["call_id"])
    op.create_index("recordings_began", "recordings", ["began_at_ms"])
