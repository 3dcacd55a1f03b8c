"""The REST interface answers with what is stored, and names the parameter that it cannot use."""

from __future__ import annotations

import csv
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
import requests
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter

from app.api import router
from app.api_tables import iso
from db.market import INTERVALS
from db.pool import Pool, open_pool
from tests.reference import MINUTE, Tick, fold, store, utc

DAY = utc("2024-03-01")
TICKS = [
    Tick(DAY + n * 19 * MINUTE // 7, n % 5, 100 + n % 13, n % 4, 99.0 if n % 3 else None) for n in range(900)
]


class Client:
    """Asks the server under test; `state` is what its health says."""

    def __init__(self, address: str, state: dict[str, Any]) -> None:
        self.state = state
        self._address = address

    def get(self, path: str, params: dict[str, Any] | None = None) -> requests.Response:
        return requests.get(self._address + path, params=params, timeout=20)


@pytest.fixture
def client(tickdeck_db: str) -> Iterator[Client]:
    pools: list[Pool] = []
    state: dict[str, Any] = {"well": True}
    registry = CollectorRegistry()
    Counter("tickdeck_tests", "Asked", registry=registry).inc(7)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        connection = await asyncpg.connect(tickdeck_db)
        await connection.execute(
            "insert into instruments (symbol, name, timezone, price_decimals) values ('Q', 'Quiet', 'Asia/Kolkata', 4)"
        )
        await store(connection, "A", TICKS)
        await connection.close()
        pools.append(await open_pool(tickdeck_db, role="reader"))
        yield
        await pools[0].close()

    def health() -> tuple[bool, dict[str, Any]]:
        return state["well"], {"status": "ok"} if state["well"] else {
            "status": "reconnecting",
            "reason": "gone",
        }

    app = FastAPI(title="Tickdeck", lifespan=lifespan, openapi_url="/api/openapi.json")
    app.include_router(router(lambda: pools[0], health, registry))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Client(f"http://127.0.0.1:{listening.getsockname()[1]}", state)
        finally:
            server.should_exit = True
            thread.join()


def test_instruments_are_listed(client: Client) -> None:
    assert client.get("/api/instruments").json() == [
        {"symbol": "A", "name": None, "exchange": None, "timezone": "UTC", "currency": None, "price_decimals": 2},
        {
            "symbol": "Q", "name": "Quiet", "exchange": None, "timezone": "Asia/Kolkata", "currency": None,
            "price_decimals": 4,
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
    answer = client.get("/api/candles", params={**asked, "format": "csv", "limit": 9})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    lines = list(csv.DictReader(StringIO(answer.text)))
    assert [(line["time"], float(line["close"]), int(line["trades"])) for line in lines] == [
        (each["time"], each["close"], each["trades"]) for each in wanted[-9:]
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
        ("candles?symbol=NONE&interval=1m", 404, "symbol: 'NONE' is unknown"),
        ("ticks?symbol=NONE", 404, "symbol: 'NONE' is unknown"),
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
    assert answer.json()["detail"][0]["loc"][-1] in {"interval", "limit"}


def test_a_known_symbol_without_ticks_has_an_empty_answer(client: Client) -> None:
    assert client.get("/api/candles?symbol=Q&interval=1d").json() == []
    assert client.get("/api/ticks?symbol=Q").json() == {"ticks": [], "after": None}


def test_health_metrics_and_documentation(client: Client) -> None:
    assert (client.get("/healthz").status_code, client.get("/healthz").json()) == (200, {"status": "ok"})
    client.state["well"] = False
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "gone")
    assert "tickdeck_tests_total 7.0" in client.get("/metrics").text
    documentation = client.get("/api/docs").text
    assert "GET /api/candles" in documentation
    assert "interval" in documentation
    assert "<script" not in documentation
    assert "/api/candles" in client.get("/api/openapi.json").json()["paths"]
