"""Indicators over the push: the values of REST at each moment, the forming candle's with each frame."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.live_server import Viewer, insert, live_server
from tickdeck.db import frames
from tickdeck.testing.ticks import START, TickFactory

NAMES = ["ema(5)", "macd(2, 3, 2)", "vwap"]


def shown(viewer: Viewer) -> dict[str, dict[int, list[Any]]]:
    """The rows of each indicator by time, as docs/protocol.md says to merge them."""
    found: dict[str, dict[int, list[Any]]] = {}
    for message in viewer.messages:
        if message["type"] == "snapshot":
            found = {}
        for part in message.get("chart", {}).get("indicators", []):
            found.setdefault(part["id"], {}).update({row[0]: row[1:] for row in part["values"]})
    return found


def assert_shows(viewer: Viewer, wanted: pd.DataFrame) -> None:
    """What is shown of the last candles is what a notebook reads."""
    found = shown(viewer)
    assert list(found) == NAMES
    for name in NAMES:
        columns = [column for column in wanted.columns if column == name or column.startswith(f"{name}.")]
        rows = [found[name][time.value // 1_000_000] for time in wanted.index]
        np.testing.assert_allclose(np.array(rows, dtype=float), wanted[columns], atol=1e-6, rtol=0)


async def test_values_come_with_each_frame(
    tickdeck_db: str, tick_factory: TickFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick_factory(1200, symbols=["A"], every=timedelta(seconds=60))
    monkeypatch.setenv("DATABASE_URL", tickdeck_db)

    def stored(names: Sequence[str] = NAMES) -> pd.DataFrame:
        return frames.candles("A", "1m", indicators=names).tail(500)

    chart = {
        "symbol": "A",
        "interval": "1m",
        "indicators": ["EMA(5)", "macd(2,3,2)", "vwap(session)", "ema(0)"],
    }
    async with live_server(tickdeck_db) as server, server.viewer(chart=chart) as viewer:
        snapshot = await viewer.next("snapshot")
        heads = [{k: v for k, v in part.items() if k != "values"} for part in snapshot["chart"]["indicators"]]
        assert heads[1] == {
            "id": "macd(2, 3, 2)", "name": "macd", "title": "Moving average convergence/divergence", "pane": "own",
            "levels": [0],
            "lines": [
                {"name": "macd", "style": "line", "shift": 0}, {"name": "signal", "style": "line", "shift": 0},
                {"name": "histogram", "style": "histogram", "shift": 0},
            ],
        }  # fmt: skip
        assert [len(part["values"]) for part in snapshot["chart"]["indicators"]] == [500] * 3
        assert_shows(viewer, stored())  # the first value shown is right, for what lies before counts
        await viewer.until(lambda v: any(m["type"] == "error" for m in v.messages))
        (refused,) = [m["message"] for m in viewer.messages if m["type"] == "error"]
        assert refused == "indicator: ema: period must be from 2 to 2000, not 0"
        last = START + timedelta(minutes=1199)
        for number, at in enumerate([last, last + timedelta(minutes=1), last - timedelta(minutes=30)]):
            price = 200.0 + number
            insert(tickdeck_db, (at + timedelta(seconds=59), "A", price))
            await viewer.until(lambda v, price=price: any(c[2] == price for c in v.candles.values()))  # type: ignore[misc]
            assert_shows(viewer, stored())
        parts = [
            m["chart"]["indicators"][0]["values"]
            for m in viewer.messages
            if m["type"] == "frame" and "chart" in m
        ]
        assert [len(values) for values in parts] == [1, 1, 32]  # from the candle that changed on
        # Another viewer of the same chart, with indicators of its own: neither disturbs the other.
        other_chart = chart | {"indicators": ["sma(400)"]}
        async with server.viewer(chart=other_chart) as other:
            await other.next("snapshot")
            (values,) = shown(other).values()
            wanted = stored(["sma(400)"])["sma(400)"]
            np.testing.assert_allclose([row[0] for row in values.values()], wanted, atol=1e-6)
            insert(tickdeck_db, (last + timedelta(seconds=100), "A", 210.0))
            for each in (viewer, other):
                await each.until(lambda v: any(c[2] == 210.0 for c in v.candles.values()))
            assert_shows(viewer, stored())
        assert [m["type"] for m in viewer.messages].count("snapshot") == 1


async def test_what_cannot_be_counted_is_told_in_its_place(
    tickdeck_db: str, tick_factory: TickFactory
) -> None:
    tick_factory(700, symbols=["A"], every=timedelta(seconds=60))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tickdeck.db.candles.indicated.MOST_BEFORE", 100)
        chart = {"symbol": "A", "interval": "1m", "indicators": ["vwap(all)", "ema(5)"]}
        async with live_server(tickdeck_db) as server, server.viewer(chart=chart) as viewer:
            snapshot = await viewer.next("snapshot")
            vwap, ema = snapshot["chart"]["indicators"]
            assert (vwap["values"], len(ema["values"])) == ([], 500)
            assert "more than 100 1m candles to count" in vwap["fault"]
            insert(tickdeck_db, (START + timedelta(minutes=699, seconds=5), "A", 200.0))
            frame = await viewer.next("frame")
            assert [part["id"] for part in frame["chart"]["indicators"]] == ["ema(5)"]


@pytest.mark.parametrize(
    ("indicators", "complaint"),
    [
        ("ema(20)", "chart: indicators must be a list of at most 20 texts such as 'ema(20)'"),
        ([f"ema({n + 2})" for n in range(21)], "chart: indicators must be a list of at most 20 texts"),
        ([7], "indicator: an indicator is a text such as 'ema(20)', not 7"),
        (["nope"], "indicator: indicator 'nope' is unknown"),
    ],
)
async def test_what_is_no_indicator_is_named(
    tickdeck_db: str, tick_factory: TickFactory, indicators: object, complaint: str
) -> None:
    tick_factory(5, symbols=["A"])
    chart = {"symbol": "A", "interval": "1m", "indicators": indicators}
    async with live_server(tickdeck_db) as server, server.viewer(chart=chart) as viewer:
        refused = await viewer.next("error")
        assert refused["message"].startswith(complaint)
