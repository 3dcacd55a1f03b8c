"""Files with cancels and corrections among their trades: applied in order, the same however often they are loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.feeding import Tickdeck
from tickdeck import frames

TAQ = """date,time_m,sym_root,sym_suffix,size,price,tr_corr,ex,tr_seqnum
20240102,9:30:00.100,A,,100,10.00,00,N,1001
20240102,9:30:00.200,A,,100,99.00,08,N,1002
20240102,9:30:01.000,A,,200,10.10,01,N,1003
20240102,9:35:00.000,A,,100,99.00,10,N,1010
20240102,9:36:00.000,A,,200,11.10,12,N,1011
20240102,9:37:00.000,A,,500,10.20,07,N,1012
20240102,9:38:00.000,A,,1,1.00,11,N,1013
20240102,9:39:00.000,A,,300,10.30,0,N,1014
"""
KIND = """time,symbol,price,size,seq,kind
2024-01-02T14:30:00.100Z,A,10,100,1001,trade
2024-01-02T14:30:00.200Z,A,99,100,1002,trade
2024-01-02T14:30:01Z,A,11.1,100,1003,trade
2024-01-02T14:35:00Z,A,99,100,1002,cancel
2024-01-02T14:36:00Z,A,10.1,200,1003,correct
2024-01-02T14:37:00Z,A,10.2,500,1012,Trade
2024-01-02T14:38:00Z,A,10.2,500,1012,bust
2024-01-02T14:38:30Z,A,10.2,500,9999,cancel
2024-01-02T14:39:00Z,A,10.3,300,1014,trade
"""


@pytest.mark.parametrize(("text", "newest_first"), [(TAQ, False), (TAQ, True), (KIND, False)])
def test_applied_and_the_same_twice(
    tickdeck: Tickdeck, tmp_path: Path, text: str, newest_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    head, *rows = text.splitlines(keepends=True)
    file = tmp_path / "trades.csv"
    file.write_text(head + "".join(rows[::-1] if newest_first else rows))
    zone = ("--time-zone", "America/New_York") if text is TAQ else ()
    monkeypatch.setenv("DATABASE_URL", tickdeck.url)
    ran: list[Any] = [tickdeck("load", file, *zone, "--json") for _ in range(2)]
    assert [each.code for each in ran] == [3, 3]  # the one that belongs to nothing
    assert [each.summary["rejected"] for each in ran] == [1, 1]
    ticks = frames.ticks("A")
    assert ticks["seq"].tolist() == [1001, 1003, 1014]
    assert ticks["price"].tolist() == [10, 10.1, 10.3]
    assert frames.candles("A", "1d")[["high", "volume", "trades"]].to_numpy().tolist() == [[10.3, 600, 3]]
    then = frames.candles("A", "1d", known="2024-01-02T14:34Z")
    assert then["high"].tolist() == [99]
    with psycopg.connect(tickdeck.url) as connection:
        said = connection.execute(
            "select seq, kind, to_char(known_at, 'HH24:MI') from tick_history where kind = 'cancel' order by seq"
        ).fetchall()
    assert [each[:2] for each in said] == [(1002, "cancel"), (1012, "cancel")]
    assert said[0][2] == "14:35"


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("tr_corr", ["00", "14"]),  # a code that nobody knows
        ("action", ["trade", "cancel"]),  # orders are cancelled too
        ("kind", ["trade", "modify"]),
    ],
)
def test_what_may_be_something_else_is_refused(
    tickdeck: Tickdeck, tmp_path: Path, column: str, values: list[str]
) -> None:
    rows = [f"2024-01-02T14:30:0{n}Z,A,10,1,{n},{value}" for n, value in enumerate(values)]
    file = tmp_path / "trades.csv"
    file.write_text("\n".join([f"time,symbol,price,size,seq,{column}", *rows, ""]))
    ran = tickdeck("load", file)
    assert ran.code in (1, 3)
    with psycopg.connect(tickdeck.url) as connection:
        assert connection.execute("select count(*) from ticks where seq = 1").fetchone() == (0,)


@pytest.mark.parametrize("text", [TAQ, KIND])
def test_a_load_that_was_killed_before_the_cancel_ends_right_when_it_is_loaded_again(
    tickdeck: Tickdeck, tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "trades.csv"
    file.write_text(text)
    monkeypatch.setenv("DATABASE_URL", tickdeck.url)
    exchange = "N" if text is TAQ else None
    corrected = 10.1 if text is TAQ else 11.1
    with psycopg.connect(tickdeck.url) as connection:  # what is stored of it then
        for clock, seq, price, size in [
            ("14:30:00.1", 1001, 10, 100),
            ("14:30:00.2", 1002, 99, 100),
            ("14:30:01", 1003, corrected, 200 if text is TAQ else 100),
        ]:
            connection.execute(
                "insert into ticks (time, symbol, seq, price, size, exchange) values (%s, 'A', %s, %s, %s, %s)",
                (f"2024-01-02 {clock}+00", seq, price, size, exchange),
            )
    ran = tickdeck("load", file, *(("--time-zone", "America/New_York") if text is TAQ else ()), "--json")
    assert (ran.code, ran.summary["rejected"], ran.summary["already"]) == (3, 1, 3)
    ticks = frames.ticks("A")
    assert ticks["seq"].tolist() == [1001, 1003, 1014]
    assert ticks["price"].tolist() == [10, 10.1, 10.3]
    assert frames.candles("A", "1d")[["high", "volume", "trades"]].to_numpy().tolist() == [[10.3, 600, 3]]
