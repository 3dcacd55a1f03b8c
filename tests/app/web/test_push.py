"""The push from the database to real WebSocket viewers."""

from __future__ import annotations

import asyncio
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
import websockets
from websockets.http11 import Request

from tests.live_server import insert, live_server
from tickdeck.app.config import LiveSettings
from tickdeck.app.live import hub
from tickdeck.app.push.outlets import DirectWebSocket
from tickdeck.db import listener

T0 = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
START_MS = int(T0.timestamp() * 1000)


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("direct", "compress"), [(True, False), (False, False), (True, True)], ids=["direct", "asgi", "deflate"]
)
async def test_an_insert_shows_in_every_part(tickdeck_db: str, *, direct: bool, compress: bool) -> None:
    insert(tickdeck_db, (T0, "SPY", 500.0, 10))
    async with live_server(tickdeck_db, direct=direct, ws_per_message_deflate=compress) as server:
        chart = {"symbol": "SPY", "interval": "1m"}
        async with server.viewer(watchlist="all", chart=chart, tape="SPY") as viewer:
            snapshot = await viewer.next()
            assert snapshot["type"] == "snapshot"
            assert [row["symbol"] for row in snapshot["watchlist"]["rows"]] == ["SPY"]
            assert len(snapshot["chart"]["candles"]) == len(snapshot["tape"]["ticks"]) == 1
            insert(tickdeck_db, (after(1), "SPY", 501.0, 5))
            await viewer.until(lambda v: len(v.ticks) == 2 and v.last("SPY") == 501)
            assert viewer.candles == {START_MS: [START_MS, 500, 501, 500, 501, 15, 500 * 10 + 501 * 5, 2]}


async def test_a_frame_does_not_wait_for_the_one_before_to_be_acknowledged(tickdeck_db: str) -> None:
    connections: list[DirectWebSocket] = []

    class Remembered(DirectWebSocket):
        def handle_connect(self, event: Request) -> None:
            super().handle_connect(event)
            connections.append(self)

    async with live_server(tickdeck_db, ws=Remembered) as server, server.viewer(watchlist="all") as viewer:
        await viewer.next()
        sock = connections[0].transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_copy_shows(tickdeck_db: str) -> None:
    async with live_server(tickdeck_db) as server, server.viewer(watchlist="all", rows="arrays") as viewer:
        assert (await viewer.next())["watchlist"]["rows"] == []
        with (
            psycopg.connect(tickdeck_db) as connection,
            connection.cursor().copy("copy ticks (time, symbol, price, size) from stdin") as copy,
        ):
            for second in range(50):
                for symbol in ("AAA", "BBB"):
                    copy.write_row((after(second), symbol, 10 + second, 2))
        await viewer.until(lambda v: v.last("AAA") == v.last("BBB") == 59)
        assert viewer.rows["BBB"] == {
            "symbol": "BBB", "last": 59, "change": 49, "change_pct": 490, "bid": None, "ask": None,
            "volume": 100, "vwap": 34.5, "time": START_MS + 49_000, "trades": 50,
            "open": 10, "high": 59, "low": 10,
        }  # fmt: skip


async def test_late_ticks_and_a_new_day_show_rightly(tickdeck_db: str) -> None:
    with psycopg.connect(tickdeck_db) as connection:
        connection.execute("insert into instruments (symbol, timezone) values ('TYO', 'Asia/Tokyo')")
    midnight = datetime(2024, 3, 4, 15, tzinfo=UTC)
    insert(tickdeck_db, (midnight - timedelta(hours=2), "TYO", 100.0))
    async with live_server(tickdeck_db) as server:
        chart = {"symbol": "TYO", "interval": "1d"}
        async with server.viewer(watchlist=["TYO"], chart=chart) as viewer:
            await viewer.until(lambda v: v.last("TYO") == 100)
            insert(tickdeck_db, (midnight, "TYO", 110.0))
            await viewer.until(lambda v: v.last("TYO") == 110)
            assert (viewer.rows["TYO"]["change"], viewer.rows["TYO"]["volume"]) == (10, 1)
            await viewer.until(lambda v: len(v.candles) == 2)
            # a late tick becomes the close of the day before, and with it the reference of the change
            insert(tickdeck_db, (midnight - timedelta(hours=1), "TYO", 105.0))
            await viewer.until(lambda v: v.rows["TYO"]["change"] == 5)
            assert (viewer.rows["TYO"]["volume"], viewer.rows["TYO"]["open"]) == (1, 110)
            await viewer.until(lambda v: min(v.candles.items())[1][4] == 105)


