"""Filters of the watchlist: what they mean, what they refuse, and that they are kept up."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.app.market.test_state import NOON, bar, bars, state_of
from tickdeck.app.market.screen import MOST_NESTED, MOST_OF_TEXT, ScreenError, Screening, parse_screen
from tickdeck.app.market.state import MarketState


def market() -> MarketState:
    """UP rose from 100 to 104, DOWN fell from 200 to 190, KRAKEN:BTC/USD stands, NONE had no tick."""
    state = state_of("UP", "DOWN", "KRAKEN:BTC/USD", "NONE")
    state.apply(
        bars(
            bar(NOON, 100, symbol="UP"), bar(NOON, 200, symbol="DOWN"), bar(NOON, 5, symbol="KRAKEN:BTC/USD")
        )
    )
    state.apply(bars(bar(NOON, 104, symbol="UP", seq=2), bar(NOON, 190, symbol="DOWN", seq=2)))
    return state


@pytest.mark.parametrize(
    ("text", "passing"),
    [
        ("chg% > 3", ["UP"]),
        ("CHG% >= 4 AND volume > 1", ["UP"]),
        ("chg% > 3 and volume > 1M", []),
        ("chg < 0 or chg > 0", ["DOWN", "UP"]),
        ("not chg% > 3", ["DOWN", "KRAKEN:BTC/USD"]),
        ("not (chg > 0 or chg < 0)", ["KRAKEN:BTC/USD"]),
        ("last > 0.1K and last < .15k", ["UP"]),
        ("(last - low) / (high - low) = 1", ["UP"]),
        ("range% = 0", ["DOWN"]),
        ("last*2-8 = 200", ["UP"]),
        ("-chg > 5%", ["DOWN"]),
        ("symbol ~ btc", ["KRAKEN:BTC/USD"]),
        ("symbol = up or venue = kraken", ["KRAKEN:BTC/USD", "UP"]),
        ('symbol != "up"', ["DOWN", "KRAKEN:BTC/USD"]),
        ('name ~ "nothing" or exchange = xnys', []),
        ("chg > 0 or chg < 0 and last > 150", ["DOWN", "UP"]),
        ("(chg > 0 or chg < 0) and last > 150", ["DOWN"]),
        ("spread < 1", []),
        ("last / 0 > 1", []),
        ("1 < 2", ["DOWN", "KRAKEN:BTC/USD", "UP"]),
    ],
)  # fmt: skip
def test_which_rows_pass(text: str, passing: list[str]) -> None:
    screen = parse_screen(f"  {text} ")
    assert screen.text == text
    assert sorted(row.symbol for row in market().rows() if screen.passes(row)) == passing


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1 to 200"),
        ("last > 1 " + "x" * MOST_OF_TEXT, "1 to 200"),
        ("last", "something is missing at its end"),
        ("last > ", "something is missing at its end"),
        ("last 3", "one of < <= > >= = == != <> is wanted, not '3'"),
        ("nosuch > 3", "'nosuch' is no number; there are last"),
        ("chg% > 3 volume > 1", "'volume' is one too many; join with and, or"),
        ("(last > 3", "a ) is missing"),
        ("last > 3)", "')' is one too many"),
        ("symbol > a", "one of = == != <> ~ is wanted, not '>'"),
        ("last > 3; drop table ticks", "is not understood"),
        ("__import__('os')", "is not understood"),
        ("last > 3x", "is not understood"),
        ("last.real > 3", "'last.real' is no number"),
        ("not " * 30 + "last > 1", "nested more than 20 levels deep"),
        ("last > " + "(" * 30 + "1" + ")" * 30, "nested more than 20 levels deep"),
    ],
)
def test_what_is_no_filter_is_refused_with_the_place(text: str, told: str) -> None:
    with pytest.raises(ScreenError) as refused:
        parse_screen(text)
    assert told in str(refused.value)
    assert MOST_NESTED == 20


def test_a_screening_tells_who_came_and_went() -> None:
    state = market()
    screening = Screening(parse_screen("chg% > 3"), state.rows(), state.version)
    assert screening.inside == {"UP"}
    born = state.version
    state.apply(bars(bar(NOON, 101, symbol="UP", seq=3), bar(NOON, 220, symbol="DOWN", seq=3)))
    screening.update(state.rows_since(screening.version), state.version)
    between = state.version
    assert screening.moved_since(born) == (["DOWN"], ["UP"])
    assert screening.moved_since(between) == ([], [])
    state.apply(bars(bar(NOON, 105, symbol="UP", seq=4)))
    screening.update(state.rows_since(screening.version), state.version)
    assert screening.moved_since(between) == (["UP"], [])
    assert screening.moved_since(born) == (["UP", "DOWN"], [])
    assert screening.inside == {row.symbol for row in state.rows() if screening.screen.passes(row)}


def test_five_thousand_rows_cost_little() -> None:
    state = state_of(*(f"S{number}" for number in range(5_000)))
    state.apply(bars(*(bar(NOON, 100 + number % 7, symbol=f"S{number}") for number in range(5_000))))
    screen, rows = parse_screen("chg% > 3 and volume > 1M or last > 104"), state.rows()
    best = min(_seconds(lambda: Screening(screen, rows, state.version)) for _ in range(3))
    assert len(Screening(screen, rows, state.version).inside) == sum(1 for n in range(5_000) if n % 7 > 4)
    assert best < 0.5, "milliseconds, on a machine that is not busy"


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
