"""How the database of an earlier release becomes that of this one (Alembic)."""
