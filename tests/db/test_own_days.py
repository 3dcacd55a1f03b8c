"""A range of days, weeks or months that is said by dates means the instrument's own days."""

from __future__ import annotations

import psycopg
import pytest

from tests.feeding import Tickdeck
from tickdeck import frames

ZONES = {"TOKYO": "Asia/Tokyo", "NYSE": "America/New_York", "COIN": "UTC"}


@pytest.fixture
def three_days(tickdeck_db: str) -> str:
    """A tick an hour from the 4th to the 6th of March 2024, by the clock of each instrument's zone."""
    with psycopg.connect(tickdeck_db) as connection:
        for symbol, zone in ZONES.items():
            connection.execute("insert into instruments (symbol, timezone) values (%s, %s)", (symbol, zone))
            connection.execute(
                "insert into ticks (time, symbol, seq, price)"
                " select t at time zone %s, %s, 1, extract(day from t)"
                " from generate_series(timestamp '2024-03-04', '2024-03-06 23:00', '1 hour') t",
                (zone, symbol),
            )
    return tickdeck_db


@pytest.mark.parametrize("symbol", ZONES)
def test_in_frames(three_days: str, symbol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", three_days)
    assert frames.candles(symbol, "1d", "2024-03-05", "2024-03-06")["close"].tolist() == [5]
    assert frames.candles(symbol, "1d", "2024-03-05")["trades"].tolist() == [24, 24]
    assert frames.candles(symbol, "1w", "2024-03-04", "2024-03-11")["trades"].tolist() == [72]
    assert len(frames.candles(symbol, "1h", "2024-03-05", "2024-03-06")) == 24


def test_in_exports(three_days: str, tickdeck: Tickdeck) -> None:
    ran = tickdeck("export", "--candles", "1d", "--from", "2024-03-05", "--to", "2024-03-06")
    assert [line.split(",")[1:3] for line in ran.out.splitlines()[1:]] == [
        [symbol, "5"] for symbol in sorted(ZONES)
    ]
