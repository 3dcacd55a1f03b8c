"""Who took the price that was there is stored with the tick where it is known, and read back everywhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import orjson
import pandas as pd
import pytest

from tickdeck import frames
from tickdeck.app import rows
from tickdeck.app.market.tapes import tape_ticks
from tickdeck.app.push.protocol import tick_values
from tickdeck.db.market.types import LATEST_US, MAX_SEQ, TickBatch, concat
from tickdeck.db.replay_reads import read_ticks_before
from tickdeck.db.session import open_pool
from tickdeck.db.ticks.read import read_ticks, tape
from tickdeck.db.ticks.store import TickStore

START_US = 1_700_000_000_000_000
SIDES = [1, 0, -1, -1, 0, 1]
NAMES = ["buy", None, "sell", "sell", None, "buy"]


def batch(sides: list[int] | None = SIDES) -> TickBatch:
    count = len(SIDES)
    return TickBatch(
        START_US + np.arange(count) * 1_000_000,
        np.full(count, "BTC", dtype=object),
        np.arange(count),
        np.full(count, 5.0),
        np.full(count, 1.0),
        np.array([4.0, np.nan, 4.0, np.nan, 4.0, 4.0]),
        np.full(count, np.nan),
        conditions=np.array(["A", None, "BC", "A", None, "A"], dtype=object),
        side=None if sides is None else np.array(sides, dtype=np.int16),
    )


@pytest.mark.parametrize("is_new", [True, False], ids=["all new", "some stored"])
async def test_stored_and_read_back(tickdeck_db: str, is_new: bool) -> None:
    pool = await open_pool(tickdeck_db, role="writer")
    try:
        store = TickStore(pool, conditions="all")
        if not is_new:
            assert (await store.write(batch().take(slice(0, 2)))).stored == 2
        assert (await store.write(batch())).rejects == ()
        assert [row[0] for row in await pool.fetch("select side from ticks order by seq")] == [
            each or None for each in SIDES
        ]
        read = await read_ticks(pool, ["BTC"], 0, LATEST_US, limit=10)
        assert read.side_names() == NAMES
        assert concat([read, batch(None)]).side_names() == [*NAMES, *[None] * len(NAMES)]
        newest = (await tape(pool, ["BTC"]))["BTC"]
        assert newest.side_names() == NAMES[::-1]
        assert [tick_values(each)[-1] for each in tape_ticks(newest)] == NAMES[::-1]
        before = await read_ticks_before(pool, "BTC", (LATEST_US - 1, MAX_SEQ), 3)
        assert before.side_names() == NAMES[:2:-1]
        assert [each["side"] for each in orjson.loads(b"[" + rows.ticks_json(read) + b"]")] == NAMES
        lines = rows.ticks_csv(read).decode().splitlines()
        assert [line.rpartition(",")[2] or None for line in lines] == NAMES
    finally:
        await pool.close()


async def test_sides_that_differ_are_a_conflict_and_one_that_is_not_known_is_none(tickdeck_db: str) -> None:
    pool = await open_pool(tickdeck_db, role="writer")
    try:
        store = TickStore(pool, conditions="all")
        await store.write(batch())
        assert (await store.write(batch(None))).already == len(SIDES)
        written = await store.write(batch([-1, 1, -1, -1, 0, 1]))
        assert (written.stored, written.already) == (0, len(SIDES) - 1)
        (reject,) = written.rejects
        assert reject.index == 0
        assert "side buy stored, sell offered" in reject.reason
        twice = concat([batch().take(slice(0, 1)), batch([-1] * 6).take(slice(0, 1))])
        (reject,) = (await store.write(replace(twice, seq=twice.seq + 100))).rejects
        assert "side buy kept, sell offered" in reject.reason
    finally:
        await pool.close()


def test_frames_there_and_back(tickdeck_db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", tickdeck_db)
    frame = pd.DataFrame(
        {
            "time": pd.to_datetime(START_US + np.arange(4), unit="us", utc=True),
            "price": 5.0,
            "size": 1.0,
            "side": ["buy", None, "sell", "Sell!"],
        }
    )
    stored = frames.store(frame, "ETH")
    assert stored.stored == 3
    assert stored.rejects[["field", "reason"]].to_numpy().tolist() == [["side", "is neither buy nor sell"]]
    assert frames.ticks("ETH")["side"].fillna("").tolist() == ["buy", "", "sell"]
