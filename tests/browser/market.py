"""Somebody who writes ticks by SQL, as with psql."""

from __future__ import annotations

import itertools
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import psycopg

_numbers = itertools.count(1)


class Market:
    """`with Market(url) as market`: one autocommitting connection as the database's owner.

    `symbol` and `other` belong to it alone: several tests share a database.  They follow each other in the watchlist, which
    holds only the rows that are in view, around the chosen one.
    """

    def __init__(self, url: str) -> None:
        number = next(_numbers)
        self.symbol, self.other = f"ACME{number:02}", f"ACME{number:02}Y"
        self._connection = psycopg.connect(url, autocommit=True)

    def trade(self, symbol: str, price: float, *, size: float = 100, time: datetime | None = None) -> None:
        """Insert one tick, by default of now."""
        self._connection.execute(
            "insert into ticks (time, symbol, price, size, bid, ask) values (%s, %s, %s, %s, %s, %s)",
            (time or datetime.now(UTC), symbol, price, size, price - 0.01, price + 0.01),
        )

    def together(self) -> AbstractContextManager[psycopg.Transaction]:
        """`with market.together()`: all that is written in the block is seen at once, at its end."""
        return self._connection.transaction()

    def sided(self, symbol: str, price: float, *, side: int | None, time: datetime) -> None:
        """Insert one tick of which it is known who took the price (1 the buyer, -1 the seller)."""
        self._connection.execute(
            "insert into ticks (time, symbol, price, size, side) values (%s, %s, %s, 100, %s)",
            (time, symbol, price, side),
        )

    def cancel(self, symbol: str, time: datetime, *, known: datetime) -> None:
        """Cancel the tick of that time, which its source said at another."""
        self._connection.execute(
            "select tickdeck_restate_ticks_v1('test', jsonb_build_array(jsonb_build_object("
            "'symbol', symbol, 'time_us', (extract(epoch from time) * 1000000)::bigint, 'seq', seq, 'kind', 'cancel',"
            " 'exact', true, 'known_us', (extract(epoch from %s::timestamptz) * 1000000)::bigint)))"
            " from ticks where symbol = %s and time = %s",
            (known, symbol, time),
        )

    def past(self, symbol: str, prices: list[float], *, newest: datetime | None = None) -> None:
        """One tick a minute, the last one in the minute of `newest` (default: five minutes ago)."""
        last = (newest or datetime.now(UTC) - timedelta(minutes=5)).replace(second=10, microsecond=0)
        with self.together():
            for back, price in enumerate(reversed(prices)):
                self.trade(symbol, price, time=last - timedelta(minutes=back))

    def many(self, symbol: str, minutes: int) -> None:
        """One tick in each of the last so many minutes, in one statement."""
        self._connection.execute(
            "insert into ticks (time, symbol, price, size)"
            " select now() - make_interval(mins => back), %s, 100 + 5 * sin(back / 40.0), 100"
            " from generate_series(1, %s) as back",
            (symbol, minutes),
        )

    def instrument(self, symbol: str, *, price_decimals: int, timezone: str) -> None:
        """Register an instrument before its first tick."""
        self._connection.execute(
            "insert into instruments (symbol, price_decimals, timezone) values (%s, %s, %s)",
            (symbol, price_decimals, timezone),
        )

    def miss(self, symbol: str, *, feed: str, stretches: int) -> None:
        """A live feed that runs has missed so many stretches of the symbol's trades."""
        self._connection.execute(
            "insert into feeds (name, kind, state, health) values (%s, 'exchange', 'running', '{\"connected\": true, \"symbols\": [\"BTC/USDT\"]}')",
            (feed,),
        )
        self._connection.execute(
            "insert into feed_gaps (id, feed, symbol, from_time, to_time, state, why)"
            " select gen_random_uuid(), %s, %s, now() - make_interval(mins => 2 * n), now() - make_interval(mins => 2 * n - 1),"
            " 'missing', 'cut' from generate_series(1, %s) n",
            (feed, symbol, stretches),
        )

    def hear(self, feed: str) -> None:
        """The feed says that it runs, as each does every second: of one that was not heard of, nobody knows that."""
        self._connection.execute(
            "with heard as (update feeds set seen_at = now() where name = %s"
            " returning name, kind, state, detail, stored, rejected)"
            " select pg_notify('tickdeck_v2', json_build_object('feed', row_to_json(heard))::text) from heard",
            (feed,),
        )

    def fill(self, feed: str) -> None:
        """What the feed had missed is there now, and the feed ends."""
        self._connection.execute("update feed_gaps set state = 'filled' where feed = %s", (feed,))
        self._connection.execute("update feeds set state = 'ended', seen_at = now() where name = %s", (feed,))

    def cut_connections(self) -> int:
        """End every connection of Tickdeck to this database; returns how many there were."""
        cut = self._connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and application_name like 'tickdeck%'"
        ).fetchall()
        return len(cut)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
