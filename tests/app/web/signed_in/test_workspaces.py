"""Named workspaces over REST: each user has his own, others look by a link, and what cannot be one is refused."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
import requests

from tests.app.web.signed_in.desks import FROM_HERE, Desk

CHART: dict[str, Any] = {
    "kind": "chart",
    "symbol": "A",
    "interval": "1m",
    "link": "red",
    "same_interval": False,
}
LAYOUT: dict[str, Any] = {
    "across": True,
    "parts": [
        {"share": 0.6, "panels": [CHART, {"kind": "tape", "same_interval": False}], "active": 1},
        {
            "share": 0.4,
            "active": 0,
            "parts": [{"share": 1.0, "active": 0, "panels": [{"kind": "watchlist", "same_interval": False}]}],
        },
    ],
}
DESK: dict[str, Any] = {"name": "Energy", "layout": LAYOUT}


def ask(
    desk: Desk, method: str, who: str, number: str, body: dict[str, Any] | None = None
) -> requests.Response:
    return desk.ask(method, f"/api/workspaces/{number}", who, json=body, **FROM_HERE)


def mine(desk: Desk, who: str) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = desk.get("/api/workspaces", who).json()
    return answer


def test_a_workspace_is_stored_changed_and_deleted_and_no_change_is_lost(desk: Desk) -> None:
    number = str(uuid4())
    assert ask(desk, "PUT", "analyst", number, DESK).json() == {"version": 1}
    assert mine(desk, "analyst") == [{**DESK, "id": number, "version": 1, "shared": False}]
    again = ask(desk, "PUT", "analyst", number, DESK)
    assert again.status_code == 422, "there is one with this id already"
    renamed = {**DESK, "name": "Oil"}
    assert ask(desk, "PUT", "analyst", number, {**renamed, "version": 1}).json() == {"version": 2}
    late = ask(desk, "PUT", "analyst", number, {**DESK, "version": 1})
    assert late.status_code == 409
    assert late.json()["detail"] == "this workspace was changed or deleted elsewhere meanwhile"
    assert [each["name"] for each in mine(desk, "analyst")] == ["Oil"]
    taken = ask(desk, "PUT", "analyst", str(uuid4()), renamed)
    assert taken.json()["detail"] == "there is a workspace 'Oil' already"
    assert ask(desk, "PUT", "admin", number, {**DESK, "version": 2}).status_code == 409, "it is another's"
    assert ask(desk, "DELETE", "admin", number).status_code == 204
    assert [each["version"] for each in mine(desk, "analyst")] == [2]
    assert ask(desk, "DELETE", "analyst", number).status_code == 204
    assert mine(desk, "analyst") == []
    gone = ask(desk, "PUT", "analyst", number, {**DESK, "version": 2})
    assert gone.status_code == 409, "what was deleted elsewhere does not come back by itself"


def test_others_look_at_a_workspace_by_its_link_until_it_is_ended(desk: Desk) -> None:
    def look(link: str, who: str) -> requests.Response:
        return desk.get(f"/api/shared-workspace?shared={link}", who)

    number = str(uuid4())
    ask(desk, "PUT", "analyst", number, DESK)
    assert desk.ask("PUT", f"/api/workspaces/{number}/link", "admin", **FROM_HERE).status_code == 422, (
        "not his"
    )
    first, link = (
        desk.ask("PUT", f"/api/workspaces/{number}/link", "analyst", **FROM_HERE).json()["shared"]
        for _ in range(2)
    )
    assert mine(desk, "analyst")[0]["shared"]
    assert look(first, "viewer").status_code == 403, "a workspace has one link"
    for who in ("viewer", "admin"):
        assert look(link, who).json() == {"owner": "analyst", "name": "Energy", "layout": LAYOUT}
        assert mine(desk, who) == []
    assert desk.ask("DELETE", f"/api/workspaces/{number}/link", "analyst", **FROM_HERE).status_code == 204
    assert look(link, "viewer").status_code == 403
    ask(desk, "DELETE", "analyst", number)


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "a\x00b"},
        {"version": 0},
        {"colour": "red"},
        {"layout": {"parts": [{"share": 1}]}},
        {"layout": {"parts": [{"share": 0, "panels": [CHART]}]}},
        {"layout": {"parts": [{"share": 1, "panels": [CHART], "active": 1}]}},
        {"layout": {"parts": [{"share": 1, "panels": [CHART | {"kind": "script"}]}]}},
        {"layout": {"parts": [{"share": 1, "panels": [CHART | {"link": "javascript:"}]}]}},
        {"layout": {"parts": [{"share": 1, "panels": [CHART | {"symbol": "x" * 201}]}]}},
        {"layout": {"parts": [{"share": 1, "panels": [CHART | {"interval": "1m\n"}]}]}},
        {"layout": {"parts": [{"share": 1, "panels": [CHART] * 13}] * 2}},
        {"layout": {"parts": [{"share": 1, "panels": [CHART]}] * 13}},
        {"layout": None},
    ],
    ids=["no name", "control", "version", "unknown field", "neither", "no share", "no such panel", "unknown kind", "colour",
         "long symbol", "interval", "too many panels", "too many parts", "no layout"],
)  # fmt: skip
def test_what_is_no_workspace_is_refused(desk: Desk, change: dict[str, Any]) -> None:
    assert ask(desk, "PUT", "analyst", str(uuid4()), DESK | change).status_code == 422
    assert mine(desk, "analyst") == []


def test_a_layout_nested_without_end_is_refused(desk: Desk) -> None:
    part: dict[str, Any] = {"share": 1, "panels": [CHART]}
    for _ in range(8):
        part = {"share": 1, "parts": [part]}
    refused = ask(desk, "PUT", "analyst", str(uuid4()), DESK | {"layout": {"parts": [part]}})
    assert refused.status_code == 422
    assert "at most 24 panels in 8 levels" in refused.json()["detail"]
