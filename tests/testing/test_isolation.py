"""Each test has a database of its own."""

from __future__ import annotations

import psycopg
import pytest

from tickdeck.db.revisions import head
from tickdeck.testing.databases import Databases
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


def test_databases_are_made_after_the_server_was_away(
    _tickdeck_databases: Databases,  # noqa: PT019 - it has a value
    timescale: TimescaleServer,
) -> None:
    kept = _tickdeck_databases._maintenance
    assert kept is not None
    with psycopg.connect(timescale.url, autocommit=True) as admin:
        admin.execute("select pg_terminate_backend(%s, 5000)", (kept.info.backend_pid,))
    with _tickdeck_databases.copy() as url, psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from ticks").fetchone() == (0,)
    assert _tickdeck_databases._maintenance is not kept
