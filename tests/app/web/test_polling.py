"""The same messages for who cannot hold a connection."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from tests.live_server import LiveServer, insert, live_server

T0 = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


async def poll(server: LiveServer, subscribe: object, since: int = 0) -> tuple[int, dict[str, Any]]:
    query = urlencode({"subscribe": json.dumps(subscribe), "since": since})

    def get() -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"{server.http}/api/frames?{query}") as answer:  # noqa: S310 - loopback
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    return await asyncio.to_thread(get)


async def test_polling_gets_the_same_messages(tickdeck_db: str) -> None:
    insert(tickdeck_db, (T0, "SPY", 1.0), (T0, "QQQ", 1.0))
    async with live_server(tickdeck_db) as server:
        watched = {"watchlist": "all", "chart": {"symbol": "SPY", "interval": "5s"}, "tape": "SPY"}
        status, snapshot = await poll(server, watched)
        assert (status, snapshot["type"]) == (200, "snapshot")
        assert len(snapshot["chart"]["candles"]) == len(snapshot["tape"]["ticks"]) == 1
        async with server.viewer(**watched) as viewer:
            await viewer.next()
            insert(tickdeck_db, (after(5), "SPY", 2.0))
            await viewer.until(lambda v: v.last("SPY") == 2 and len(v.ticks) == 2)
        _, frame = await poll(server, watched, snapshot["version"])
        assert frame["type"] == "frame"
        assert [row["symbol"] for row in frame["watchlist"]["rows"]] == ["SPY"]
        assert [candle[4] for candle in frame["chart"]["candles"]] == [2]
        assert [tick[2] for tick in frame["tape"]["ticks"]] == [2]
        _, nothing = await poll(server, watched, frame["version"])
        assert not nothing.keys() & {"watchlist", "chart", "tape"}
        status, partly = await poll(server, {"watchlist": "all", "tape": "NOPE"})
        assert (status, len(partly["watchlist"]["rows"])) == (200, 2)
        assert partly["errors"] == ["tape: symbol 'NOPE' is unknown"]


async def test_a_poll_that_is_no_json_is_refused(tickdeck_db: str) -> None:
    async with live_server(tickdeck_db) as server:

        def get() -> int:
            try:
                with urllib.request.urlopen(f"{server.http}/api/frames?subscribe=all") as answer:  # noqa: S310
                    return int(answer.status)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code

        assert await asyncio.to_thread(get) == 422
