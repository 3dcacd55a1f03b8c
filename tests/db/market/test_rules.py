"""Each wrong value is refused by field, with a reason; the rest of the batch is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tickdeck.db.market.rules import find_rejects
from tickdeck.db.market.types import MAX_TIME_US, TickBatch

GOOD: dict[str, Any] = {
    "time_us": 0, "symbol": "SPY", "seq": -5, "price": 1.0, "size": 0.0, "bid": np.nan, "ask": 2.0,
    "exchange": None, "conditions": "@ TI",
}  # fmt: skip


def batch(*rows: dict[str, Any]) -> TickBatch:
    columns: dict[str, Any] = {}
    for name, good in GOOD.items():
        kind = object if good is None or isinstance(good, str) else type(good)
        column = np.empty(len(rows), dtype=np.int64 if kind is int else kind)
        column[:] = [row.get(name, good) for row in rows]
        columns[name] = column
    return TickBatch(**columns)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("time_us", -1, "outside of 1970 to 2199"),
        ("time_us", MAX_TIME_US, "outside of 1970 to 2199"),
        ("price", np.nan, "not a finite number"),
        ("price", np.inf, "not a finite number"),
        ("price", 0.0, "price is 0"),
        ("price", -1.0, "-1.0 is negative"),
        ("price", 2e30, "outside of 1e-30 to 1e+30"),
        ("price", 1e-31, "outside"),
        ("size", -1.0, "negative"),
        ("size", np.nan, "not a finite number"),
        ("bid", -1.0, "negative"),
        ("ask", np.inf, "not a finite number"),
        ("symbol", "", "is empty"),
        ("symbol", None, "is missing"),
        ("symbol", "A ", "begins or ends with a space"),
        ("symbol", "A\n", "a control character"),
        ("symbol", "A\0", "a control character"),
        ("symbol", "\ud800", "no character"),
        ("symbol", "é" * 33, "longer than 64 bytes"),
        ("exchange", "N\0", "a control character"),
        ("conditions", "x" * 256, "longer than 255 bytes"),
        ("conditions", 7, "no text"),
    ],
)
def test_wrong_value(field: str, value: object, reason: str) -> None:
    rejects = find_rejects(batch(GOOD, {field: value}, GOOD, {"price": np.nan, field: value}))
    assert [reject.index for reject in rejects] == [1, 3]
    assert rejects[0].field == field.removesuffix("_us")
    assert reason in rejects[0].reason


def test_edges_that_are_good() -> None:
    good: list[dict[str, Any]] = [
        {"time_us": MAX_TIME_US - 1}, {"price": 1e30}, {"price": 1e-30}, {"size": 1e30}, {"symbol": "é" * 16},
        {"symbol": "'\"\\;--"}, {"exchange": ""}, {"conditions": "x" * 255},
    ]  # fmt: skip
    assert find_rejects(batch(*good)) == []
    assert find_rejects(batch()) == []
