"""Named watchlists over REST: each user has his own, and what cannot be one is refused."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest
import requests

from tests.app.web.signed_in.desks import FROM_HERE, Desk

BANKS: dict[str, Any] = {
    "name": "Banks",
    "entries": [{"section": "Large"}, {"symbol": "BAC"}, {"symbol": "JPM"}, {"section": "Empty"}],
}


def ask(
    desk: Desk, method: str, who: str, number: str, body: dict[str, Any] | None = None
) -> requests.Response:
    return desk.ask(method, f"/api/watchlists/{number}", who, json=body, **FROM_HERE)


def mine(desk: Desk, who: str) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = desk.get("/api/watchlists", who).json()
    return answer


def test_a_list_is_stored_changed_and_deleted(desk: Desk) -> None:
    number, other = str(uuid4()), str(uuid4())
    assert ask(desk, "PUT", "analyst", number, BANKS).status_code == 204
    assert mine(desk, "analyst") == [{**BANKS, "id": number}]
    assert ask(desk, "PUT", "analyst", other, {**BANKS, "name": "airlines"}).status_code == 204
    assert [each["name"] for each in mine(desk, "analyst")] == ["airlines", "Banks"]
    taken = ask(desk, "PUT", "analyst", other, BANKS)
    assert taken.status_code == 422
    assert taken.json()["detail"] == "there is a watchlist 'Banks' already"
    assert ask(desk, "PUT", "analyst", number, {**BANKS, "entries": []}).status_code == 204
    assert [each["entries"] for each in mine(desk, "analyst") if each["id"] == number] == [[]]
    for each in (number, other):
        assert ask(desk, "DELETE", "analyst", each).status_code == 204
    assert mine(desk, "analyst") == []


def test_each_user_has_his_own(desk: Desk) -> None:
    number = str(uuid4())
    ask(desk, "PUT", "analyst", number, BANKS)
    assert mine(desk, "admin") == []
    assert mine(desk, "viewer") == []
    refused = ask(desk, "PUT", "admin", number, {**BANKS, "name": "stolen"})
    assert refused.status_code == 422
    assert "its id is taken" in refused.json()["detail"]
    assert ask(desk, "DELETE", "admin", number).status_code == 204
    assert ask(desk, "PUT", "admin", str(uuid4()), BANKS).status_code == 204, "a name is one user's"
    assert [each["name"] for each in mine(desk, "analyst")] == ["Banks"]
    ask(desk, "DELETE", "analyst", number)


def test_others_look_at_a_list_or_change_it_by_its_link_until_it_is_ended(desk: Desk) -> None:
    def look(link: str, who: str) -> requests.Response:
        return desk.get(f"/api/shared-watchlist?shared={link}", who)

    def change(link: str, who: str, entries: list[dict[str, str]]) -> int:
        path = f"/api/shared-watchlist/entries?shared={link}"
        return desk.ask("PUT", path, who, json={"entries": entries}, **FROM_HERE).status_code

    def share(role: str, who: str = "analyst") -> requests.Response:
        return desk.ask("PUT", f"/api/watchlists/{number}/link", who, json={"role": role}, **FROM_HERE)

    number = str(uuid4())
    ask(desk, "PUT", "analyst", number, BANKS)
    assert share("view", "admin").status_code == 422, "not his"
    assert share("own").status_code == 422
    first = share("view").json()["shared"]
    shown = {**BANKS, "owner": "analyst", "may_change": False}
    for who in ("viewer", "admin", "read token"):
        assert look(first, who).json() == shown
    assert change(first, "admin", []) == 403, "it is for looking"
    assert mine(desk, "analyst")[0]["shared"] == "view"
    link = share("edit").json()["shared"]
    assert look(first, "viewer").status_code == 403, "a list has one link"
    may = {who: look(link, who).json()["may_change"] for who in ("viewer", "admin", "read token")}
    assert may == {"viewer": False, "admin": True, "read token": False}
    added = [{"symbol": "C"}]
    answers = {who: change(link, who, added) for who in ("nobody", "viewer", "read token", "admin")}
    assert answers == {"nobody": 401, "viewer": 403, "read token": 403, "admin": 204}
    assert change(link, "admin", added * 2) == 422
    assert mine(desk, "analyst") == [{"id": number, "name": "Banks", "entries": added, "shared": "edit"}]
    assert number not in [each["id"] for each in mine(desk, "admin")]
    assert desk.ask("DELETE", f"/api/watchlists/{number}/link", "analyst", **FROM_HERE).status_code == 204
    assert (look(link, "viewer").status_code, change(link, "admin", added)) == (403, 403)
    ask(desk, "DELETE", "analyst", number)


def test_a_link_to_a_list_ends_while_its_owner_may_have_none(desk: Desk) -> None:
    number = str(uuid4())
    ask(desk, "PUT", "analyst", number, BANKS)
    made = desk.ask("PUT", f"/api/watchlists/{number}/link", "analyst", json={"role": "edit"}, **FROM_HERE)
    asked, change = (
        f"/api/shared-watchlist{rest}?shared={made.json()['shared']}" for rest in ("", "/entries")
    )
    for now, before in (("disabled = true", "disabled = false"), ("role = 'viewer'", "role = 'analyst'")):
        with psycopg.connect(desk.server.database) as connection:
            connection.execute(f"update users set {now} where name = 'analyst'")
        assert desk.get(asked, "admin").status_code == 403
        changed = desk.ask("PUT", change, "admin", json={"entries": []}, **FROM_HERE)
        assert changed.status_code == 403
        with psycopg.connect(desk.server.database) as connection:
            connection.execute(f"update users set {before} where name = 'analyst'")
        assert desk.get(asked, "admin").status_code == 200
    ask(desk, "DELETE", "analyst", number)


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "x" * 81},
        {"name": "a\x00b"},
        {"entries": [{}]},
        {"entries": [{"symbol": "A", "section": "B"}]},
        {"entries": [{"symbol": "A"}, {"symbol": "A"}]},
        {"entries": [{"symbol": "x" * 1_000}]},
        {"entries": [{"symbol": f"S{n}"} for n in range(5_001)]},
        {"colour": "red"},
    ],
    ids=["no name", "long name", "control", "empty entry", "both", "twice", "long symbol", "too many", "unknown field"],
)  # fmt: skip
def test_what_is_no_list_is_refused(desk: Desk, change: dict[str, Any]) -> None:
    assert ask(desk, "PUT", "analyst", str(uuid4()), BANKS | change).status_code == 422
    assert mine(desk, "analyst") == []
