"""History indexes: the calls of a tenant and of a number are found without reading all others."""

from __future__ import annotations

from typing import Final

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLUMNS: Final = {"calls_tenant": "tenant", "calls_caller": "caller_original", "calls_called": "called_original"}
"""Each with the id behind it, which begins with the time: a page is read in its order."""


def upgrade() -> None:
    """Make the indexes."""
    for name, column in COLUMNS.items():
        op.create_index(name, "calls", [column, "call_id"])
