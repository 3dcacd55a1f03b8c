"""A server that cannot carry the schema is refused before anything is made in it."""

from __future__ import annotations

import psycopg
import pytest

from tickdeck.db import migrate, revisions
from tickdeck.db.errors import SchemaError


@pytest.mark.parametrize(
    ("limit", "value", "message"),
    [
        ("MINIMUM_TIMESCALEDB", (99, 1), "TimescaleDB 99.1 or newer is needed; the server has [0-9]"),
        ("MINIMUM_POSTGRESQL", 99, "PostgreSQL 99 or newer is needed; the server is [0-9]"),
    ],
)
def test_server_that_is_too_old(
    tickdeck_db: str, monkeypatch: pytest.MonkeyPatch, limit: str, value: object, message: str
) -> None:
    migrate.downgrade(tickdeck_db, "base")
    monkeypatch.setattr(revisions, limit, value)
    with pytest.raises(SchemaError, match=message):
        migrate.upgrade(tickdeck_db)
    with psycopg.connect(tickdeck_db) as connection:
        left = connection.execute("select relname from pg_class where relnamespace = 'public'::regnamespace")
        assert {name for (name,) in left} <= {"alembic_version", "alembic_version_pkc"}
