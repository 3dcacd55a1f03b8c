"""`tickdeck load`: everything once, candles as pandas makes them, whatever pieces and order the file comes in."""

from __future__ import annotations

import asyncio
import gzip
import random
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import pandas as pd
import pytest

from tests.feeding import Tickdeck
from tests.paths import SAMPLE
from tests.reference import same
from tickdeck.db.candles.read import read_candles
from tickdeck.db.market.types import INTERVALS, Candle, Interval
from tickdeck.db.session import open_pool

NEW_YORK: Final = "America/New_York"
RULES: Final = {"1d": "1D", "1w": "W-MON", "1M": "MS"}


def read(path: Path) -> pd.DataFrame:
    """The file as pandas reads it, with seq as Tickdeck numbers rows that have none."""
    frame = pd.read_csv(path, dtype={"exchange": str, "conditions": str}, keep_default_na=False)
    if "seq" not in frame:
        frame["seq"] = frame.groupby(["symbol", "time"]).cumcount() + 1
    frame["time"] = pd.to_datetime(frame["time"], utc=True)
    frame["turnover"] = frame["price"] * frame["size"]
    return frame


def resampled(frame: pd.DataFrame, symbol: str, interval: Interval) -> list[Candle]:
    """Candles of one symbol by pandas alone; ties by row order, days by New York's midnight."""
    mine = frame[frame["symbol"] == symbol].sort_values("time", kind="stable")
    mine = mine.assign(us=(mine["time"] - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(microseconds=1))
    index = mine["time"].dt.tz_convert(NEW_YORK) if interval in {"1d", "1w", "1M"} else mine["time"]
    folded = (
        mine.set_index(index)
        .resample(RULES.get(interval) or interval.replace("m", "min"), label="left", closed="left")
        .agg(
            open=("price", "first"), high=("price", "max"), low=("price", "min"), close=("price", "last"),
            volume=("size", "sum"), turnover=("turnover", "sum"), trades=("price", "size"),
            first_us=("us", "first"), first_seq=("seq", "first"), last_us=("us", "last"), last_seq=("seq", "last"),
        )
    )  # fmt: skip
    folded = folded[folded["trades"] > 0]
    folded = folded.astype({"volume": float, "turnover": float})
    starts = pd.DatetimeIndex(folded.index).as_unit("us").asi8.tolist()
    columns = [folded[name].tolist() for name in folded.columns]
    return [Candle(*values) for values in zip(starts, *columns, strict=True)]


@cache
def candles_of(path: Path, intervals: tuple[Interval, ...]) -> dict[tuple[str, Interval], list[Candle]]:
    """Of each symbol of the file and each of the intervals, by pandas."""
    frame = read(path)
    symbols = sorted(set(frame["symbol"]))
    return {(each, interval): resampled(frame, each, interval) for each in symbols for interval in intervals}


async def stored_candles(
    url: str, wanted: Iterable[tuple[str, Interval]]
) -> dict[tuple[str, Interval], list[Candle]]:
    pool = await open_pool(url, role="reader")
    try:
        return {each: await read_candles(pool, *each, limit=1_000_000) for each in wanted}
    finally:
        await pool.close()


def assert_candles_are_those_of(
    path: Path, url: str, intervals: tuple[Interval, ...] = (*INTERVALS,)
) -> None:
    wanted = candles_of(path, intervals)
    for key, candles in asyncio.run(stored_candles(url, wanted)).items():
        assert len(candles) == len(wanted[key]), key
        for candle, expected in zip(candles, wanted[key], strict=True):
            assert candle == same(expected), key


def test_every_candle_equals_a_resample_and_a_second_load_stores_nothing(tickdeck: Tickdeck) -> None:
    frame = read(SAMPLE)
    first = tickdeck("load", SAMPLE, "--conditions", "all", "--json")
    assert (first.code, first.summary["stored"], first.summary["already"]) == (0, len(frame), 0)
    assert first.summary["rejected"] == 0
    assert first.summary["rejects_file"] is None
    assert first.summary["symbols"] == 3
    assert_candles_are_those_of(SAMPLE, tickdeck.url)
    again = tickdeck("load", SAMPLE, "--conditions", "all")
    assert again.code == 0
    assert f"already there  {len(frame):,}" in again.out
    assert "stored         0" in again.out
    assert "rejected       0" in again.out
    assert_candles_are_those_of(SAMPLE, tickdeck.url)


@pytest.mark.parametrize("way", ["pieces", "shuffled", "reversed pieces, twice"])
def test_pieces_and_disorder_give_the_same_candles(tickdeck: Tickdeck, tmp_path: Path, way: str) -> None:
    header, *rows = SAMPLE.read_text(encoding="utf-8").splitlines()
    shuffler = random.Random(5)
    if way == "shuffled":
        shuffler.shuffle(rows)
        parts = [rows]
    else:
        edges = sorted({0, len(rows), *(shuffler.randrange(len(rows)) for _ in range(150))})
        parts = [rows[start:end] for start, end in pairwise(edges)]
    if way.startswith("reversed"):
        parts = [*reversed(parts), *parts[::7]]
    files = []
    for number, part in enumerate(parts):
        files.append(tmp_path / f"part-{number:04d}.csv")
        files[-1].write_text("\n".join([header, *part]) + "\n", encoding="utf-8")
    ran = tickdeck("load", *files, "--conditions", "all", "--json")
    assert (ran.code, ran.summary["rejected"], ran.summary["stored"]) == (0, 0, len(rows))
    assert_candles_are_those_of(SAMPLE, tickdeck.url)


def test_us_shares_are_known_by_the_letters_of_their_exchanges(tickdeck: Tickdeck) -> None:
    ran = tickdeck("load", SAMPLE)
    assert "ALS, BER, COR: taken for US shares" in ran.out
    assert "--exchange none" in ran.out
    known = "select symbol, exchange, timezone, currency, price_decimals from instruments order by symbol"
    assert tickdeck.rows(known) == [(s, "XNYS", NEW_YORK, "USD", 2) for s in ("ALS", "BER", "COR")]
    tickdeck("load", SAMPLE, "--exchange", "none", "--exchange-timezone", "Asia/Tokyo")
    assert tickdeck.rows(known)[0][:3] == ("ALS", None, "Asia/Tokyo")
    ran = tickdeck("load", SAMPLE)
    assert "taken for US shares" not in ran.out
    assert tickdeck.rows(known)[0][:3] == ("ALS", None, "Asia/Tokyo")
    tickdeck("load", SAMPLE, "--exchange", "XLON")
    assert tickdeck.rows(known)[0][:3] == ("ALS", "XLON", "Europe/London")


def test_other_symbols_trade_around_the_clock_with_the_decimals_they_need(
    tickdeck: Tickdeck, tmp_path: Path
) -> None:
    path = tmp_path / "coins.csv"
    rows = [
        f"{1_700_000_000_000 + i},{'AB'[i % 2]}-USD,{0.04321 + i / 1e5:.5f},{i / 8}" for i in range(1, 200)
    ]
    path.write_text("\n".join(["T,Product ID,P,Q", *rows]).replace("Q", "Qty", 1) + "\n", encoding="utf-8")
    ran = tickdeck("load", path)
    assert ran.code == 0
    assert "times in milliseconds since 1970 UTC (told by their magnitude)" in ran.out
    assert "columns time=T, symbol=Product ID, price=P, size=Qty" in ran.out
    assert tickdeck.rows("select symbol, exchange, timezone, price_decimals from instruments order by 1") == [
        ("A-USD", None, "UTC", 5),
        ("B-USD", None, "UTC", 5),
    ]


def test_a_different_tick_under_a_stored_identity_is_refused(tickdeck: Tickdeck, tmp_path: Path) -> None:
    header, first, *_ = SAMPLE.read_text(encoding="utf-8").splitlines()
    tickdeck("load", SAMPLE)
    path = tmp_path / "changed.csv"
    path.write_text(f"{header}\n{first.replace('17.36', '99.99')}\n", encoding="utf-8")
    ran = tickdeck("load", path, "--json")
    assert ran.code == 3
    assert (ran.summary["stored"], ran.summary["already"], ran.summary["rejected"]) == (0, 0, 1)
    kept = Path(ran.summary["rejects_file"]).read_text(encoding="utf-8").splitlines()[1]
    assert kept.startswith(f"{path},2,seq,")
    assert "99.99" in kept
    assert tickdeck.rows("select price from ticks where seq = 1") == [(17.36,)]


def test_one_symbol_files_and_files_without_a_header_need_only_be_told(
    tickdeck: Tickdeck, tmp_path: Path
) -> None:
    path = tmp_path / "bare.txt.gz"
    path.write_bytes(gzip.compress(b"09:30:00.25;10.5;100\n09:30:00.25;10.5;100\n"))
    columns = "--columns", "time,price,size"
    ran = tickdeck("load", path, *columns, "--symbol", "ALS")
    assert ran.code == 1
    assert "a time of day without a date: say --date" in ran.err
    dated = tmp_path / "dated.txt"
    dated.write_bytes(b"20240308;09:30:00.25;10.5;100\n20240308;09:30:00.25;10.5;100\n")
    ran = tickdeck(
        "load", dated, "--columns", "date,time,price,size", "--symbol", "ALS", "--time-zone", NEW_YORK
    )
    assert ran.code == 0
    assert tickdeck.rows("select seq, time at time zone 'UTC' from ticks order by seq") == [
        (1, pd.Timestamp("2024-03-08 14:30:00.25")),
        (2, pd.Timestamp("2024-03-08 14:30:00.25")),
    ]


def test_a_repaired_rejects_file_fills_the_places_that_were_left(tickdeck: Tickdeck, tmp_path: Path) -> None:
    path, rejects, again = tmp_path / "rj.csv", tmp_path / "refused.csv", tmp_path / "again.csv"
    time = "2024-01-02T14:30:00Z"
    rows = [f"{time},RJ,10.0,1", f'{time},RJ,"1,010.5",2', f"{time},RJ,10.2,3", f"{time},RJ,oops,4", "soon,RJ,7,5",
            f"{time},RJ,10.3,6"]  # fmt: skip
    path.write_text("\n".join(["time,symbol,price,size", *rows]) + "\n", encoding="utf-8")
    assert tickdeck("load", path, "--rejects", rejects).code == 3
    repaired = rejects.read_text(encoding="utf-8").replace("1,010.5", "1010.5").replace(",soon,", f",{time},")
    rejects.write_text(repaired.replace('"soon', f'"{time}'), encoding="utf-8")
    ran = tickdeck("load", rejects, "--rejects", again, "--json")
    assert (ran.code, ran.summary["stored"], ran.summary["rejected"]) == (3, 2, 1)
    assert tickdeck.rows("select seq, price from ticks order by time, seq") == [
        (1, 10.0), (2, 1010.5), (3, 10.2), (5, 10.3), (6, 7.0)
    ]  # fmt: skip
    again.write_text(again.read_text(encoding="utf-8").replace("RJ,oops", "RJ,1010.7"), encoding="utf-8")
    assert tickdeck("load", again).code == 0
    assert tickdeck("load", rejects, "--json").summary["already"] == 2
    assert tickdeck.rows("select price from ticks order by time, seq") == [
        (10.0,), (1010.5,), (10.2,), (1010.7,), (10.3,), (7.0,)
    ]  # fmt: skip


def test_an_instrument_whose_prices_may_be_below_zero(tickdeck: Tickdeck, tmp_path: Path) -> None:
    path = tmp_path / "wti.csv"
    head = "time,symbol,price,size\n2020-04-20T18:00:00Z,CL,1.50,1\n"
    path.write_text(head + "2020-04-20T18:30:00Z,CL,-37.63,2\n2020-04-20T18:30:00Z,SPY,-1,2\n")
    ran = tickdeck("load", path, "--venue", "XNYM")
    assert (ran.code, "--allow-negative" in ran.out) == (3, True)
    said = tickdeck("instruments", "set", "XNYM:CL", "--allow-negative")
    assert "prices below zero, too" in said.out
    ran = tickdeck("load", path, "--venue", "XNYM", "--json")
    assert [ran.summary[name] for name in ("stored", "already", "rejected")] == [1, 1, 1]
    assert tickdeck("ticks", "correct", "XNYM:CL", "2020-04-20T18:00:00Z", "1", "--price=-40.32").code == 0
    assert tickdeck.rows("select symbol, price from ticks order by time") == [
        ("XNYM:CL", -40.32),
        ("XNYM:CL", -37.63),
    ]
