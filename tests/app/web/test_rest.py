"""The REST interface answers with what is stored, and names the parameter that it cannot use."""

from __future__ import annotations

import asyncio
import csv
import gc
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import numpy as np
import psycopg
import pytest
import requests
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter
from starlette.types import Message

from tests.reference import MINUTE, Tick, fold, store, utc
from tickdeck.app.web import analysis, docs, rest, state
from tickdeck.app.web.errors import answer_errors
from tickdeck.db import frames
from tickdeck.db.market.types import INTERVALS, from_us
from tickdeck.db.session import open_pool
from tickdeck.testing.databases import Databases
from tickdeck.testing.ticks import TickFactory


def iso(time_us: int) -> str:
    """`2013-10-07T13:30:00Z`, with a fraction where there is one."""
    return from_us(time_us).isoformat().replace("+00:00", "Z")


DAY = utc("2024-03-01")
TICKS = [
    Tick(DAY + n * 19 * MINUTE // 7, n % 5, 100 + n % 13, n % 4, 99.0 if n % 3 else None) for n in range(900)
]


class Client:
    """Asks the server under test; `database` is what it reads, `state` what its health says."""

    def __init__(self, address: str, database: str, state: dict[str, Any]) -> None:
        self.database = database
        self.state = state
        self._address = address

    def get(self, path: str, params: dict[str, Any] | None = None) -> requests.Response:
        return requests.get(self._address + path, params=params, timeout=60)


@pytest.fixture(scope="module")
def client(_tickdeck_databases: Databases) -> Iterator[Client]:
    """One server for all that only ask it."""
    with _tickdeck_databases.copy() as url, served(url) as client:
        yield client


@contextmanager
def served(tickdeck_db: str) -> Iterator[Client]:
    told: dict[str, Any] = {"well": True}
    registry = CollectorRegistry()
    Counter("tickdeck_tests", "Asked", registry=registry).inc(7)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        connection = await asyncpg.connect(tickdeck_db)
        await connection.execute(
            "insert into instruments (symbol, name, timezone, price_decimals) values ('Q', 'Quiet', 'Asia/Kolkata', 4)"
        )
        await store(connection, "A", TICKS)
        await connection.close()
        pool = await open_pool(tickdeck_db, role="reader")
        app.include_router(rest.router(pool, pool))
        app.include_router(analysis.router(pool))
        yield
        await pool.close()

    def health() -> tuple[bool, dict[str, Any]]:
        return told["well"], {"status": "ok"} if told["well"] else {
            "status": "reconnecting",
            "reason": "gone",
        }

    app = FastAPI(title="Tickdeck", lifespan=lifespan, openapi_url="/api/openapi.json")
    answer_errors(app)
    app.include_router(state.router(health, registry))
    app.include_router(docs.router())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Client(f"http://127.0.0.1:{listening.getsockname()[1]}", tickdeck_db, told)
        finally:
            server.should_exit = True
            thread.join()


def test_candles_have_indicators_as_a_notebook_has(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", client.database)
    names = ["ema(9)", "bollinger(5, 2).upper", "bollinger(5, 2).middle", "bollinger(5, 2).lower", "vwap"]
    asked = {"symbol": "A", "interval": "1m", "limit": 600, "indicators": ["ema(9),bollinger(5)", "VWAP"]}
    rows = client.get("/api/candles", asked).json()
    assert list(rows[0])[8:] == names
    wanted = frames.candles("A", "1m", indicators=["ema(9)", "bollinger(5)", "vwap"])[names].tail(600)
    np.testing.assert_allclose([[row[name] for name in names] for row in rows], wanted, rtol=1e-9)
    arrays = client.get("/api/candles", {**asked, "form": "arrays"}).json()
    assert [row[8:] for row in arrays] == [list(row.values())[8:] for row in rows]
    table = [*csv.DictReader(StringIO(client.get("/api/candles", {**asked, "format": "csv"}).text))]
    assert [[float(row[name]) for name in names] for row in table] == [row[8:] for row in arrays]
    first = client.get("/api/candles", {**asked, "indicators": "sma(2000)", "limit": 1}).json()
    assert first[0]["sma(2000)"] is None  # there are not so many
    refused = client.get("/api/candles", {**asked, "indicators": "ema(20),sma(1)"})
    assert (refused.status_code, refused.json()) == (
        422,
        {"detail": "sma: period must be from 2 to 2000, not 1"},
    )


def test_indicators_are_listed_with_their_parameters(client: Client) -> None:
    found = {each["name"]: each for each in client.get("/api/indicators").json()}
    assert found["bollinger"] == {
        "name": "bollinger", "title": "Bollinger bands: standard deviations around the simple average", "pane": "price",
        "levels": [],
        "parameters": [
            {"name": "period", "type": "int", "default": 20, "least": 2, "most": 2000, "choices": []},
            {"name": "deviations", "type": "float", "default": 2, "least": 0.01, "most": 100, "choices": []},
            {
                "name": "source", "type": "str", "default": "close", "least": None, "most": None,
                "choices": ["close", "open", "high", "low", "hl2", "hlc3", "ohlc4", "volume"],
            },
        ],
        "lines": [{"name": name, "style": "line", "shift": 0} for name in ("upper", "middle", "lower")],
    }  # fmt: skip
    assert found["macd"]["pane"] == "own"
    assert [line["style"] for line in found["macd"]["lines"]] == ["line", "line", "histogram"]


def test_order_flow_is_what_a_notebook_has(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    start, end = "2024-03-01T01:00Z", "2024-03-01T09:30Z"
    asked: dict[str, Any] = {"symbol": "A", "start": start, "end": end, "step": 2}
    told = client.get("/api/profile", asked).json()
    monkeypatch.setenv("DATABASE_URL", client.database)
    table = frames.profile("A", start, end, step=2)
    columns = ["bought", "sold", "unsided", "trades", "minutes"]
    assert told["prices"] == [[price, *row] for price, *row in table[columns].itertuples(name=None)]
    assert (told["point_of_control"], told["value_area"]) == (
        table.attrs["point_of_control"],
        list(table.attrs["value_area"]),
    )
    assert told["sides"]["ticks"] > 0
    day = client.get("/api/profile", {"symbol": "A", "day": "2024-03-01T12:00Z", "step": 2}).json()
    whole = client.get("/api/profile", asked | {"start": "2024-03-01", "end": "2024-03-02"}).json()
    assert day == whole
    cut = client.get("/api/profile", asked | {"until": "2024-03-01T02:00:00Z"}).json()
    counted = [tick for tick in TICKS if utc("2024-03-01T01:00Z") <= tick.time_us <= utc("2024-03-01T02:00Z")]
    assert sum(row[4] for row in cut["prices"]) == len(counted)
    prints = client.get(
        "/api/prints", {"symbol": "A", "start": start, "end": end, "limit": 5, "least": 0}
    ).json()
    assert [row[0] for row in prints["prints"]] == sorted(row[0] for row in prints["prints"])
    assert len(prints["prints"]) == 5
    made = client.get("/api/footprint", asked | {"interval": "1h"}).json()
    candles = frames.footprint("A", "1h", start, end, step=2)
    assert sum(len(each["prices"]) for each in made["candles"]) == len(candles)
    delta = sum(row[1] - row[2] for each in made["candles"] for row in each["prices"])
    assert sum(each["delta"] for each in made["candles"]) == delta
    lines = client.get("/api/footprint", asked | {"interval": "1h", "prices": "false"}).json()
    assert [(each["time"], each["cumulative"], each["prices"]) for each in lines["candles"]] == [
        (each["time"], each["cumulative"], []) for each in made["candles"]
    ]
    for path, wrong, status, reason in (
        ("profile", {"symbol": "A"}, 422, "start and end are needed, or day"),
        ("profile", asked | {"start": "2025-01-01"}, 422, "is after end"),
        ("profile", asked | {"step": 0}, 422, "step"),
        ("profile", asked | {"symbol": "NONE"}, 404, "symbol 'NONE' is unknown"),
        ("footprint", asked | {"interval": "5s"}, 422, "order flow is kept by the minute: 5s is shorter"),
    ):
        refused = client.get(f"/api/{path}", wrong)
        assert (refused.status_code, reason in refused.json()["detail"]) == (status, True), refused.text


def test_instruments_are_listed(client: Client) -> None:
    assert client.get("/api/instruments").json() == [
        {"symbol": "A", "name": None, "exchange": None, "timezone": "UTC", "currency": None, "price_decimals": 2,
         "day_start": "00:00", "allow_negative": False, "sector": None},
        {
            "symbol": "Q", "name": "Quiet", "exchange": None, "timezone": "Asia/Kolkata", "currency": None,
            "price_decimals": 4, "day_start": "00:00", "allow_negative": False, "sector": None,
        },
    ]  # fmt: skip


@pytest.mark.parametrize("interval", INTERVALS)
def test_candles_are_a_fold_of_the_ticks(client: Client, interval: Any) -> None:
    wanted: list[dict[str, Any]] = [
        {
            "time": iso(candle.time_us), "open": candle.open, "high": candle.high, "low": candle.low,
            "close": candle.close, "volume": candle.volume, "turnover": candle.turnover, "trades": candle.trades,
        }
        for candle in fold(TICKS, interval, ZoneInfo("UTC"))
    ]  # fmt: skip
    asked = {"symbol": "A", "interval": interval}
    assert client.get("/api/candles", params=asked).json() == wanted[-500:]
    start, end = "2024-03-01T03:00:00Z", "2024-03-01T20:00:00+01:00"
    inside = [each for each in wanted if start <= each["time"] < "2024-03-01T19:00:00Z"]
    found = client.get("/api/candles", params={**asked, "start": start, "end": end, "limit": 9}).json()
    assert found == inside[-9:]
    arrays = client.get("/api/candles", params={**asked, "form": "arrays"}).json()
    assert [
        {
            **each,
            "time": utc(each["time"]) // 1000,
            "volume": round(each["volume"], 8),
            "turnover": round(each["turnover"], 8),
        }
        for each in wanted[-500:]
    ] == [dict(zip(wanted[0], values, strict=True)) for values in arrays]
    answer = client.get("/api/candles", params={**asked, "format": "csv", "limit": 9})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(StringIO(answer.text)))
    assert [(utc(line["time"]), float(line["close"]), int(line["trades"])) for line in lines] == [
        (utc(each["time"]), each["close"], each["trades"]) for each in wanted[-9:]
    ]


def test_candles_until_an_instant_know_no_later_tick(client: Client) -> None:
    until = "2024-03-01T09:17:23Z"
    past = [tick for tick in TICKS if tick.time_us <= utc(until)]
    asked = {"symbol": "A", "interval": "1h", "until": until}
    found = client.get("/api/candles", params=asked).json()
    wanted = fold(past, "1h", ZoneInfo("UTC"))
    assert [(each["time"], each["close"], each["trades"]) for each in found] == [
        (iso(each.time_us), each.close, each.trades) for each in wanted
    ]
    page = client.get("/api/ticks", params={"symbol": "A", "until": until}).json()
    assert len(page["ticks"]) == len(past)


def test_pages_of_ticks_hold_every_tick_once(client: Client) -> None:
    found: list[dict[str, Any]] = []
    asked: dict[str, Any] = {"symbol": "A", "limit": 70}
    while True:
        answer = client.get("/api/ticks", params=asked).json()
        found += answer["ticks"]
        if answer["after"] is None:
            break
        asked["after"] = answer["after"]
    assert [(tick["time"], tick["seq"], tick["price"], tick["size"], tick["bid"]) for tick in found] == [
        (iso(tick.time_us), tick.seq, tick.price, tick.size, tick.bid) for tick in TICKS
    ]
    assert datetime.fromisoformat(found[0]["time"]).tzinfo is not None
    answer = client.get("/api/ticks", params={"symbol": "A", "limit": 2, "format": "csv"})
    assert [line["seq"] for line in csv.DictReader(StringIO(answer.text))] == ["0", "1"]
    last = TICKS[1]
    assert answer.headers["x-after"] == f"{last.time_us}.{last.seq}"


@pytest.mark.parametrize(
    ("address", "status", "detail"),
    [
        ("candles?symbol=NONE&interval=1m", 404, "symbol 'NONE' is unknown"),
        ("ticks?symbol=NONE", 404, "symbol 'NONE' is unknown"),
        ("candles?symbol=A&interval=2m", 422, "interval '2m' is unknown; use one of 1s, 5s"),
        (
            "candles?symbol=A&interval=1m&start=2024-03-02&end=2024-03-01",
            422,
            "start: 2024-03-02 is after end",
        ),
        (
            "candles?symbol=A&interval=1m&start=2024-03-01T10:00",
            422,
            "start: 2024-03-01T10:00:00 has no time zone",
        ),
        ("candles?symbol=A&interval=1m&end=soon", 422, "end: 'soon' is no time"),
        ("candles?symbol=A&interval=1m&until=soon", 422, "until: 'soon' is no time"),
        ("ticks?symbol=A&after=1.x", 422, "after: '1.x' is not the `after` of a page"),
        ("ticks?symbol=A&start=1960-01-01", 422, "start: 1960-01-01T00:00:00+00:00 is not between"),
    ],
)
def test_what_cannot_be_answered_says_why(client: Client, address: str, status: int, detail: str) -> None:
    answer = client.get(f"/api/{address}")
    assert answer.status_code == status
    assert answer.json()["detail"].startswith(detail)


@pytest.mark.parametrize(
    "address", ["candles?symbol=A", "candles?symbol=A&interval=1m&limit=0", "ticks?symbol=A&limit=999999"]
)
def test_missing_and_impossible_parameters_are_named(client: Client, address: str) -> None:
    answer = client.get(f"/api/{address}")
    assert answer.status_code == 422
    assert answer.json()["detail"].partition(":")[0] in {"interval", "limit"}


def test_a_known_symbol_without_ticks_has_an_empty_answer(client: Client) -> None:
    assert client.get("/api/candles?symbol=Q&interval=1d").json() == []
    assert client.get("/api/ticks?symbol=Q").json() == {"ticks": [], "after": None}


def test_health_metrics_and_documentation(client: Client) -> None:
    assert (client.get("/healthz").status_code, client.get("/healthz").json()) == (200, {"status": "ok"})
    assert (client.get("/readyz").status_code, client.get("/readyz").json()) == (200, {"status": "ok"})
    client.state["well"] = False
    try:
        for path in ("/healthz", "/readyz"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()) == (503, {"status": "reconnecting", "reason": "gone"})
    finally:
        client.state["well"] = True
    assert "tickdeck_tests_total 7.0" in client.get("/metrics").text
    documentation = client.get("/api/docs").text
    assert "GET /api/candles" in documentation
    assert "interval" in documentation
    assert "<script" not in documentation
    assert "/api/candles" in client.get("/api/openapi.json").json()["paths"]


@pytest.mark.parametrize(
    "query",
    [
        "ticks?symbol=SPY",
        "ticks?symbol=SPY&format=csv",
        "candles?symbol=SPY&interval=1s",
        "candles?symbol=SPY&interval=1s&indicators=ema(20),macd,vwap",
    ],
)
async def test_many_rows_leave_the_event_loop_to_others_in_between(
    tickdeck_db: str, tick_factory: TickFactory, query: str
) -> None:
    """Counted as CPU time of the loop's thread between two of its turns: a busy machine makes no difference.

    Nor does the collector, which walks over what all tests before this one have left.
    """
    tick_factory(20_000, symbols=["SPY"], every=timedelta(seconds=1))
    pool = await open_pool(tickdeck_db, role="reader")
    app = FastAPI()
    app.include_router(rest.router(pool, pool))
    turns: list[float] = []

    async def others() -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(0)
            turns.append(time.thread_time() - began)

    beside = asyncio.create_task(others())
    path, _, parameters = query.partition("?")
    gc.collect()
    gc.disable()
    try:
        body = await body_of(app, f"/api/{path}", f"{parameters}&limit=20000")
    finally:
        gc.enable()
    beside.cancel()
    await pool.close()
    assert body.count(b"\n") == 20_001 or body.count(b'"time":') == 20_000
    assert max(turns) < 0.05


async def body_of(app: FastAPI, path: str, query: str) -> bytes:
    """Ask the application itself, in this event loop."""
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "", "headers": [],
        "server": ("test", 80), "client": None,
    }  # fmt: skip
    await app(scope, receive, send)
    assert sent[0]["status"] == 200
    return b"".join(message.get("body", b"") for message in sent[1:])


def test_gaps_are_listed_until_they_are_filled(client: Client) -> None:
    with psycopg.connect(client.database, autocommit=True) as connection:
        for number, (state, seq) in enumerate({"missing": 5, "filling": None, "filled": 7}.items()):
            connection.execute(
                "insert into feed_gaps (id, feed, symbol, from_time, to_time, from_seq, to_seq, state, why)"
                " values (gen_random_uuid(), 'f', 'A', %s, '2026-02-01T00:00Z', %s, %s, %s, '=cut')",
                [f"2026-01-0{number + 1}T00:00:00.5Z", seq, None if seq is None else seq + 3, state],
            )
    listed = client.get("/api/gaps", {"symbol": "A"}).json()
    assert listed[0] == {
        "symbol": "A", "from": "2026-01-01T00:00:00.500000Z", "to": "2026-02-01T00:00:00Z", "trades": 2,
        "state": "missing", "feed": "f", "why": "=cut",
    }  # fmt: skip
    assert [(each["state"], each["trades"]) for each in listed] == [("missing", 2), ("filling", None)]
    assert client.get("/api/gaps", {"symbol": "A", "start": "2026-03-01"}).json() == []
    table = list(csv.reader(StringIO(client.get("/api/gaps", {"format": "csv"}).text)))
    assert table[0] == ["symbol", "from", "to", "trades", "state", "feed", "why"]
    assert table[2][3:] == ["", "filling", "f", "'=cut"]
    assert client.get("/api/gaps", {"start": "soon"}).status_code == 422
