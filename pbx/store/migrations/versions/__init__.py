"""Migrations of the database, oldest first by their revision; a table changes here and in `pbx.store.tables`."""
