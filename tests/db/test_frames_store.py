"""DataFrames are stored by the rules of `tickdeck load`: each row is a tick, there already, or refused with its reason."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.feeding import Tickdeck
from tests.paths import SAMPLE
from tickdeck.db import frames
from tickdeck.db.errors import ConfigurationError, DatabaseUnavailableError, MarketDataError

TICKS = "select symbol, time, seq, price, size, bid, ask, exchange, conditions from ticks order by symbol, time, seq"
INSTRUMENTS = "select symbol, exchange, timezone, currency, price_decimals from instruments order by symbol"
START = pd.Timestamp("2024-03-08T15:00:00Z")


@pytest.fixture
def configured(tickdeck: Tickdeck, monkeypatch: pytest.MonkeyPatch) -> Tickdeck:
    monkeypatch.setenv("DATABASE_URL", tickdeck.url)
    return tickdeck


def trades(rows: int = 3, **columns: Any) -> pd.DataFrame:
    usual = {
        "time": START + pd.to_timedelta(np.arange(rows), "s"), "symbol": "ABC",
        "price": np.arange(rows) + 1.5, "size": np.arange(rows) + 1,
    }  # fmt: skip
    return pd.DataFrame({**usual, **columns})


def test_a_frame_of_a_file_is_stored_as_the_file_is(configured: Tickdeck, tmp_path: Path) -> None:
    frame = pd.read_csv(SAMPLE, parse_dates=["time"], dtype={"exchange": str, "conditions": str})
    done = frames.store(frame)
    assert (done.stored, done.already, len(done.rejects)) == (len(frame), 0, 0)
    by_frame, known = configured.rows(TICKS), configured.rows(INSTRUMENTS)
    assert known[0][1:4] == ("XNYS", "America/New_York", "USD")
    again = frames.store(frame)
    assert (again.stored, again.already, len(again.rejects)) == (0, len(frame), 0)
    path = tmp_path / "out.csv"
    assert configured("export", path).code == 0
    assert configured("load", path, "--json").summary["already"] == len(frame)
    assert configured.rows(TICKS) == by_frame


def test_what_frames_reads_it_stores_again(configured: Tickdeck) -> None:
    frames.store(trades(5, bid=[1.0, np.nan, 2, 3, 4], exchange=["P", None, "", "Q", "Q"]))
    done = frames.store(frames.ticks("ABC"), "ABC")
    assert (done.stored, done.already, len(done.rejects)) == (0, 5, 0)


def test_each_refused_row_is_told_by_its_label_and_the_others_are_stored(configured: Tickdeck) -> None:
    nothing = float("nan")
    frame = pd.DataFrame(
        [
            ("good", START, "ABC", 1.5, 1, nothing, nothing),
            ("no time", pd.NaT, "ABC", 1.5, 1, nothing, nothing),
            ("too old", pd.Timestamp("1969-12-31T00:00Z"), "ABC", 1.5, 1, nothing, nothing),
            ("no symbol", START, None, 1.5, 1, nothing, nothing),
            ("control character", START, "A\nB", 1.5, 1, nothing, nothing),
            ("no price", START, "ABC", nothing, 1, 1.0, nothing),
            ("infinite", START, "ABC", float("inf"), 1, nothing, nothing),
            ("no size", START, "ABC", 1.5, nothing, nothing, nothing),
            ("negative size", START, "ABC", 1.5, -1, nothing, nothing),
            ("negative bid", START, "ABC", 1.5, 1, -2.0, nothing),
            ("quote", START, "ABC", nothing, nothing, 1.0, 2.0),
        ],
        columns=["label", "time", "symbol", "price", "size", "bid", "ask"],
    ).set_index("label")
    done = frames.store(frame)
    assert (done.stored, done.already) == (2, 0)
    assert [(*row,) for row in done.rejects[["index", "field"]].itertuples(name=None)] == [
        (1, "no time", "time"),
        (2, "too old", "time"),
        (3, "no symbol", "symbol"),
        (4, "control character", "symbol"),
        (5, "no price", "price"),
        (6, "infinite", "price"),
        (7, "no size", "size"),
        (8, "negative size", "size"),
        (9, "negative bid", "bid"),
    ]
    assert done.rejects["reason"].str.len().gt(5).all()
    assert configured.rows("select price, size, bid, ask from ticks order by seq") == [
        (1.5, 1.0, None, None),
        (1.5, 0.0, 1.0, 2.0),
    ]
    assert configured.rows("select symbol from instruments") == [("ABC",)]


@pytest.mark.parametrize(
    "times",
    [
        pd.Series(pd.to_datetime([1_709_910_000_123_456_789, 1_709_910_000_123_456_001], utc=True)),
        pd.Series(pd.to_datetime([1_709_910_000_123_456_789] * 2, utc=True)).dt.tz_convert("Asia/Tokyo"),
        pd.Series(pd.to_datetime([1_709_910_000_123_456_789] * 2, utc=True)).astype(pd.ArrowDtype(pa.timestamp("ns", "UTC"))),
        pd.Series([datetime(2024, 3, 8, 15, 0, 0, 123_456, UTC), pd.Timestamp(1_709_910_000_123_456_789, tz="UTC")], dtype=object),
    ],
)  # fmt: skip
def test_times_of_every_type_are_cut_to_the_microsecond(configured: Tickdeck, times: pd.Series[Any]) -> None:
    assert frames.store(trades(2, time=times)).stored == 2
    assert configured.rows("select distinct extract(epoch from time) * 1000000 from ticks") == [
        (Decimal(1_709_910_000_123_456),)
    ]


def test_numbers_of_every_type_are_taken_exactly(configured: Tickdeck) -> None:
    seq = [2**53 + 1, -(2**63), 2**63 - 1, 5, 6, 7]
    price: list[Any] = [1, 1.25, Decimal("0.1"), "1.50", np.float32(0.1), 2**53 + 1]
    frame = trades(6, seq=pd.Series(seq, dtype=object), price=pd.Series(price, dtype=object))
    assert frames.store(frame).stored == 6
    expected = [float(each) for each in price]
    assert [row[0] for row in configured.rows("select price from ticks order by time")] == expected
    assert [row[0] for row in configured.rows("select seq from ticks order by time")] == seq
    wrong = trades(4, seq=pd.Series([1.5, None, "x", 2**63], dtype=object), symbol="OTHER")
    assert frames.store(wrong).rejects["reason"].tolist() == [
        "1.5 is no whole number", "is empty", "'x' is no number", "9223372036854775808 does not fit into 64 bits",
    ]  # fmt: skip


def test_rows_without_a_seq_are_numbered_among_their_time_so_that_overlaps_are_known(
    configured: Tickdeck,
) -> None:
    frame = trades(6, time=[START] * 2 + [START + pd.Timedelta(1, "s")] * 4)
    assert frames.store(frame.iloc[:4]).stored == 4
    done = frames.store(frame)
    assert (done.stored, done.already, len(done.rejects)) == (2, 4, 0)
    done = frames.store(frame.iloc[::-1])
    assert (done.stored, done.already, len(done.rejects)) == (0, 6, 0)


def test_the_mid_of_a_quote_is_that_of_its_decimals(configured: Tickdeck) -> None:
    quotes = trades(1, bid=[1.10432], ask=[1.10435]).drop(columns=["price", "size"])
    assert frames.store(quotes).stored == 1
    assert configured.rows("select price, size from ticks") == [(1.104335, 0.0)]


def test_another_tick_of_a_stored_identity_is_refused(configured: Tickdeck) -> None:
    frames.store(trades(2, seq=[7, 8]))
    done = frames.store(trades(2, seq=[7, 8], price=[1.5, 9.0]))
    assert (done.stored, done.already) == (0, 1)
    assert done.rejects["index"].tolist() == [1]
    assert "is stored already with other values" in done.rejects["reason"].iloc[0]


def test_many_rows_are_several_transactions(configured: Tickdeck, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "_TICKS_A_WRITE", 7)
    bad = np.where(np.arange(40) % 9 == 4, -1.0, 2.0)
    done = frames.store(trades(40, price=bad))
    assert (done.stored, done.rejects.index.tolist()) == (36, [4, 13, 22, 31])


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("frame", "symbol", "message"),
    [
        (
            trades().drop(columns="time"),
            None,
            "no column 'time', nor an index of datetimes: it has symbol, price, size",
        ),
        (trades().drop(columns="symbol"), None, "no column 'symbol' and no symbol was given"),
        (trades().drop(columns="price"), None, "no column 'price'"),
        (trades().drop(columns="size"), None, "no column 'size'"),
        (trades(), "ABC", "symbol: the DataFrame has such a column already"),
        (trades(time=pd.to_datetime(["2024-03-08"] * 3)), None, "without a time zone: tz_localize"),
        (trades(time=["2024-03-08T15:00:00Z"] * 3), None, "datetimes with a time zone are needed"),
        (pd.concat([trades(), trades()[["price"]]], axis=1), None, "more than one column 'price'"),
    ],
)
def test_what_is_wrong_with_the_whole_is_told(frame: pd.DataFrame, symbol: str | None, message: str) -> None:
    with pytest.raises(MarketDataError) as raised:
        frames.store(frame, symbol)
    assert message in str(raised.value)


def test_where_symbols_trade_can_be_said(configured: Tickdeck) -> None:
    frames.store(trades(), exchange="XLON")
    assert configured.rows(INSTRUMENTS)[0][:3] == ("ABC", "XLON", "Europe/London")
    with pytest.raises(ConfigurationError, match="XXXX"):
        frames.store(trades(), exchange="XXXX")


def test_an_empty_frame_stores_nothing(configured: Tickdeck) -> None:
    done = frames.store(trades(0))
    assert (done.stored, done.already, list(done.rejects.columns)) == (0, 0, ["index", "field", "reason"])
    assert configured.rows("select count(*) from ticks") == [(0,)]


def test_without_a_database_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("TICKDECK_DATA_DIR", str(tmp_path / "none"))
    with pytest.raises(DatabaseUnavailableError, match="tickdeck db up"):
        frames.store(trades())
