"""Each test has a database of its own."""

from __future__ import annotations

import psycopg
import pytest

from tickdeck.db.revisions import head
from tickdeck.testing.servers import TimescaleServer


@pytest.mark.parametrize("turn", [1, 2])
def test_database_is_migrated_and_private(tickdeck_db: str, timescale: TimescaleServer, turn: int) -> None:
    with psycopg.connect(tickdeck_db) as connection:
        row = connection.execute("select version_num from alembic_version").fetchone()
        assert row == (head(),)
        version = connection.execute(
            "select extversion from pg_extension where extname = 'timescaledb'"
        ).fetchone()
        assert version == (timescale.timescaledb,)
        connection.execute("insert into ticks (time, symbol, price) values (now(), 'SPY', %s)", (turn,))
        count = connection.execute("select count(*), min(price) from ticks").fetchone()
        assert count == (1, turn)
