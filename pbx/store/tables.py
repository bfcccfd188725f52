"""The tables, one for one the fields of the records they hold."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
)

METADATA: Final = MetaData()

# Keys sort by their bytes everywhere: PostgreSQL would sort them as its locale does.
KEY: Final = Text().with_variant(Text(collation="C"), "postgresql")
# SQLite: only INTEGER PRIMARY KEY is the row's own number; it has 64 bits there.
NUMBER: Final = BigInteger().with_variant(Integer(), "sqlite")

# In SQLite rows lie in order of events: the number is the row's own.
EVENTS: Final = Table(
    "events",
    METADATA,
    Column("seq", NUMBER, primary_key=True, autoincrement=False),
    Column("call", KEY),
    Column("code", SmallInteger, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)
Index(
    "events_call",
    EVENTS.c.call,
    sqlite_where=EVENTS.c.call.is_not(None),
    postgresql_where=EVENTS.c.call.is_not(None),
)

# ULIDs sort by time: the key is also the index for "newest first".
CALLS: Final = Table(
    "calls",
    METADATA,
    Column("call_id", KEY, primary_key=True),
    Column("tenant", Text),
    Column("node", Text),
    Column("sip_call_id", Text),
    Column("direction", Text, nullable=False),
    Column("call_type", Text, nullable=False),
    Column("device", Text),
    Column("extension", Text),
    Column("source", Text),
    Column("caller_original", Text),
    Column("caller_name_original", Text),
    Column("called_original", Text),
    Column("called_final", Text),
    Column("did", Text),
    Column("trunk", Text),
    Column("start_at_ms", BigInteger, nullable=False),
    Column("offered_at_ms", BigInteger),
    Column("ring_at_ms", BigInteger),
    Column("answer_at_ms", BigInteger),
    Column("end_at_ms", BigInteger, nullable=False),
    Column("total_ms", BigInteger, nullable=False),
    Column("ring_ms", BigInteger, nullable=False),
    Column("talk_ms", BigInteger, nullable=False),
    Column("other_ms", BigInteger, nullable=False),
    Column("hold_count", Integer, nullable=False, server_default="0"),
    Column("hold_ms", BigInteger, nullable=False, server_default="0"),
    Column("post_dial_delay_ms", BigInteger),
    Column("result", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("hangup_party", Text),
    Column("sip_code", Integer),
    Column("sip_text", Text),
    Column("q850", Integer),
    Column("destination_type", Text),
    Column("destination", Text),
    Column("codec", Text),
    Column("loss_pct", Float),
    Column("jitter_ms", Float),
    Column("rtt_ms", Float),
    Column("mos", Float),
    sqlite_with_rowid=False,
)

# The id begins with the time: each index gives a page of one tenant's or one number's calls in its order.
Index("calls_tenant", CALLS.c.tenant, CALLS.c.call_id)
Index("calls_caller", CALLS.c.caller_original, CALLS.c.call_id)
Index("calls_called", CALLS.c.called_original, CALLS.c.call_id)
for _name in ("direction", "result", "reason"):
    Index(f"calls_{_name}", CALLS.c[_name], CALLS.c.call_id)
for _name in ("device", "extension", "did", "trunk"):
    _there = CALLS.c[_name].is_not(None)
    Index(f"calls_{_name}", CALLS.c[_name], CALLS.c.call_id, sqlite_where=_there, postgresql_where=_there)

LEGS: Final = Table(
    "legs",
    METADATA,
    Column("call_id", KEY, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("leg_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("number", Text),
    Column("device", Text),
    Column("trunk", Text),
    Column("sip_call_id", Text),
    Column("address", Text),
    Column("state", Text, nullable=False),
    Column("start_at_ms", BigInteger, nullable=False),
    Column("ring_at_ms", BigInteger),
    Column("answer_at_ms", BigInteger),
    Column("end_at_ms", BigInteger),
    Column("reason", Text),
    Column("hangup_party", Text),
    Column("sip_code", Integer),
    Column("sip_text", Text),
    Column("q850", Integer),
    Column("codec", Text),
    Column("early_media", Boolean, nullable=False),
    Column("packets_in", BigInteger),
    Column("packets_out", BigInteger),
    Column("lost_in", BigInteger),
    Column("far_lost", BigInteger),
    Column("jitter_ms", Float),
    Column("rtt_ms", Float),
    Column("mos", Float),
    Column("latched", Text),
    Column("hold_count", Integer, nullable=False, server_default="0"),
    Column("hold_ms", BigInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)

# One row per live binding: the newest `RegistrationChanged` of it, as written in the log.
BINDINGS: Final = Table(
    "bindings",
    METADATA,
    Column("tenant", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("binding", Text, primary_key=True),
    Column("expires_at_ns", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# Starts of `control`; `previous_at_ns` is the time of the last event before.
BOOTS: Final = Table(
    "boots",
    METADATA,
    Column("seq", NUMBER, primary_key=True, autoincrement=False),
    Column("node", Text, nullable=False),
    Column("boot", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("previous_at_ns", BigInteger, nullable=False),
)

META: Final = Table(
    "meta",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

# Everything that a tenant or the platform configures. Deleted rows stay a while; among the living a key is there once.
CONFIGURATION: Final = Table(
    "configuration_objects",
    METADATA,
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
Index(
    "configuration_living",
    CONFIGURATION.c.kind,
    CONFIGURATION.c.tenant,
    CONFIGURATION.c.key,
    unique=True,
    sqlite_where=CONFIGURATION.c.deleted_at_ms.is_(None),
    postgresql_where=CONFIGURATION.c.deleted_at_ms.is_(None),
)

# `undo`: the bodies before the change, compressed; `change_id` tells a change that is asked for twice.
VERSIONS: Final = Table(
    "configuration_versions",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("change_id", KEY, nullable=False, unique=True),
    Column("undo", LargeBinary),
)

# What the server was last started with, file by file.
APPLIED: Final = Table(
    "applied_files",
    METADATA,
    Column("name", KEY, primary_key=True),
    Column("sha256", KEY, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

# Of requests with an Idempotency-Key; `headers` are pairs as JSON.
ANSWERS: Final = Table(
    "api_answers",
    METADATA,
    Column("who", KEY, primary_key=True),
    Column("key", KEY, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index("api_answers_at", ANSWERS.c.at_ms)

TOKEN_USES: Final = Table(
    "token_uses",
    METADATA,
    Column("token", KEY, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
)

# One audio file each; `state` is ready, partial (something is missing, `faults` say what) or failed (no file).
# `file` lies below the folder of the recordings; `legs` and `faults` are JSON.
RECORDINGS: Final = Table(
    "recordings",
    METADATA,
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
Index("recordings_tenant", RECORDINGS.c.tenant, RECORDINGS.c.id)
Index("recordings_call", RECORDINGS.c.call_id)
Index("recordings_began", RECORDINGS.c.began_at_ms)
