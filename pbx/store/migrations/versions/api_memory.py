"""API memory: answers to requests that may be sent again, and when tokens were last used."""

from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Text

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY: Final = Text().with_variant(Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "api_answers",
        Column("who", KEY, primary_key=True),
        Column("key", KEY, primary_key=True),
        Column("digest", Text, nullable=False),
        Column("at_ms", BigInteger, nullable=False),
        Column("status", Integer, nullable=False),
        Column("headers", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
    )
    op.create_index("api_answers_at", "api_answers", ["at_ms"])
    op.create_table(
        "token_uses",
        Column("token", KEY, primary_key=True),
        Column("at_ms", BigInteger, nullable=False),
    )
