"""Files of bars as people have them become imported candles; what could mean two things is asked for."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.feeding import Ran, Tickdeck

YAHOO = """Date,Open,High,Low,Close,Adj Close,Volume
2024-01-02,470.00,473.00,469.00,472.65,466.66,123623700
2024-01-03,470.43,471.19,468.17,468.79,462.85,103585900
2024-01-04,468.30,470.96,467.05,467.28,461.36,84232200
2024-01-05,467.49,470.44,466.43,467.92,461.99,86060800
"""
STOOQ = """<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>
SPY.US,D,20240102,000000,470,473,469,472.65,123623700,0
SPY.US,D,20240103,000000,470.43,471.19,468.17,468.79,103585900,0
SPY.US,D,20240104,000000,468.3,470.96,467.05,467.28,84232200,0
"""
KLINES = """1735689600000000,93576.00,93610.93,93537.50,93610.93,8.21827000,1735689659999999,768978.6,2631,4.9,460745.1,0
1735689660000000,93610.93,93652.00,93606.20,93652.00,11.35709000,1735689719999999,1063446.9,2078,8.8,826331.8,0
1735689720000000,93652.00,93652.00,93600.00,93610.01,1.00000000,1735689779999999,93620.0,20,0.5,46810.0,0
"""


def loaded(tickdeck: Tickdeck, content: str, *options: str) -> Ran:
    path = tickdeck.folder.parent / "bars.csv"
    path.write_text(content)
    return tickdeck("load", "--bars", path, *options)


def stored(tickdeck: Tickdeck) -> list[tuple[object, ...]]:
    return tickdeck.rows(
        "select symbol, interval, to_char(bucket at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), close, volume, trades, source"
        " from imported_candles order by 1, 3"
    )


def test_dailies_of_yahoo_are_days_of_the_exchange(tickdeck: Tickdeck) -> None:
    asked = loaded(tickdeck, YAHOO, "--symbol", "SPY")
    assert asked.code == 1
    assert (
        "line 2, field time: 2024-01-02 is a day of an exchange that is not known: say --exchange"
        in asked.err
    )
    assert stored(tickdeck) == []
    done = loaded(tickdeck, YAHOO, "--symbol", "SPY", "--exchange", "XNYS")
    assert done.code == 0, done.err
    assert "Adj Close ignored" in done.out
    assert "bars of 1d" in done.out
    assert stored(tickdeck)[0] == ("SPY", "1d", "2024-01-02 05:00", 472.65, 123623700.0, 0, "bars.csv")
    again = loaded(tickdeck, YAHOO, "--symbol", "SPY", "--json")
    assert (again.summary["stored"], again.summary["already"], again.code) == (0, 4, 0)
    assert "4 imported candles are left alone" in tickdeck("verify").out
    replayed = tickdeck(
        "replay", "--symbols", "SPY", "--from", "2024-01-03T15:00Z", "--to", "2024-01-03T16:00Z"
    )
    assert "bars cannot be replayed tick by tick" in replayed.err
    weeks = tickdeck.folder.parent / "weeks.csv"
    exported = tickdeck("export", "--candles", "1w", weeks)
    assert exported.code == 0, exported.err
    candles = weeks.read_text().splitlines()
    assert candles[1].startswith("2024-01-01T05:00:00.000000Z,SPY,470,473,466.43,467.92,397502600,")


def test_stooq_s_own_layout_and_klines_without_a_header_are_known(tickdeck: Tickdeck) -> None:
    assert loaded(tickdeck, STOOQ, "--time-zone", "America/New_York", "--exchange", "XNYS").code == 0
    klines = loaded(tickdeck, KLINES, "--symbol", "BTC/USDT", "--venue", "BINANCE")
    assert klines.code == 0, klines.err
    assert "Binance's klines" in klines.out
    rows = stored(tickdeck)
    assert rows[0] == ("BINANCE:BTC/USDT", "1m", "2025-01-01 00:00", 93610.93, 8.21827, 2631, "bars.csv")
    assert [row[:3] for row in rows[3:]] == [("SPY.US", "1d", f"2024-01-0{day} 05:00") for day in (2, 3, 4)]


BAD = {
    "2024-01-08,468.43,460.00,474.75,474.60,1,74879100": ("low", "low 474.75 is above high 460"),
    "2024-01-08,480.00,474.75,468.30,474.60,1,74879100": ("open", "open 480 is not between"),
    "2024-01-08,468.43,474.75,468.30,474.80,1,74879100": ("close", "close 474.8 is not between"),
    "2024-01-08,468.43,474.75,468.30,474.60,1,-5": ("volume", "volume -5 is negative"),
    "2024-01-05,467.49,470.44,466.43,467.93,1,86060800": ("time", "the bar came before with other values"),
    "2024-01-03,470.43,471.19,468.17,468.79,1,103585900": ("time", "is earlier than the bar before it"),
    "2024-01-08,null,null,null,null,null,null": ("open", "open is empty"),
    "2024-01-08 10:00:00Z,468.43,474.75,468.30,474.60,1,7": ("time", "is not where a bar of 1d begins"),
    "2099-01-08,468.43,474.75,468.30,474.60,1,7": ("time", "has not ended yet"),
    "2024-01-08,468.43,474.75,468.30,474.60,7": ("line", "has 6 fields, the header 7"),
    "2024-01-08,468.43,474.75,468.30,4_74,1,7": ("close", "'4_74' is no number"),
}


def test_what_is_no_bar_is_refused_with_its_line_and_field(tickdeck: Tickdeck, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.csv"
    content = YAHOO + "\n".join(BAD) + "\n2024-01-09,471.87,474.93,471.35,473.88,1,65931400\n"
    done = loaded(
        tickdeck, content, "--symbol", "SPY", "--exchange", "XNYS", "--interval", "1d", "--rejects", str(rejects), "--json",
    )  # fmt: skip
    assert (done.code, done.summary["stored"], done.summary["rejected"]) == (3, 5, len(BAD)), done.err
    with rejects.open(newline="") as file:
        found = {row["raw"]: row for row in csv.DictReader(file)}
    for number, (raw, (field, reason)) in enumerate(BAD.items(), start=6):
        assert (found[raw]["line"], found[raw]["field"]) == (str(number), field), raw
        assert reason in found[raw]["reason"]
    # What is stored contradicts it: nothing is replaced.
    other = loaded(tickdeck, YAHOO.replace("472.65", "472.60"), "--symbol", "SPY", "--json")
    assert (other.code, other.summary["already"], other.summary["rejected"]) == (3, 3, 1)
    assert stored(tickdeck)[0][3] == 472.65


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (YAHOO.replace("Close,Adj Close", "Adj Close,Settled"), ["--symbol", "S"], "an adjusted close is none"),
        (YAHOO, [], "there is no symbol: say --symbol"),
        (YAHOO.replace("2024-01-04", "2024-01-19").replace("2024-01-05", "2024-02-05"), ["--symbol", "S"], "say --interval"),
        (KLINES.replace("660000000,", "601000000,").replace("720000000,", "602000000,"), ["--symbol", "S"], "none below a minute are imported"),
        ("Time,Open,High,Low,Close,Volume\n2024-01-02 10:00,1,1,1,1,1\n", ["--symbol", "S"], "has no time zone: say --time-zone"),
        ("Time,Open,High,Low,Close,Volume\n1201021430,1,1,1,1,1\n", ["--symbol", "S"], "begin with a year of two digits"),
        ("Time,Open,High,Low,Close,Volume BTC,Volume USD\n2024-01-02T10:00Z,1,1,1,1,1,2\n", ["--symbol", "S"], "say --map volume=COLUMN"),
        ("1,2,3,4\n", ["--symbol", "S"], "say --columns"),
        (YAHOO, ["--symbol", "S", "--interval", "30s"], "none below a minute are imported"),
        (YAHOO, ["--symbol", "S", "--price-scale", "100"], "--price-scale says nothing of bars"),
    ],
)  # fmt: skip
def test_what_could_mean_two_things_is_asked_for(
    tickdeck: Tickdeck, content: str, options: list[str], said: str
) -> None:
    ran = loaded(tickdeck, content, *options)
    assert ran.code != 0
    assert said in ran.err, json.dumps(ran.err)
    assert stored(tickdeck) == []
