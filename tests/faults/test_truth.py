"""/healthz, /readyz and the status tell of a fault within seconds, and of its end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.faults.running import PATIENCE_S, Running, wait_for
from tests.faults.wire import Wire
from tickdeck.db.feeds_status import report_feed
from tickdeck.db.market.messages import FeedState
from tickdeck.db.session import open_pool
from tickdeck.testing.pace import Stopwatch
from tickdeck.testing.ticks import TickFactory

SHOWN_WITHIN_S = 3.0
ASKED_WITHIN_S = 5.0


def report(url: str, state: FeedState, detail: str = "") -> None:
    async def work() -> None:
        pool = await open_pool(url, role="writer", size=1)
        try:
            await report_feed(pool, "a feed", kind="walk", state=state, detail=detail)
        finally:
            await pool.close()

    asyncio.run(work())


def until_state(viewer: ClientConnection, state: str) -> float:
    """Take messages until the status is that; how long it took, in seconds of a machine that has nothing else to do."""
    watch = Stopwatch()
    while json.loads(viewer.recv(timeout=PATIENCE_S)).get("status", {}).get("state") != state:
        pass
    return watch.seconds()


@pytest.mark.fault(
    "a network that is gone (half-open connections), a feed that died",
    "told on the page, by `/healthz` and `/readyz`",
    within="page 3 s, probes 5 s",
)
def test_a_database_that_does_not_answer_and_a_feed_that_died_are_told(
    tickdeck_db: str, tick_factory: TickFactory, tmp_path: Path
) -> None:
    tick_factory(10)
    with (
        Wire(tickdeck_db) as wire,
        Running(tmp_path, "serve", "--port", "0", DATABASE_URL=wire.url) as dashboard,
        connect(dashboard.until_live().page.replace("http", "ws", 1) + "/ws") as viewer,
    ):
        viewer.send(json.dumps({"subscribe": {"watchlist": "all"}}))
        until_state(viewer, "live")
        assert dashboard.health()[0] == dashboard.ready() == 200

        wire.hold()  # as a network that is gone, or a server that is stopped
        assert until_state(viewer, "reconnecting") < SHOWN_WITHIN_S
        assert wait_for(lambda: dashboard.health()[0] == dashboard.ready() == 503) < ASKED_WITHIN_S
        # What asks notices first, and the connection that listens soon after; each says what it has seen.
        assert dashboard.health()[1]["reason"] in (
            "the database does not answer",
            "the listening connection is dead: no answer in time",
        )
        wire.go_on()
        assert until_state(viewer, "live") < SHOWN_WITHIN_S
        assert wait_for(lambda: dashboard.health()[0] == dashboard.ready() == 200) < ASKED_WITHIN_S

        report(tickdeck_db, "running")  # and never again
        assert until_state(viewer, "feed") < SHOWN_WITHIN_S + 1  # for the report itself
        code, facts = dashboard.health()
        assert (code, facts["status"]) == (503, "degraded")
        assert facts["reason"] == "feed a feed is not heard of any more"
        report(tickdeck_db, "failed", "no space left on device")
        wait_for(lambda: dashboard.health()[1].get("reason") == "feed a feed failed: no space left on device")
        report(tickdeck_db, "ended")
        until_state(viewer, "live")
        assert wait_for(lambda: dashboard.health()[0] == dashboard.ready() == 200) < ASKED_WITHIN_S
