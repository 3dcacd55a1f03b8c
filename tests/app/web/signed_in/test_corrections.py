"""Corrections over REST: by administrators, as the command line does; what cannot be one leaves all as it is."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
import requests

from tests.app.web.signed_in.desks import FROM_HERE, TICK, Desk


def post(desk: Desk, who: str, *corrections: dict[str, Any], **more: Any) -> requests.Response:
    return desk.ask("POST", "/api/corrections", who, json={"corrections": corrections, **more}, **FROM_HERE)


def close(desk: Desk) -> float:
    (candle,) = desk.get("/api/candles?symbol=A&interval=1m", "admin").json()
    found: float = candle["close"]
    return found


def test_applied_kept_and_audited(desk: Desk) -> None:
    wrong = {"kind": "correct", **TICK, "seq": 9, "price": 3}
    right = {"kind": "correct", **TICK, "seq": 8, "price": 12.5, "side": "buy", "reason": "typing error"}
    answer = post(desk, "admin token", right, wrong, {"kind": "cancel", **TICK})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["done"], told["same"], [each["index"] for each in told["rejects"]]) == (2, 0, [1])
    assert "not stored" in told["rejects"][0]["reason"]
    assert post(desk, "admin", right).json() == {"done": 0, "same": 1, "rejects": []}
    assert close(desk) == 12.5
    cancelled, corrected = desk.get("/api/corrections?symbol=A", "admin").json()
    assert (cancelled["kind"], cancelled["seq"], cancelled["price"]) == ("cancel", 7, 10)
    assert (corrected["price"], corrected["reason"], corrected["actor"]) == (11, "typing error", "admin")
    with psycopg.connect(desk.server.database) as connection:
        found = connection.execute(
            "select actor, subject, detail from audit_log where event = 'ticks_restated'"
        ).fetchall()
    assert found == [("admin", "A", {"cancelled": 1, "corrected": 1})]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"kind": "cancel", **TICK, "time": "yesterday"}, "corrections.1.time"),
        ({"kind": "cancel", **TICK, "known": "2026-01-05T14:30"}, "corrections.1.known"),
        ({"kind": "correct", **TICK}, "corrections.1: nothing to correct"),
        ({"kind": "bust", **TICK}, "kind: Input should be"),
        ({"kind": "cancel", **TICK, "seq": 2**63}, "seq: Input should be"),
        ({"kind": "cancel", **TICK, "prize": 1}, "prize: "),
    ],
)
def test_what_is_no_correction_applies_nothing(desk: Desk, body: dict[str, Any], why: str) -> None:
    before = close(desk)
    answer = post(desk, "admin", {"kind": "correct", **TICK, "seq": 8, "price": 99}, body)
    assert answer.status_code == 422
    assert why in answer.json()["detail"]
    assert close(desk) == before


@pytest.mark.parametrize("who", ["viewer", "analyst", "read token", "metrics token"])
def test_others_may_not(desk: Desk, who: str) -> None:
    assert post(desk, who, {"kind": "cancel", **TICK, "seq": 8}).status_code == 403


def test_symbols_of_a_feed_that_runs(desk: Desk) -> None:
    """By administrators, as the command line does it; kept in the audit log."""
    with psycopg.connect(desk.server.database) as connection:
        connection.execute(
            "insert into feeds (name, kind, state, health) values"
            """ ('binance', 'exchange', 'running', '{"symbols": ["BTC/USDT"]}'), ('walk', 'walk', 'running', '{}')"""
        )

    def want(who: str, **body: Any) -> requests.Response:
        return desk.ask("POST", "/api/feeds/symbols", who, json=body, **FROM_HERE)

    assert desk.get("/api/feeds", "viewer").json() == [{"name": "binance", "symbols": ["BTC/USDT"]}]
    answer = want("admin", feed="binance", add=["SOL/USDT", " ETH/USDT "])
    assert (answer.status_code, answer.json()["symbols"]) == (200, ["BTC/USDT", "SOL/USDT", "ETH/USDT"])
    assert want("admin token", feed="binance", remove=["BTC/USDT"]).json()["symbols"] == [
        "SOL/USDT",
        "ETH/USDT",
    ]
    assert desk.get("/api/feeds", "read token").json()[0]["symbols"] == ["SOL/USDT", "ETH/USDT"]
    for body, why in (
        ({"feed": "binance", "remove": ["SOL/USDT", "ETH/USDT"]}, "would have no symbol left"),
        ({"feed": "walk", "add": ["A"]}, "does not run, or takes no symbols"),
        ({"feed": "binance"}, "add or remove must name a symbol"),
        ({"feed": "binance", "add": ["A" * 65]}, "at most 64"),
    ):
        refused = want("admin", **body)
        assert (refused.status_code, why in refused.json()["detail"]) == (422, True), refused.text
    assert want("analyst", feed="binance", add=["A"]).status_code == 403
    with psycopg.connect(desk.server.database) as connection:
        (wanted,) = connection.execute("select wanted from feeds where name = 'binance'").fetchone() or ()
        audited = connection.execute(
            "select actor, subject, detail -> 'added', detail -> 'removed' from audit_log where event = 'feed_symbols' order by id"
        ).fetchall()
        connection.execute("delete from feeds")
    assert wanted == ["SOL/USDT", "ETH/USDT"]
    assert audited == [
        ("admin", "binance", ["SOL/USDT", "ETH/USDT"], []), ("admin", "binance", [], ["BTC/USDT"])
    ]  # fmt: skip
