"""The dashboard that all tests of this folder share: none of them takes anything from its people."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.app.web.signed_in.desks import TICK, Desk, desk_on
from tickdeck.testing.databases import Databases


@pytest.fixture(scope="package")
def desk(_tickdeck_databases: Databases) -> Iterator[Desk]:
    """Served with the two ticks of one symbol."""
    with _tickdeck_databases.copy() as url:
        with psycopg.connect(url) as connection:
            connection.execute(
                "insert into ticks (time, symbol, seq, price, size) values"
                " (%(time)s, 'A', 7, 10, 1), (%(time)s, 'A', 8, 11, 1)",
                TICK,
            )
        with desk_on(url) as made:
            yield made