async def test_a_bulk_load_is_read_from_the_tables(tickdeck_db: str) -> None:
    insert(tickdeck_db, (T0, "S1", 1.0))
    async with live_server(tickdeck_db) as server:
        chart = {"symbol": "S1", "interval": "1s"}
        async with server.viewer(watchlist="all", chart=chart, tape="S1") as viewer:
            await viewer.next()
            with psycopg.connect(tickdeck_db) as connection:
                connection.execute(
                    "insert into ticks (time, symbol, price, size) select %s + n * interval '1 s', 'S' || k, n, 1 "
                    "from generate_series(1, 700) n, generate_series(1, 3) k",
                    (T0,),
                )
            await viewer.until(
                lambda v: v.last("S3") == v.last("S1") == 700 and (START_MS + 700_000) in v.candles
            )
            await viewer.until(lambda v: max(v.ticks)[0] == (START_MS + 700_000) * 1000)
            assert viewer.rows["S1"]["trades"] == 701
            assert len(viewer.candles) == 500
            assert len(viewer.ticks) == 100


async def test_viewers_of_one_subscription_get_the_same_bytes(tickdeck_db: str) -> None:
    insert(tickdeck_db, (T0, "SPY", 500.0))
    async with live_server(tickdeck_db) as server:
        watched: dict[str, Any] = {"watchlist": "all", "tape": "SPY"}
        async with server.viewer(**watched) as one, server.viewer(**watched) as two:
            await one.next()
            await two.next()
            for n in range(1, 20):
                insert(tickdeck_db, (after(n), "SPY", 500.0 + n))
                await asyncio.sleep(0.02)
            for viewer in (one, two):
                await viewer.until(lambda v: len(v.ticks) == 20 and v.last("SPY") == 519)
            frames = two.raw[1:]
            assert one.raw[-len(frames) :] == frames, "the first may have had a frame before the second came"


async def test_frames_are_conflated_to_the_rate(tickdeck_db: str) -> None:
    settings = LiveSettings(grid_rate=4)
    async with live_server(tickdeck_db, settings) as server, server.viewer(watchlist="all") as viewer:
        await viewer.next()
        began = asyncio.get_running_loop().time()
        with psycopg.connect(tickdeck_db, autocommit=True) as connection:
            for n in range(100):
                await asyncio.to_thread(
                    connection.execute,
                    "insert into ticks (time, symbol, price) values (%s, 'SPY', %s)",
                    (after(n), n + 1),
                )
        await viewer.until(lambda v: v.last("SPY") == 100)
        took = asyncio.get_running_loop().time() - began
        frames = [message for message in viewer.messages if "watchlist" in message][1:]
        assert 1 <= len(frames) <= 4 * took + 2
        versions = [message["version"] for message in viewer.messages]
        assert versions == sorted(versions)


async def test_a_subscription_can_change(tickdeck_db: str) -> None:
    insert(tickdeck_db, (T0, "AAA", 1.0), (T0, "BBB", 2.0))
    async with (
        live_server(tickdeck_db) as server,
        server.viewer(watchlist="all", chart={"symbol": "AAA", "interval": "1m"}) as viewer,
    ):
        await viewer.next("snapshot")
        await viewer.subscribe(watchlist=["BBB"], chart={"symbol": "BBB", "interval": "1h"}, tape="BBB")
        snapshot = await viewer.next("snapshot")
        assert [row["symbol"] for row in snapshot["watchlist"]["rows"]] == ["BBB"]
        assert (snapshot["chart"]["symbol"], snapshot["chart"]["interval"]) == ("BBB", "1h")
        insert(tickdeck_db, (after(1), "AAA", 9.0))
        insert(tickdeck_db, (after(1), "BBB", 3.0))
        await viewer.until(lambda v: v.last("BBB") == 3)
        assert "AAA" not in viewer.rows
        await viewer.subscribe()
        assert (await viewer.next("snapshot")).keys() == {"type", "version", "time", "status"}


async def test_bad_messages_are_answered_and_the_connection_lives(tickdeck_db: str) -> None:
    insert(tickdeck_db, (T0, "SPY", 1.0))
    async with live_server(tickdeck_db) as server, server.viewer() as viewer:
        for bad in ("", "nonsense", "[1]", '"x"', "null", b"\xff\xfe", '{"jump": 1}', '{"subscribe": 3}'):
            await viewer.send(bad)
            assert (await viewer.next())["type"] in {"error", "snapshot"}, bad
        await viewer.subscribe(
            watchlist="all", tape="NOPE", chart={"symbol": "SPY", "interval": "7m"}, colour="red"
        )
        await viewer.send({"ping": [1, "a"]})
        assert (await viewer.next("pong"))["pong"] == [1, "a"]
        said = " ".join(message["message"] for message in viewer.messages if message["type"] == "error")
        assert "'NOPE'" in said
        assert "'7m'" in said
        assert "'colour'" in said
        assert viewer.last("SPY") == 1


