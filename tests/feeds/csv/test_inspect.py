"""`tickdeck inspect`: how a file would be read, and nothing stored."""

from __future__ import annotations

from pathlib import Path

from tests.feeding import Tickdeck


def test_a_file_is_described_and_nothing_is_stored(tickdeck: Tickdeck, tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text(
        "time,symbol,price,size,note\n2024-01-02 09:30:01,A,10.50,1,x\n2024-01-02 09:30:00,A,10.25,2,y\n"
        "2024-01-02 09:29:00,A,oops,2,z\n",
        encoding="utf-8",
    )
    ran = tickdeck("inspect", path)
    assert ran.code == 1
    assert "say --time-zone" in ran.out
    ran = tickdeck("inspect", path, "--time-zone", "America/New_York")
    assert ran.code == 3
    for part in (
        "ignored note", "newest first", "2 ticks of A", "in America/New_York", "1 rows would be refused",
        "2024-01-02T14:30:01Z  A  1  10.5  1  -  -", "line 4, price: 'oops' is no number",
    ):  # fmt: skip
        assert part in ran.out, ran.out
    assert tickdeck.rows("select count(*) from ticks") == [(0,)]


def test_an_unknown_preset_is_told_with_those_that_there_are(tickdeck: Tickdeck, tmp_path: Path) -> None:
    ran = tickdeck("inspect", tmp_path / "some.csv", "--preset", "nyse")
    assert ran.code == 1
    assert "--preset 'nyse' is unknown: use binance-aggtrades" in ran.err
