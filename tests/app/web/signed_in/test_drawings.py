"""Drawings over REST: each user has his own, and what cannot be one is refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import psycopg
import pytest
import requests

from tests.app.web.signed_in.desks import FROM_HERE, PATIENCE_S, Desk
from tests.people import with_settings
from tickdeck.app.users.access import new_token, token_hash
from tickdeck.db import users
from tickdeck.db.session import Pool
from tickdeck.testing.dashboard import serving

LINE: dict[str, Any] = {
    "kind": "trend",
    "points": [{"t": 1_381_152_600_000, "p": 167.4}, {"t": 1_381_156_200_000, "p": 168}],
}


def path(number: str, query: dict[str, str]) -> str:
    return f"/api/drawings/{number}?{urlencode(query)}"


def put(
    desk: Desk, who: str, number: str, body: dict[str, Any], symbol: str = "SPY", *,
    site: str = "same-origin", **more: str,
) -> requests.Response:  # fmt: skip
    return desk.ask(
        "PUT", path(number, {"symbol": symbol} | more), who, json=body, **{"Sec-Fetch-Site": site}
    )


def delete(desk: Desk, who: str, number: str, **more: str) -> int:
    return desk.ask("DELETE", path(number, {"symbol": "SPY"} | more), who, **FROM_HERE).status_code


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
    assert put(desk, "analyst", number, LINE, site="cross-site").status_code == 403
    assert delete(desk, "analyst", number) == 204


def share(desk: Desk, who: str, role: str, symbol: str = "SPY") -> requests.Response:
    return requests.post(
        f"{desk.server.url}/api/shares",
        json={"symbol": symbol, "role": role},
        headers=desk.headers(who) | {"sec-fetch-site": "same-origin"},
        timeout=PATIENCE_S,
    )


def end_share(desk: Desk, who: str, number: str) -> int:
    headers = desk.headers(who) | {"sec-fetch-site": "same-origin"}
    address = f"{desk.server.url}/api/shares/{number}"
    return requests.delete(address, headers=headers, timeout=PATIENCE_S).status_code


def test_what_a_link_to_drawings_is_good_for(desk: Desk) -> None:
    """Who may look and who may change by a link of the admin's, each written down; nobody is led further than it says."""
    own, other = str(uuid4()), str(uuid4())
    assert put(desk, "admin", own, LINE).status_code == 204
    assert put(desk, "admin", other, LINE, "IBM").status_code == 204
    links = {role: share(desk, "admin", role).json() for role in ("view", "edit")}
    listed = desk.get("/api/shares", "admin").json()
    assert [(each["id"], each["symbol"], each["role"]) for each in listed] == [
        (links[role]["id"], "SPY", role) for role in ("edit", "view")
    ]
    assert desk.get("/api/shares", "analyst").json() == []
    with psycopg.connect(desk.server.database) as connection:
        stored = str(connection.execute("select to_jsonb(s)::text from shares s").fetchall())
    assert not any(link["shared"] in stored for link in links.values())

    look = {
        "nobody": 401,
        "viewer": 200,
        "analyst": 200,
        "admin": 200,
        "read token": 200,
        "metrics token": 403,
    }
    change = {
        "view": {"nobody": 401, "viewer": 403, "analyst": 403, "admin": 403, "read token": 403},
        "edit": {"nobody": 401, "viewer": 403, "analyst": 204, "admin": 204, "read token": 403},
    }
    for role, link in links.items():
        shared = link["shared"]
        found = {who: desk.get(f"/api/shared?shared={shared}", who) for who in look}
        assert {who: answer.status_code for who, answer in found.items()} == look
        told = found["analyst"].json()
        assert (told["owner"], told["symbol"], told["may_change"]) == ("admin", "SPY", role == "edit")
        assert [each["id"] for each in told["drawings"]] == [own]
        assert found["viewer"].json()["may_change"] is found["read token"].json()["may_change"] is False
        changed = {who: put(desk, who, own, LINE, shared=shared).status_code for who in change[role]}
        assert changed == change[role]
        assert put(desk, "analyst", other, LINE, "IBM", shared=shared).status_code == 403, "another symbol"
        assert delete(desk, "analyst", other, symbol="IBM", shared=shared) == 403
    assert put(desk, "analyst", own, LINE).status_code == 422, "without the link it is not his"
    drawn = str(uuid4())
    assert put(desk, "analyst", drawn, LINE, shared=links["edit"]["shared"]).status_code == 204
    assert {each["id"] for each in mine(desk, "admin")} == {own, drawn}, "it is the owner's"
    assert mine(desk, "analyst") == []
    assert delete(desk, "analyst", drawn, shared=links["edit"]["shared"]) == 204

    assert end_share(desk, "analyst", links["edit"]["id"]) == 204  # nothing of his
    assert desk.get(f"/api/shared?shared={links['edit']['shared']}", "analyst").status_code == 200
    for link in links.values():
        assert end_share(desk, "admin", link["id"]) == 204
        gone = desk.get(f"/api/shared?shared={link['shared']}", "analyst")
        assert (gone.status_code, "leads nowhere" in gone.json()["detail"]) == (403, True)
        assert put(desk, "analyst", own, LINE, shared=link["shared"]).status_code == 403
    for number, symbol in ((own, "SPY"), (other, "IBM")):
        assert delete(desk, "admin", number, symbol=symbol) == 204


def test_a_link_ends_with_its_owner_s_right_to_draw(desk: Desk) -> None:
    async def another(pool: Pool) -> str:
        token = new_token()
        number = await users.add_user(pool, "another", "analyst")
        await users.open_session(pool, number, token_hash(token), address="test", agent="", lasts_s=3600)
        return token

    desk.sessions["another"] = desk.settings(another)
    address = f"/api/shared?shared={share(desk, 'another', 'view').json()['shared']}"
    assert desk.get(address, "viewer").status_code == 200
    desk.settings(lambda pool: users.change_user(pool, "another", role="viewer"))
    assert desk.get(address, "viewer").status_code == 403
    desk.settings(lambda pool: users.change_user(pool, "another", role="admin"))
    assert desk.get(address, "viewer").status_code == 200
    desk.settings(lambda pool: users.change_user(pool, "another", disabled=True))
    assert desk.get(address, "viewer").status_code == 403


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


def test_without_users_whoever_is_here_is_the_owner_and_what_he_draws_is_the_first_ones(
    tickdeck_db: str,
) -> None:
    with serving(tickdeck_db) as server:
        me = requests.get(f"{server.url}/api/me", timeout=PATIENCE_S).json()
        assert me == {"name": "owner", "role": "admin", "signed_in": False}
        number = uuid4()
        address = f"{server.url}/api/drawings/{number}"
        assert requests.put(f"{address}?symbol=SPY", json=LINE, timeout=PATIENCE_S).status_code == 204
        found = requests.get(f"{server.url}/api/drawings?symbol=SPY", timeout=PATIENCE_S).json()
        assert [each["id"] for each in found] == [str(number)]
        first = with_settings(tickdeck_db, lambda pool: users.add_user(pool, "first", "admin"))
        with_settings(tickdeck_db, lambda pool: users.add_user(pool, "second", "admin"))
        with psycopg.connect(tickdeck_db) as connection:
            assert connection.execute("select owner_id from drawings").fetchall() == [(first,)]