async def test_each_part_of_a_ticks_way_is_measured(
    tickdeck_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "LATENCY_S", 0.05)
    monkeypatch.setattr(listener, "PING_EVERY_S", 0.05)
    async with live_server(tickdeck_db) as server, server.viewer(watchlist="all") as viewer:
        await viewer.next()
        before = time.time_ns() // 1_000_000
        await viewer.send({"ping": 1, "painted": [30, 50, -1, 1e9, "x", None, True]})
        assert before <= (await viewer.next("pong"))["time"] <= time.time_ns() // 1_000_000
        await viewer.send({"painted": 7})
        assert "painted must be a list" in (await viewer.next("error"))["message"]
        insert(tickdeck_db, (T0, "SPY", 501.0, 5))
        wanted = {"notify", "frame", "paint"}
        await viewer.until(lambda v: {each["stage"] for each in v.status["latency"]} == wanted)
        assert [each for each in viewer.status["latency"] if each["stage"] == "paint"] == [
            {"stage": "paint", "feed": "", "p50_ms": 30.0, "p99_ms": 50.0}
        ]
        await viewer.until(lambda v: v.status["skew_ms"] is not None)
        shown = server.hub.metrics.registry.get_sample_value
        labels = {"stage": "paint", "feed": "", "quantile": "0.99"}
        assert shown("tickdeck_stage_seconds", labels) == 0.05
        assert shown("tickdeck_clock_skew_seconds", {"clock": "database"}) is not None


async def test_too_long_a_message_ends_the_connection(tickdeck_db: str) -> None:
    async with live_server(tickdeck_db) as server, server.viewer() as viewer:
        await viewer.send("x" * 70_000)
        with pytest.raises(websockets.ConnectionClosedError) as caught:
            await viewer.next()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1009


async def test_pages_of_other_sites_are_refused(tickdeck_db: str) -> None:
    settings = LiveSettings(allowed_origins=("https://desk.example.com",))
    async with live_server(tickdeck_db, settings) as server:
        for origin in (f"http://127.0.0.1:{server.port}", "https://desk.example.com", None):
            async with websockets.connect(server.ws, origin=origin):  # type: ignore[arg-type]
                pass
        for origin in ("http://evil.example.com", "https://desk.example.com.evil.com", "null"):
            with pytest.raises(websockets.InvalidStatus) as caught:
                await websockets.connect(server.ws, origin=origin)  # type: ignore[arg-type]
            assert caught.value.response.status_code == 403


async def test_a_full_server_says_so(tickdeck_db: str) -> None:
    async with live_server(tickdeck_db, LiveSettings(max_viewers=1)) as server, server.viewer() as first:
        await first.send({"ping": 1})
        await first.next("pong")
        async with server.viewer() as second:
            assert "full" in (await second.next("error"))["message"]
            with pytest.raises(websockets.ConnectionClosed) as caught:
                await second.next()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1013


@pytest.mark.fault("a symbol appears at noon", "its row is there with its first tick")
async def test_a_new_symbol_is_known_at_once(tickdeck_db: str) -> None:
    async with live_server(tickdeck_db) as server, server.viewer(watchlist="all") as viewer:
        await viewer.next()
        with psycopg.connect(tickdeck_db) as connection:
            connection.execute(
                "insert into instruments (symbol, timezone, price_decimals) values ('NEW', 'Asia/Tokyo', 4)"
            )
        insert(tickdeck_db, (T0, "NEW", 1.23456789))
        await viewer.until(lambda v: "NEW" in v.rows)
        await viewer.subscribe(chart={"symbol": "NEW", "interval": "1d"})
        chart = (await viewer.next("snapshot"))["chart"]
        assert (chart["timezone"], chart["price_decimals"]) == ("Asia/Tokyo", 4)
        assert chart["candles"][0][0] == int(datetime(2024, 3, 3, 15, tzinfo=UTC).timestamp() * 1000)
        with psycopg.connect(tickdeck_db) as connection:
            connection.execute("insert into instruments (symbol) values ('QUIET')")
        await viewer.subscribe(watchlist="all", tape="QUIET")  # known, though it never had a tick
        snapshot = await viewer.next("snapshot")
        assert snapshot["tape"] == {"symbol": "QUIET", "ticks": []}
