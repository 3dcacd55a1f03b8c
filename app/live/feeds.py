"""What is known of the feeds that write: who runs, who fell silent, who failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final

from tickdeck.app.push.metrics import Stage
from tickdeck.db.feeds_status import FeedRow
from tickdeck.db.market.messages import FeedStatus

SILENT_AFTER_S: Final = 2.5
"""A feed that runs says so every second."""


@dataclass(slots=True)
class _Known:
    name: str
    kind: str
    state: str
    detail: str
    heard_at: float
    """On our own clock: the database's may be another."""
    source: dict[str, Any] = field(default_factory=dict)
    """What a live feed says of its source, as the status has it."""
    health: Mapping[str, Any] = field(default_factory=dict)
    """All that it says of itself."""


class FeedBoard:
    """Each feed by its name, from the table and from what is notified.

    Those that were gone before this was made are shown and are no fault: nobody knows whether they are to run still.
    `clock` is monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._feeds: dict[str, _Known] = {}

    def read(self, rows: Iterable[FeedRow], *, deaf_s: float = 0.0) -> None:
        """Take all rows of the table.

        `deaf_s`: for so long nobody could say anything, as the database was away; that is nobody's silence.
        """
        now = self._clock()
        self._feeds = {
            row.name: _Known(
                row.name,
                row.kind,
                row.state,
                row.detail,
                now - max(0.0, row.silent_s - deaf_s),
                _source(row),
                row.health,
            )
            for row in rows
        }

    def heard(self, feed: FeedStatus) -> None:
        """A feed has said something."""
        before = self._feeds.get(feed.name)
        known = ({}, {}) if before is None else (before.source, before.health)
        self._feeds[feed.name] = _Known(feed.name, feed.kind, feed.state, feed.detail, self._clock(), *known)

    def shown(self) -> list[dict[str, Any]]:
        """For the status: name, kind and state, which is `running`, `silent`, `ended` or `failed`; and of live feeds more."""
        return [
            {"name": each.name, "kind": each.kind, "state": self._state(each)}
            | each.source
            | ({"down": True} if self._complaint(each) else {})
            for each in self._feeds.values()
        ]

    def silence(self) -> dict[str, float]:
        """For how many seconds nothing was heard of each feed: 0 of one that ended, `inf` of one that failed."""
        now = self._clock()
        return {
            each.name: inf
            if each.state == "failed"
            else 0.0
            if each.state == "ended"
            else now - each.heard_at
            for each in self._feeds.values()
        }

    def stages(self) -> list[Stage]:
        """How long ticks take up to their commit, of feeds that run and say so."""
        found = []
        for each in self._feeds.values():
            if self._state(each) != "running":
                continue
            health = each.health
            if (lag_s := health.get("lag_s")) is not None and (
                worst_s := health.get("lag_p99_s")
            ) is not None:
                found.append(Stage("exchange", each.name, round(1000 * lag_s, 1), round(1000 * worst_s, 1)))
            if committed := health.get("commit_ms"):
                found.append(Stage("commit", each.name, *committed))
        return found

    def spilled(self) -> dict[str, tuple[int, int]]:
        """Of each feed whose ticks wait on disk, as far as it could say so: the bytes, and their bound."""
        return {
            each.name: (spill["bytes"], spill["limit"])
            for each in self._feeds.values()
            if each.state == "running" and (spill := each.health.get("spill"))
        }

    def messages(self) -> dict[str, Mapping[str, int]]:
        """Of each feed that runs and has to do with a bus: how many of its messages are what."""
        return {
            each.name: messages
            for each in self._feeds.values()
            if self._state(each) == "running" and (messages := each.health.get("messages"))
        }

    def fault(self) -> str | None:
        """What is wrong with the first feed that has died or failed since this was made; None: nothing."""
        complaints = (self._complaint(each) for each in self._feeds.values())
        return next((each for each in complaints if each is not None), None)

    def _complaint(self, each: _Known) -> str | None:
        if each.heard_at < self._began - SILENT_AFTER_S:
            return None
        state = self._state(each)
        if state == "silent":
            # No count of seconds: the sentence is the same as long as the fault is.
            return f"feed {each.name} is not heard of any more"
        if state == "failed":
            return f"feed {each.name} failed: {each.detail}" if each.detail else f"feed {each.name} failed"
        return None

    def _state(self, each: _Known) -> str:
        silent = each.state == "running" and self._clock() - each.heard_at > SILENT_AFTER_S
        return "silent" if silent else each.state


def _source(feed: FeedRow) -> dict[str, Any]:
    if "connected" not in feed.health and not feed.fault:
        return {}
    lag_s, last_us = feed.health.get("lag_s"), feed.health.get("last_us")
    return {
        "connected": feed.health.get("connected"),
        "venue": feed.health.get("venue", ""),
        "symbols": len(feed.health.get("symbols") or ()),
        "lag_ms": None if lag_s is None else round(1000 * lag_s),
        "last": None if last_us is None else last_us // 1000,
        "filling": feed.health.get("filling"),
        "missing": feed.missing_gaps,
        "gaps": feed.gaps,
        "restarts": feed.health.get("restarts"),
        "fault": (feed.health.get("fault") or feed.fault)[:200],
    }
