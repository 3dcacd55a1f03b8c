"""Under every fault of an exchange, each trade that it counts is stored exactly once, or lies in a gap that is stored."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.exchanges.storm import LOCAL, TOLD, all_faults, storm
from tickdeck.db.session import open_pool
from tickdeck.feeds.exchange import feed


@pytest.mark.parametrize("name", LOCAL)
@pytest.mark.fault(
    "an exchange cuts, repeats, loses, falls silent", "the gap is filled over REST or stored in `feed_gaps`"
)
async def test_all_faults_one_after_the_other(
    tickdeck_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(feed, "RESUMED_US", 500_000)  # it has its trades over REST at once
    async with await open_pool(tickdeck_db, role="writer", size=4) as pool:
        outcome = await storm(name, pool, tmp_path, partial(all_faults, faults=TOLD.get(name)))
    assert (outcome.lost, outcome.doubled, outcome.wrong) == (0, 0, 0), outcome
    assert outcome.stored + outcome.in_gaps == outcome.trades
    assert outcome.stored > 0.7 * outcome.trades  # what a new count has made unknown is in gaps
    assert outcome.reconnects >= 5
    assert outcome.filled + outcome.duplicates > 0
