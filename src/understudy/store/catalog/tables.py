"""The catalog's tables as statements that write see them.

They are made and changed by ``migrations``; a test holds that both say the same.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, MetaData, Table, Text

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("directory", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("game", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("task_id", Text, nullable=False),
    Column("player", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("started", Text, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("ended", Text),
    Column("duration_s", Float),
    Column("steps", BigInteger, nullable=False),
    Column("chats", BigInteger, nullable=False),
    Column("frames", BigInteger, nullable=False),
    Column("images", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("stored", BigInteger, nullable=False),
    Column("dropped", BigInteger, nullable=False),
    Column("masked", BigInteger, nullable=False),
    Column("human_score", Float),
    Column("auto_score", Float),
    Column("success", Boolean),
    Column("tags", Text, nullable=False),
    Column("license", Text, nullable=False),
    Column("consent", Text, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("sealed_sha256", Text),
    Column("schema", Integer, nullable=False),
    Column("play", Text),
)

session_tags = Table(
    "session_tags",
    metadata,
    Column("session", Text, primary_key=True),
    Column("tag", Text, primary_key=True),
)
