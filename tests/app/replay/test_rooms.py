"""Replays over a real WebSocket: opening, rooms, controls, refusals, bounds, and chunks that are dropped."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson
import psycopg
import pytest
import uvicorn
import websockets
from fastapi import FastAPI

from tests.replaying import DAY_US, END_US, START_US, S, made_up_ticks, store
from tickdeck.app.config import LiveSettings, ReplaySettings
from tickdeck.app.live.hub import Hub
from tickdeck.app.push.outlets import server_options
from tickdeck.app.replay.rooms import Rooms
from tickdeck.app.replay.trial import Wanted, run_trial
from tickdeck.app.web.push import router
from tickdeck.db import alerts
from tickdeck.db.market.types import from_us
from tickdeck.db.session import Pool, open_pool

PATIENCE_S = 60.0
RANGE = {"from": START_US // 1000, "to": END_US // 1000, "symbols": ["NYSE", "DELHI"]}


class Watcher:
    """A viewer that keeps what it was told."""

    def __init__(self, connection: websockets.ClientConnection) -> None:
        self.connection = connection
        self.replay: dict[str, Any] | None = None
        self.errors: list[str] = []
        self.rows: dict[str, dict[str, Any]] = {}
        self.status = ""
        self.heard: list[dict[str, Any]] = []

    async def say(self, **message: Any) -> None:
        await self.connection.send(orjson.dumps(message).decode())

    async def do(self, what: str, **how: Any) -> None:
        await self.say(replay={"do": what, **how})

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition(self):
                self.take(orjson.loads(await self.connection.recv()))

    async def refused(self) -> str:
        before = len(self.errors)
        await self.until(lambda w: len(w.errors) > before)
        return self.errors[-1]

    def take(self, message: dict[str, Any]) -> None:
        self.heard.append(message)
        if message["type"] == "replay":
            told = message["replay"]
            self.replay = (
                None if told is None else (told if "room" in told else {**(self.replay or {}), **told})
            )
        elif message["type"] == "error":
            self.errors.append(message["message"])
        else:
            if message["type"] == "snapshot":
                self.rows = {}
            self.rows |= {row["symbol"]: row for row in message.get("watchlist", {}).get("rows", [])}
            self.status = message.get("status", {}).get("state", self.status)


@dataclass
class Server:
    url: str
    database: str
    rooms: Rooms
    own: Pool
    """Acts as `tickdeck_settings`."""

    @asynccontextmanager
    async def viewer(self) -> AsyncIterator[Watcher]:
        async with websockets.connect(self.url, max_size=2**24) as connection:
            yield Watcher(connection)


@asynccontextmanager
async def serving(url: str, **limits: Any) -> AsyncIterator[Server]:
    pool = await open_pool(url, role="reader", size=4)
    own = await open_pool(url, role="settings", size=2)
    try:
        async with (
            Hub(url, pool, LiveSettings(), own=own) as hub,
            Rooms(hub, pool, ReplaySettings(**limits)) as rooms,
        ):
            app = FastAPI()
            app.include_router(router(rooms))
            with socket.create_server(("127.0.0.1", 0)) as sock:
                config = uvicorn.Config(app, log_level="warning", lifespan="off", **server_options())
                server = uvicorn.Server(config)
                task = asyncio.create_task(server.serve(sockets=[sock]))
                async with asyncio.timeout(PATIENCE_S):
                    await hub.ready()
                try:
                    yield Server(f"ws://127.0.0.1:{sock.getsockname()[1]}/ws", url, rooms, own)
                finally:
                    server.should_exit = server.force_exit = True
                    await task
    finally:
        await asyncio.wait_for(own.close(), PATIENCE_S)
        await asyncio.wait_for(pool.close(), PATIENCE_S)


@pytest.fixture
async def server(tickdeck_db: str) -> AsyncIterator[Server]:
    await asyncio.to_thread(store, tickdeck_db, made_up_ticks())
    async with serving(tickdeck_db, replay_rooms=2, replay_idle_s=0) as running:
        yield running


async def opened(viewer: Watcher, **more: Any) -> dict[str, Any]:
    await viewer.say(replay={"open": RANGE | more}, subscribe={"watchlist": "all"})
    await viewer.until(lambda w: w.replay is not None and w.status == "replay")
    assert viewer.replay is not None
    return viewer.replay


async def test_a_viewer_goes_into_a_replay_and_back_to_live(server: Server) -> None:
    async with server.viewer() as viewer:
        await viewer.say(subscribe={"watchlist": "all"})
        await viewer.until(lambda w: w.status == "live" and len(w.rows) == 3)
        live = dict(viewer.rows)
        told = await opened(viewer, speed=60)
        assert (told["clock"], told["state"], told["speed"]) == (START_US // 1000, "paused", 60)
        assert told["controls"] is True
        assert told["profile"] == []
        await viewer.until(lambda w: "LATE" not in w.rows)
        assert all(row["time"] <= START_US // 1000 for row in viewer.rows.values())
        await viewer.do("speed", speed="max")
        await viewer.do("play")
        await viewer.until(lambda w: w.replay["state"] == "ended")
        await viewer.until(lambda w: w.rows["NYSE"]["trades"] == live["NYSE"]["trades"])
        await viewer.do("live")
        await viewer.until(lambda w: w.replay is None and w.status == "live")
        await viewer.until(lambda w: w.rows == live)


async def test_alert_rules_fire_on_the_clock_of_a_replay(server: Server) -> None:
    rule = alerts.AlertRule(uuid4(), None, "NYSE", "price crosses 100", "bar", "1h", "a note")
    await alerts.save_rule(server.own, rule)
    reader = await open_pool(server.database, role="reader", size=1)
    wanted = Wanted("NYSE", rule.condition, "bar", "1h")
    expected = await run_trial(reader, wanted, START_US + 1, END_US)
    await reader.close()
    async with server.viewer() as viewer, server.viewer() as other:
        told = await opened(viewer, speed="max")
        await other.say(replay={"join": told["room"]}, subscribe={"watchlist": "all"})
        await other.until(lambda w: w.status == "replay")
        await viewer.do("play")
        await viewer.until(lambda w: w.replay["state"] == "ended")
        heard = [each["alert"] for each in viewer.heard if each["type"] == "alert"]
        assert heard
        assert [each["time"] for each in heard] == [each.time_us // 1000 for each in expected.fired]
        assert {(each["id"], each["rule"], each["note"]) for each in heard} == {
            (None, str(rule.id), "a note")
        }
        count = len(heard)
        await viewer.do("seek", to=START_US // 1000)
        await viewer.until(lambda w: w.replay["clock"] == START_US // 1000)
        await viewer.do("play")
        await viewer.until(lambda w: sum(each["type"] == "alert" for each in w.heard) == 2 * count)
    assert await alerts.read_log(server.own, None) == []


async def test_one_holds_the_controls_hands_them_over_and_they_are_free_when_it_goes(server: Server) -> None:
    async with server.viewer() as first, server.viewer() as second:
        room = (await opened(first))["room"]
        await second.say(replay={"join": room}, subscribe={"watchlist": "all"})
        await second.until(lambda w: w.replay is not None)
        assert second.replay is not None
        assert second.replay["controls"] is False
        await second.do("play")
        assert "not yours" in await second.refused()
        await second.do("take")
        assert "another viewer holds" in await second.refused()
        await first.do("give", to="2")
        await second.until(lambda w: w.replay["controls"])
        await second.do("seek", to=START_US // 1000 + 60_000)
        await first.until(lambda w: w.replay["clock"] == START_US // 1000 + 60_000)
        async with server.viewer() as third:
            await third.say(replay={"join": room})
            await third.until(lambda w: w.replay is not None)
            await second.do("leave")
            await third.until(lambda w: w.replay["holder"] is None)
            await third.do("take")
            await third.until(lambda w: w.replay["controls"])


async def test_rooms_are_bounded_and_idle_ones_end(server: Server) -> None:
    async with server.viewer() as one, server.viewer() as two, server.viewer() as three:
        room = (await opened(one))["room"]
        await opened(two)
        await three.say(replay={"open": RANGE})
        assert "the most there may be" in await three.refused()
        await one.do("leave")
        await one.until(lambda w: w.replay is None)
        await opened(three)  # the one nobody watches makes room
        await one.say(replay={"join": room})
        assert "there is no replay" in await one.refused()


REFUSED = [
    ({"open": {"symbols": ["NYSE"], "from": "1999-01-04T00:00Z"}}, "no ticks of NYSE"),
    ({"open": RANGE | {"from": RANGE["to"], "to": RANGE["from"]}}, "reversed"),
    ({"open": RANGE | {"symbols": ["NYSE", "NOPE"]}}, "symbol 'NOPE' is unknown"),
    ({"open": RANGE | {"symbols": []}}, "1 to 50 symbols"),
    ({"open": RANGE | {"symbols": 5}}, "symbols must be a list"),
    ({"open": RANGE | {"speed": 5000}}, "speed 5000 is not possible"),
    ({"open": RANGE | {"from": "2024-03-08"}}, "no time zone"),
    ({"open": RANGE | {"from": 1e30}}, "not between 1970 and 2200"),
    ({"open": RANGE | {"at": END_US // 1000 + 1}}, "outside the replay"),
    ({"open": {"symbols": ["NYSE"], "day": "soon"}}, "is no day"),
    ({"open": {"symbols": ["NYSE"]}}, "from: None is no time"),
    ({"open": "all"}, "open must be an object"),
    ({"do": "play"}, "you are in no replay"),
    ({"join": 7}, "join must be a text"),
    ("now", "replay must be an object"),
]


async def test_what_cannot_be_opened_is_refused_with_a_sentence(server: Server) -> None:
    for asked, why in REFUSED:
        async with server.viewer() as viewer:
            await viewer.say(replay=asked)
            assert why in await viewer.refused()
            await viewer.say(subscribe={"watchlist": "all"})  # and the live market is still there
            await viewer.until(lambda w: w.status == "live")


async def test_controls_that_cannot_be_followed_change_nothing(server: Server) -> None:
    async with server.viewer() as viewer:
        told = await opened(viewer)
        for asked, why in (
            ({"do": "seek", "to": END_US // 1000 + 1000}, "outside the replay"),
            ({"do": "seek", "to": "later"}, "is no time"),
            ({"do": "seek"}, "is no time"),
            ({"do": "speed", "speed": 0}, "speed 0 is not possible"),
            ({"do": "step", "unit": "year"}, "a step is a tick, a candle, a minute"),
            ({"do": "step", "steps": 0}, "steps must be"),
            ({"do": "step", "steps": "x"}, "steps must be a whole number"),
            ({"do": "step", "unit": "candle", "symbol": "NOPE", "interval": "1m"}, "'NOPE' is unknown"),
            (
                {"do": "step", "unit": "candle", "symbol": "NYSE", "interval": "2m"},
                "interval '2m' is unknown",
            ),
            ({"do": "loop", "from": RANGE["to"], "to": RANGE["from"]}, "does not lie forward"),
            ({"do": "give", "to": "9"}, "no viewer '9'"),
            ({"do": "rewind"}, "cannot do 'rewind'"),
        ):
            await viewer.say(replay=asked)
            assert why in await viewer.refused()
        assert viewer.replay == told


def drop_ticks(url: str) -> None:
    last = from_us(START_US + 2 * DAY_US + 20 * 3600 * S)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select drop_chunks('ticks', older_than => %s::timestamptz)", (last,))


async def test_chunks_dropped_meanwhile_stop_the_replay_with_a_reason(server: Server) -> None:
    async with server.viewer() as viewer:
        await opened(viewer, speed="max")
        await asyncio.to_thread(drop_ticks, server.database)  # it waits for reads that are under way
        await viewer.do("seek", to=START_US // 1000 + 1000)
        await viewer.do("play")
        await viewer.until(lambda w: w.replay["state"] == "failed")
        assert viewer.replay is not None
        assert "were dropped meanwhile" in viewer.replay["failure"]


async def test_what_a_viewer_who_left_wanted_is_not_waited_for(server: Server) -> None:
    with psycopg.connect(server.database) as connection:
        async with server.viewer() as viewer:
            await opened(viewer, at=END_US // 1000)
            await asyncio.to_thread(connection.execute, "lock table ticks in access exclusive mode")
            await viewer.do("step", steps=-1000)
            await viewer.say(ping=1)
            async with asyncio.timeout(PATIENCE_S):
                while not await asyncio.to_thread(waiting, server.database):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        async with asyncio.timeout(PATIENCE_S):
            while server.rooms.viewers:  # noqa: ASYNC110 - what is waited for tells nobody
                await asyncio.sleep(0.01)
        connection.rollback()


def waiting(url: str) -> bool:
    """Whether a reader waits for a lock."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity "
            "where datname = current_database() and application_name = 'tickdeck reader' "
            "and wait_event_type = 'Lock' and query like '%unnest%'"
        ).fetchone()
    return row is not None and row[0] > 0
