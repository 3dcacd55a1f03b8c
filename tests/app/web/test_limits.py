"""What somebody hears who asks for more than one may; each limit on a dashboard that has it set low."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any, Final
from uuid import uuid4

import httpx2
import psycopg
import pytest
import requests
import websockets
from websockets.asyncio.client import connect
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_socket

from tests.browser.dashboard import Dashboard
from tests.people import with_settings
from tickdeck.app.users.access import new_token, token_hash
from tickdeck.app.web.gate import COOKIE
from tickdeck.db import users
from tickdeck.db.session import Pool
from tickdeck.testing.databases import Databases

PATIENCE_S: Final = 60
LOW: Final = {
    "TICKDECK_PROXIES": '["127.0.0.1"]',
    "TICKDECK_CONNECTIONS_EACH": "2",
    "TICKDECK_CONNECTIONS_PER_ADDRESS": "3",
    "TICKDECK_SUBSCRIPTIONS_EACH": "6",
    "TICKDECK_CHANGES_EACH": "2",
    "TICKDECK_CHANGES_PER_ADDRESS": "3",
    "TICKDECK_ANSWER_ROWS": "10",
    "TICKDECK_MESSAGE_BYTES": "2048",
    "TICKDECK_BODY_BYTES": "4096",
    "TICKDECK_REPLAY_ROOMS_EACH": "1",
    "TICKDECK_REPLAY_ROOMS_PER_ADDRESS": "2",
}
OPEN: Final = {"replay": {"open": {"symbols": ["A"], "from": "2026-01-05T14:00Z", "to": "2026-01-05T15:00Z"}}}


class Desk:
    """Analysts `a` to `d` of one dashboard, each at an address that the test names."""

    def __init__(self, dashboard: Dashboard, sessions: dict[str, str]) -> None:
        self.url = dashboard.url
        self._sessions = sessions

    def headers(self, who: str, address: str) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self._sessions[who]}", "X-Forwarded-For": address, "Origin": self.url}

    def connect(self, who: str, address: str) -> ClientConnection:
        headers = self.headers(who, address)
        socket = self.url.replace("http", "ws", 1) + "/ws"
        return connect_socket(socket, additional_headers=headers, open_timeout=PATIENCE_S)

    def get(self, path: str, who: str = "a", address: str = "10.9.0.1") -> requests.Response:
        return requests.get(self.url + path, headers=self.headers(who, address), timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def desk(_tickdeck_databases: Databases) -> Iterator[Desk]:
    sessions = {who: new_token() for who in "abcd"}

    async def people(pool: Pool) -> None:
        for who, token in sessions.items():
            number = await users.add_user(pool, who, "analyst")
            await users.open_session(pool, number, token_hash(token), address="test", agent="", lasts_s=3600)

    with _tickdeck_databases.copy() as url:
        with psycopg.connect(url) as connection:
            connection.execute(
                "insert into ticks (time, symbol, price, size) values ('2026-01-05 14:30Z', 'A', 10, 1)"
            )
        with_settings(url, people)
        with Dashboard(url, "run", "--no-feed", settings=LOW) as dashboard:
            yield Desk(dashboard, sessions)
        with psycopg.connect(url) as connection:
            fed = connection.execute("select name from feeds").fetchall()
        assert fed == [], "it was to start none"


def say(socket: ClientConnection, message: object) -> dict[str, Any]:
    """The next complaint, or what the replay is."""
    socket.send(json.dumps(message))
    while True:
        answer: dict[str, Any] = json.loads(socket.recv(PATIENCE_S))
        if answer["type"] == "error" or answer.get("replay"):
            return answer


def refused(desk: Desk, who: str, address: str) -> str:
    with desk.connect(who, address) as socket:
        complaint = json.loads(socket.recv(PATIENCE_S))["message"]
        with pytest.raises(websockets.ConnectionClosed):
            socket.recv(PATIENCE_S)
        assert socket.close_code == 1013
        return str(complaint)


def test_connections_of_a_user_and_of_an_address(desk: Desk) -> None:
    with ExitStack() as held:
        for _ in range(2):
            socket = held.enter_context(desk.connect("a", "10.1.0.1"))
            socket.send('{"ping": 1}')
            assert "pong" in str(socket.recv(PATIENCE_S))
        assert "you have 2 connections" in refused(desk, "a", "10.1.0.2")
        other = held.enter_context(desk.connect("b", "10.1.0.1"))
        other.send('{"ping": 1}')
        assert "pong" in str(other.recv(PATIENCE_S))
        assert "your address has 3 connections" in refused(desk, "c", "10.1.0.1")


def test_changes_of_a_user_and_of_an_address(desk: Desk) -> None:
    def delete(who: str, address: str) -> requests.Response:
        path = f"/api/alerts/{uuid4()}"
        return requests.delete(
            desk.url + path,
            headers=desk.headers(who, address) | {"Sec-Fetch-Site": "same-origin"},
            timeout=PATIENCE_S,
        )

    assert [delete("a", f"10.8.{n}.1").status_code for n in range(2)] == [204] * 2
    refused = delete("a", "10.8.9.1")
    assert (refused.status_code, "you have changed something too often" in refused.json()["detail"]) == (
        429,
        True,
    )
    assert int(refused.headers["retry-after"]) > 0
    assert [delete(who, "10.8.20.1").status_code for who in "bbc"] == [204] * 3
    assert delete("c", "10.8.20.1").status_code == 429
    assert delete("d", "10.8.21.1").status_code == 204


async def test_a_storm_gets_no_more_than_a_limit(desk: Desk) -> None:
    """Of a hundred who come at once; and nothing stays counted of those who have left."""

    async def together(count: int) -> int:
        """How many of so many sockets at once are let in."""
        arrived: list[bool] = []
        everybody = asyncio.Event()

        async def one() -> None:
            headers = desk.headers("d", "10.7.0.1")
            address = desk.url.replace("http", "ws", 1) + "/ws"
            async with connect(address, additional_headers=headers, open_timeout=PATIENCE_S) as socket:
                with suppress(websockets.ConnectionClosed):
                    await socket.send('{"ping": 1}')
                arrived.append("pong" in str(await socket.recv()))
                if len(arrived) == count:
                    everybody.set()
                await everybody.wait()

        await asyncio.gather(*(one() for _ in range(count)))
        return sum(arrived)

    async def poll(client: httpx2.AsyncClient) -> int:
        headers = desk.headers("d", "10.7.0.1")
        return (await client.get(f"{desk.url}/api/frames?subscribe=%7B%7D", headers=headers)).status_code

    async with asyncio.timeout(PATIENCE_S), httpx2.AsyncClient(timeout=PATIENCE_S) as client:
        assert await together(100) == 2
        while await together(2) < 2:  # once the server has seen that they left
            pass
        assert set(await asyncio.gather(*(poll(client) for _ in range(60)))) == {200, 429}


def test_polling(desk: Desk) -> None:
    answers = [desk.get("/api/frames?subscribe=%7B%7D", "b", "10.2.0.1") for _ in range(12)]
    statuses = {answer.status_code for answer in answers}
    assert statuses == {200, 429}
    late = next(answer for answer in answers if answer.status_code == 429)
    assert "too often" in late.json()["detail"]
    assert int(late.headers["retry-after"]) >= 1


def test_subscriptions(desk: Desk) -> None:
    with desk.connect("c", "10.3.0.1") as socket:
        complaint = ""
        for _ in range(8):
            socket.send('{"subscribe": {"watchlist": []}}')
        while "too often" not in complaint:
            answer = json.loads(socket.recv(PATIENCE_S))
            complaint = answer.get("message", "")
        socket.send('{"ping": 1}')  # the connection stays
        while json.loads(socket.recv(PATIENCE_S))["type"] != "pong":
            pass


def test_messages(desk: Desk) -> None:
    with desk.connect("d", "10.4.0.1") as socket:
        socket.send(json.dumps({"ping": "x" * 900}))
        assert "pong" in str(socket.recv(PATIENCE_S))
        socket.send(json.dumps({"ping": "x" * 3_000}))
        with pytest.raises(websockets.ConnectionClosed):
            socket.recv(PATIENCE_S)
        assert socket.close_code == 1009


def test_rows(desk: Desk) -> None:
    for path in ("/api/ticks?symbol=A&limit=11", "/api/candles?symbol=A&interval=1m&limit=11"):
        answer = desk.get(path)
        assert (answer.status_code, answer.json()["detail"]) == (
            422, "limit: 11 is more than 10 rows, the most of one answer here",
        )  # fmt: skip
    assert desk.get("/api/ticks?symbol=A&limit=10").status_code == 200


def test_bodies(desk: Desk) -> None:
    for path in ("/_dash-update-component", "/login", "/logout"):
        long = requests.post(
            desk.url + path, data=b"{" * 5_000, headers=desk.headers("a", "10.5.0.1"), timeout=PATIENCE_S
        )
        assert long.status_code == 413
        assert "TICKDECK_BODY_BYTES" in long.json()["detail"]
        piecewise = requests.post(
            desk.url + path, data=iter([b"{"]), headers=desk.headers("a", "10.5.0.1"), timeout=PATIENCE_S
        )
        assert piecewise.status_code == 411


def test_replays_of_a_user_and_of_an_address(desk: Desk) -> None:
    with (
        desk.connect("a", "10.6.0.1") as first,
        desk.connect("b", "10.6.0.1") as second,
        desk.connect("c", "10.6.0.1") as third,
    ):
        assert say(first, OPEN)["type"] == "replay"
        assert "you have 1 replays open" in say(first, OPEN)["message"]
        assert say(second, OPEN)["type"] == "replay"
        assert "your address has 2 replays open" in say(third, OPEN)["message"]
