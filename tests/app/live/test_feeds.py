"""The feeds as the status shows them: who runs, who fell silent, who failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from tickdeck.app.live.feeds import SILENT_AFTER_S, FeedBoard
from tickdeck.app.push.metrics import Metrics, Stage
from tickdeck.db.feeds_status import FeedRow
from tickdeck.db.market.messages import FeedState, FeedStatus

NOW = datetime(2026, 3, 2, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def row(name: str, state: FeedState, silent_s: float, detail: str = "") -> FeedRow:
    return FeedRow(name, "walk", state, detail, 1, 0, NOW, NOW, silent_s, "", {}, 0, {})


def states(board: FeedBoard) -> dict[str, str]:
    return {each["name"]: each["state"] for each in board.shown()}


def test_a_feed_that_says_nothing_is_silent_and_one_that_speaks_again_runs() -> None:
    clock = Clock()
    board = FeedBoard(clock)
    board.read([row("walk", "running", 0.5)])
    assert (states(board), board.fault()) == ({"walk": "running"}, None)
    clock.now += SILENT_AFTER_S
    assert states(board) == {"walk": "silent"}
    assert board.fault() == "feed walk is not heard of any more"
    assert board.shown() == [{"name": "walk", "kind": "walk", "state": "silent", "down": True}]
    board.heard(FeedStatus("walk", "walk", "running", "", 2, 0))
    assert (states(board), board.fault()) == ({"walk": "running"}, None)


def test_a_feed_that_failed_is_a_fault_until_it_runs_and_one_that_ended_is_none() -> None:
    board = FeedBoard(Clock())
    board.heard(FeedStatus("a.csv", "csv", "ended", "", 2, 0))
    board.heard(FeedStatus("walk", "walk", "failed", "no such file", 2, 0))
    assert board.fault() == "feed walk failed: no such file"
    board.heard(FeedStatus("walk", "walk", "running", "", 2, 0))
    assert board.fault() is None


def test_what_was_gone_before_is_shown_and_is_no_fault() -> None:
    board = FeedBoard(Clock())
    board.read([row("last week's", "running", 600_000.0), row("yesterday's", "failed", 80_000.0)])
    assert states(board) == {"last week's": "silent", "yesterday's": "failed"}
    assert board.fault() is None
    assert not any("down" in each for each in board.shown())


def test_the_time_without_a_database_is_nobodys_silence() -> None:
    clock = Clock()
    board = FeedBoard(clock)
    board.read([row("walk", "running", 0.5)])
    clock.now += 60
    board.read([row("walk", "running", 60.5)], deaf_s=59.5)
    assert states(board) == {"walk": "running"}
    clock.now += SILENT_AFTER_S
    assert states(board) == {"walk": "silent"}


def test_what_a_live_feed_says_of_its_source_is_shown_until_it_says_something_else() -> None:
    board = FeedBoard(Clock())
    health = {
        "connected": False,
        "symbols": ["BTC/USD"],
        "lag_s": 0.25,
        "last_us": 1_700_000_000_000_000,
        "fault": "cut",
    }
    board.read(
        [replace(row("kraken", "running", 0.5), health=health, missing_gaps=2, gaps={"KRAKEN:BTC/USD": 2})]
    )
    board.heard(FeedStatus("kraken", "exchange", "running", "", 2, 0))
    shown = board.shown()[0]
    assert {name: shown[name] for name in ("connected", "symbols", "lag_ms", "last", "missing", "gaps", "fault")} == {
        "connected": False, "symbols": 1, "lag_ms": 250, "last": 1_700_000_000_000, "missing": 2,
        "gaps": {"KRAKEN:BTC/USD": 2}, "fault": "cut",
    }  # fmt: skip


def test_how_long_ticks_take_and_what_waits_on_disk_is_told_of_feeds_that_run() -> None:
    board = FeedBoard(Clock())
    health = {
        "lag_s": 0.02,
        "lag_p99_s": 0.3,
        "commit_ms": [4.0, 52.5],
        "spill": {"bytes": 512, "limit": 2048},
        "messages": {"published": 7},
    }
    board.read([replace(row(name, state, 0.5), health=health) for name, state in FEEDS])
    assert board.stages() == [Stage("exchange", "kraken", 20.0, 300.0), Stage("commit", "kraken", 4.0, 52.5)]
    assert board.spilled() == {"kraken": (512, 2048)}
    assert board.messages() == {"kraken": {"published": 7}}
    metrics = Metrics()
    metrics.show_bus(board.messages())
    of = {"feed": "kraken", "what": "published"}
    assert metrics.registry.get_sample_value("tickdeck_bus_messages", of) == 7


FEEDS: tuple[tuple[str, FeedState], ...] = (("kraken", "running"), ("old", "ended"))
