"""Alert rules over REST: each user has his own, what cannot be one is refused, and each firing is stored once."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import requests

from tests.app.web.signed_in.desks import FROM_HERE, Desk
from tickdeck.db import alerts
from tickdeck.db.session import Pool, open_pool

RULE: dict[str, Any] = {"symbol": "SPY", "condition": "price crosses 167.5"}
STORED: dict[str, Any] = RULE | {
    "repeat": "once",
    "every": "1m",
    "note": "",
    "webhook": None,
    "email": None,
    "active": True,
    "shared": False,
}


def put(
    desk: Desk, who: str, number: str, body: dict[str, Any], site: str = "same-origin"
) -> requests.Response:
    return desk.ask("PUT", f"/api/alerts/{number}", who, json=body, **{"Sec-Fetch-Site": site})


def delete(desk: Desk, who: str, number: str) -> int:
    return desk.ask("DELETE", f"/api/alerts/{number}", who, **FROM_HERE).status_code


def mine(desk: Desk, who: str) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = desk.get("/api/alerts", who).json()
    return answer


def audited(desk: Desk) -> list[tuple[Any, ...]]:
    """What the audit log says of the analyst."""
    with psycopg.connect(desk.server.database) as connection:
        return connection.execute(
            "select event from audit_log where actor = 'analyst' order by id"
        ).fetchall()


def test_a_rule_is_stored_changed_and_deleted(desk: Desk) -> None:
    before = audited(desk)
    number = str(uuid4())
    assert put(desk, "analyst", number, RULE | {"condition": "Price  CROSSES 167.50"}).status_code == 204
    assert mine(desk, "analyst") == [{**STORED, "id": number}]
    assert put(desk, "analyst", number, {**RULE, "repeat": "bar", "every": "5m"}).status_code == 204
    assert [(each["repeat"], each["every"]) for each in mine(desk, "analyst")] == [("bar", "5m")]
    assert mine(desk, "admin") == []
    refused = put(desk, "admin", number, RULE)
    assert (refused.status_code, "its id is taken" in refused.json()["detail"]) == (422, True)
    assert delete(desk, "admin", number) == 204
    assert len(mine(desk, "analyst")) == 1
    assert delete(desk, "analyst", number) == 204
    assert mine(desk, "analyst") == []
    assert audited(desk) == before, "what somebody does with his own cannot fill the log of what matters"


def test_others_look_at_a_rule_by_its_link_but_not_at_where_it_sends_to(desk: Desk) -> None:
    def look(link: str, who: str) -> requests.Response:
        return desk.get(f"/api/shared-alert?shared={link}", who)

    number = str(uuid4())
    put(desk, "analyst", number, RULE | {"note": "the gap", "repeat": "bar", "every": "5m"})
    version = "select version from alert_rules where id = %s"
    with psycopg.connect(desk.server.database) as connection:
        connection.execute(
            "update alert_rules set webhook = 'https://secret.example' where id = %s", (number,)
        )
        before = connection.execute(version, (number,)).fetchone()
    link_of = f"/api/alerts/{number}/link"
    assert desk.ask("PUT", link_of, "admin", **FROM_HERE).status_code == 422, "not his"
    first, link = (desk.ask("PUT", link_of, "analyst", **FROM_HERE).json()["shared"] for _ in range(2))
    assert look(first, "viewer").status_code == 403, "a rule has one link"
    shown = {**RULE, "owner": "analyst", "repeat": "bar", "every": "5m", "note": "the gap"}
    for who in ("viewer", "admin", "read token"):
        assert look(link, who).json() == shown
        assert who == "read token" or mine(desk, who) == []
    assert [each["shared"] for each in mine(desk, "analyst")] == [True]
    with psycopg.connect(desk.server.database) as connection:
        assert connection.execute(version, (number,)).fetchone() == before, (
            "a link does not have it wait anew"
        )
    assert desk.ask("DELETE", link_of, "analyst", **FROM_HERE).status_code == 204
    assert look(link, "viewer").status_code == 403
    delete(desk, "analyst", number)


def test_who_may_make_alerts(desk: Desk) -> None:
    number = str(uuid4())
    wanted = {"nobody": 401, "viewer": 403, "read token": 403, "analyst": 204, "admin": 422}
    assert {who: put(desk, who, number, RULE).status_code for who in wanted} == wanted
    assert {who: delete(desk, who, number) for who in ("nobody", "viewer", "read token")} == {
        "nobody": 401,
        "viewer": 403,
        "read token": 403,
    }
    assert put(desk, "analyst", number, RULE, "cross-site").status_code == 403
    assert delete(desk, "analyst", number) == 204


@pytest.mark.parametrize(
    "change",
    [
        {"condition": "price"}, {"condition": "feed kraken silent for 5s"}, {"symbol": None}, {"every": "5s"},
        {"every": "1w"}, {"webhook": "http://127.0.0.1:1/"}, {"email": "me@here.example"}, {"repeat": "twice"}, {"note": "x" * 201}, {"note": "a\x00b"}, {"colour": "red"},
    ],
    ids=["condition", "symbol of a feed", "no symbol", "seconds", "weeks", "webhook", "mail", "repeat", "long note", "control character", "unknown"],
)  # fmt: skip
def test_what_is_no_rule_is_refused(desk: Desk, change: dict[str, Any]) -> None:
    assert put(desk, "analyst", str(uuid4()), RULE | change).status_code == 422
    assert mine(desk, "analyst") == []


def test_a_firing_is_stored_once_whoever_sees_it(tickdeck_db: str) -> None:
    once, often = uuid4(), uuid4()

    async def race(pools: list[Pool]) -> tuple[list[set[UUID]], list[alerts.LogEntry]]:
        for number, repeat in ((once, "once"), (often, "rearm")):
            await alerts.save_rule(
                pools[0],
                alerts.AlertRule(number, None, "SPY", "price above 1", repeat, "1m", webhook="http://x"),
            )
        stored: list[set[UUID]] = []
        for key in (5_000_000, 5_000_000, 4_000_000, 6_000_000):
            fired = [alerts.Fired(each, 1, key, key, 1.5) for each in (often, once)]
            both = await asyncio.gather(*(alerts.fire(pool, fired) for pool in pools))
            stored.append(both[0] | both[1])
            assert not both[0] & both[1]
        other = [alerts.Fired(often, 2, 9_000_000, 9_000_000, 1.5)]  # of what it was not
        assert await alerts.fire(pools[0], other) == set()
        return stored, await alerts.read_log(pools[0], None)

    async def run() -> tuple[list[set[UUID]], list[alerts.LogEntry]]:
        pools = [await open_pool(tickdeck_db, role="settings", size=1) for _ in range(2)]
        try:
            return await race(pools)
        finally:
            for pool in pools:
                await pool.close()

    stored, log = asyncio.run(run())
    assert stored == [{once, often}, set(), set(), {often}]
    assert sorted((str(each.rule), each.value) for each in log) == sorted(
        [(str(often), 1.5), (str(often), 1.5), (str(once), 1.5)]
    )
    with psycopg.connect(tickdeck_db) as connection:
        found = connection.execute(
            "select way, target, count(*) from alert_deliveries group by 1, 2"
        ).fetchall()
        assert found == [("webhook", "http://x", 3)]
        assert connection.execute("select active from alert_rules order by repeat").fetchall() == [
            (False,),
            (True,),
        ]
