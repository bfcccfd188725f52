"""Verbs: what call control can do with a leg, one file per group."""
