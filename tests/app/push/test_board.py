"""Panels that scripts fill: how many there may be, and what is said of one whose script is away."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tickdeck.app.push import board
from tickdeck.app.push.board import Board, NoPanelError, PanelError
from tickdeck.app.users.identity import Identity

ANNA = Identity("anna", "analyst", 1)


class Told:
    """A board on a clock of the test's, and what viewers were told of each panel last."""

    def __init__(self) -> None:
        self.now = 0.0
        self.last: dict[str, Any] = {}
        self.count = 0
        self.board = Board(self._tell, clock=lambda: self.now)

    def _tell(self, name: str, encoded: bytes | None) -> None:
        self.count += 1
        self.last[name] = None if encoded is None else orjson.loads(encoded)


async def test_a_script_that_is_not_heard_of_is_away_and_then_its_panel_is_gone() -> None:
    told = Told()
    told.board.put("P", ANNA, "rows", [{"a": 1}])
    shown = told.last["P"]
    assert (shown["state"], shown["rows"], shown["owner"], shown["error"]) == (
        "live",
        [{"a": 1}],
        "anna",
        None,
    )
    told.now += board.STALE_S
    await told.board.sweep()
    assert told.count == 1
    told.now += 1
    await told.board.sweep()
    await told.board.sweep()
    assert told.count == 2, "it is said once"
    assert told.last["P"] == shown | {"state": "stale"}
    told.board.alive("P", ANNA)
    told.board.alive("P", ANNA)
    assert told.count == 3
    assert told.last["P"] == shown
    told.now += board.GONE_S + 1
    await told.board.sweep()
    assert told.last["P"] is None
    with pytest.raises(NoPanelError, match="there is no panel 'P'"):
        told.board.alive("P", ANNA)


def test_what_was_shown_stays_under_what_went_wrong_until_there_is_something_new() -> None:
    told = Told()
    told.board.fail("P", ANNA, "first")
    assert told.last["P"].keys() == {"name", "owner", "state", "at", "error"}
    told.board.put("P", ANNA, "figure", {"data": [], "layout": {}})
    told.board.fail("P", ANNA, "no")
    assert (told.last["P"]["error"], told.last["P"]["figure"]) == ("no", {"data": [], "layout": {}})
    told.board.put("P", ANNA, "rows", [])
    assert told.last["P"]["error"] is None
    assert "figure" not in told.last["P"]


def test_panels_are_bounded_for_each_and_for_all() -> None:
    told = Told()
    for user in range(board.MOST // board.MOST_EACH):
        for number in range(board.MOST_EACH):
            told.board.put(f"{user} {number}", Identity("x", "analyst", user), "rows", [])
        with pytest.raises(PanelError, match="20 panels of yours"):
            told.board.put("one more", Identity("x", "analyst", user), "rows", [])
    with pytest.raises(PanelError, match="100 in all"):
        told.board.fail("one more", Identity("x", "analyst", 99), "no")
    told.board.put("1 1", Identity("x", "analyst", 1), "rows", [{"still": "changed"}])


@pytest.mark.parametrize(
    "content", [["x" * board.MOST_BYTES], [2**64], ["\ud800"]], ids=["long", "large", "half"]
)
def test_what_cannot_be_sent_is_refused_before_anything_is_kept(content: list[Any]) -> None:
    told = Told()
    with pytest.raises(PanelError):
        told.board.put("P", ANNA, "rows", content)
    assert told.board.list() == []
    assert told.count == 0
