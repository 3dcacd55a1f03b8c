"""Named watchlists over REST: each user has his own, and what cannot be one is refused."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

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
