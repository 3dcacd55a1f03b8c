"""Drawings over REST: each user has his own, and what cannot be one is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import requests

from tests.app.web.test_gate import PATIENCE_S, Desk, _people, wait_for, with_settings
from tickdeck.db import users
from tickdeck.testing.dashboard import serving
from tickdeck.testing.databases import Databases

LINE: dict[str, Any] = {
    "kind": "trend",
    "points": [{"t": 1_381_152_600_000, "p": 167.4}, {"t": 1_381_156_200_000, "p": 168}],
}


@pytest.fixture(scope="module")
def desk(_tickdeck_databases: Databases) -> Iterator[Desk]:
    with _tickdeck_databases.copy() as url, serving(url) as server:
        made = Desk(server)
        made.settings(lambda pool: _people(pool, made))
        wait_for(lambda: made.get("/api/me", "nobody").status_code == 401)
        yield made


def put(desk: Desk, who: str, number: str, body: dict[str, Any], symbol: str = "SPY") -> requests.Response:
    return requests.put(
        f"{desk.server.url}/api/drawings/{number}",
        params={"symbol": symbol},
        json=body,
        headers=desk.headers(who) | {"sec-fetch-site": "same-origin"},
        timeout=PATIENCE_S,
    )


def delete(desk: Desk, who: str, number: str) -> int:
    headers = desk.headers(who) | {"sec-fetch-site": "same-origin"}
    return requests.delete(
        f"{desk.server.url}/api/drawings/{number}", headers=headers, timeout=PATIENCE_S
    ).status_code


def mine(desk: Desk, who: str, symbol: str = "SPY") -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = desk.get(f"/api/drawings?symbol={symbol}", who).json()
    return answer


def test_a_drawing_is_stored_changed_and_deleted(desk: Desk) -> None:
    number = str(uuid4())
    assert put(desk, "analyst", number, LINE).status_code == 204
    assert mine(desk, "analyst") == [{**LINE, "id": number, "text": "", "locked": False, "hidden": False}]
    assert mine(desk, "analyst", "IBM") == []
    assert put(desk, "analyst", number, {**LINE, "locked": True}).status_code == 204
    assert [each["locked"] for each in mine(desk, "analyst")] == [True]
    assert delete(desk, "analyst", number) == 204
    assert mine(desk, "analyst") == []


def test_each_user_has_his_own(desk: Desk) -> None:
    number = str(uuid4())
    put(desk, "analyst", number, LINE)
    assert mine(desk, "admin") == []
    refused = put(desk, "admin", number, {**LINE, "locked": True})
    assert refused.status_code == 422
    assert "its id is taken" in refused.json()["detail"]
    assert delete(desk, "admin", number) == 204
    assert [each["locked"] for each in mine(desk, "analyst")] == [False]
    delete(desk, "analyst", number)


def test_who_may_draw(desk: Desk) -> None:
    number = str(uuid4())
    wanted = {"nobody": 401, "viewer": 403, "read token": 403, "analyst": 204, "admin": 422}
    assert {who: put(desk, who, number, LINE).status_code for who in wanted} == wanted
    assert {who: delete(desk, who, number) for who in ("nobody", "viewer", "read token")} == {
        "nobody": 401,
        "viewer": 403,
        "read token": 403,
    }
    elsewhere = requests.put(
        f"{desk.server.url}/api/drawings/{number}?symbol=SPY",
        json=LINE,
        headers=desk.headers("analyst") | {"sec-fetch-site": "cross-site"},
        timeout=PATIENCE_S,
    )
    assert elsewhere.status_code == 403
    assert delete(desk, "analyst", number) == 204


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "circle"},
        {"points": []},
        {"points": [{"t": 1, "p": 1}] * 9},
        {"points": [{"t": "x", "p": 1}]},
        {"text": "a\x00b"},
        {"text": "x" * 201},
        {"colour": "red"},
    ],
    ids=["kind", "no points", "too many", "no time", "control character", "long text", "unknown field"],
)
def test_what_is_no_drawing_is_refused(desk: Desk, change: dict[str, Any]) -> None:
    assert put(desk, "analyst", str(uuid4()), LINE | change).status_code == 422
    assert mine(desk, "analyst") == []


def test_what_was_drawn_before_there_were_users_is_the_first_ones(tickdeck_db: str) -> None:
    with serving(tickdeck_db) as server:
        number = uuid4()
        address = f"{server.url}/api/drawings/{number}"
        assert requests.put(f"{address}?symbol=SPY", json=LINE, timeout=PATIENCE_S).status_code == 204
        found = requests.get(f"{server.url}/api/drawings?symbol=SPY", timeout=PATIENCE_S).json()
        assert [each["id"] for each in found] == [str(number)]
        first = with_settings(tickdeck_db, lambda pool: users.add_user(pool, "first", "admin"))
        with_settings(tickdeck_db, lambda pool: users.add_user(pool, "second", "admin"))
        with psycopg.connect(tickdeck_db) as connection:
            assert connection.execute("select owner_id from drawings").fetchall() == [(first,)]
