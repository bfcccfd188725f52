"""Configuration: objects, their history, and the files that the server was started with."""

from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Text, text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY: Final = Text().with_variant(Text(collation="C"), "postgresql")
NUMBER: Final = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "configuration_objects",
        Column("id", KEY, primary_key=True),
        Column("kind", KEY, nullable=False),
        Column("tenant", KEY, nullable=False),
        Column("key", KEY, nullable=False),
        Column("revision", NUMBER, nullable=False),
        Column("body", Text, nullable=False),
        Column("created_at_ms", BigInteger, nullable=False),
        Column("created_by", Text, nullable=False),
        Column("updated_at_ms", BigInteger, nullable=False),
        Column("updated_by", Text, nullable=False),
        Column("deleted_at_ms", BigInteger),
    )
    living = text("deleted_at_ms IS NULL")
    op.create_index(
        "configuration_living",
        "configuration_objects",
        ["kind", "tenant", "key"],
        unique=True,
        sqlite_where=living,
        postgresql_where=living,
    )
    op.create_table(
        "configuration_versions",
        Column("number", NUMBER, primary_key=True, autoincrement=False),
        Column("at_ms", BigInteger, nullable=False),
        Column("by", Text, nullable=False),
        Column("summary", Text, nullable=False),
        Column("change_id", KEY, nullable=False, unique=True),
        Column("undo", LargeBinary),
    )
    op.create_table(
        "applied_files",
        Column("name", KEY, primary_key=True),
        Column("sha256", KEY, nullable=False),
        Column("at_ms", BigInteger, nullable=False),
    )
