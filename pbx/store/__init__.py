"""The database: tables, the engine, and the only code that speaks SQL."""

from __future__ import annotations

from pbx.store.database import StoreAway, StoreError, open_engine, open_postgresql, open_store
from pbx.store.history import BindingKey, BindingRow, EventRow, History, binding_key
from pbx.store.queries import CallQuery, HistoryReader, LogState

__all__ = [
    "BindingKey",
    "BindingRow",
    "CallQuery",
    "EventRow",
    "History",
    "HistoryReader",
    "LogState",
    "StoreAway",
    "StoreError",
    "binding_key",
    "open_engine",
    "open_postgresql",
    "open_store",
]
