"""`tickdeck feed NAME` and `tickdeck run --feed`: plugins, options, and a process that is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.exchanges.alpaca import KEY, SECRET, LocalAlpaca
from tests.exchanges.binance import LocalBinance
from tests.exchanges.local import LocalExchange
from tests.exchanges.massive import KEY as MASSIVE_KEY
from tests.exchanges.massive import LocalMassive, number_of
from tests.feeding import Tickdeck
from tickdeck.app.cli.feeds_file import named, written
from tickdeck.db.errors import ConfigurationError
from tickdeck.db.market.types import UPDATES_ALL, UPDATES_VOLUME
from tickdeck.testing.pace import Stopwatch


@contextmanager
def beside(local: LocalExchange) -> Iterator[Callable[..., Any]]:
    """Run `local` in a thread; yields what runs one of its coroutines there."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def call(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    call(local.__aenter__())
    try:
        yield call
    finally:
        call(local.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def feed(url: str, folder: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`tickdeck feed …` in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tickdeck.app.cli.child", "feed", *arguments],
        env={**os.environ, "DATABASE_URL": url, "TICKDECK_DATA_DIR": str(folder), **environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def numbers(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("select seq from ticks order by seq").fetchall()]


def test_a_feed_that_is_killed_goes_on_where_it_was(tickdeck: Tickdeck, tmp_path: Path) -> None:
    local = LocalBinance(["BTC/USDT"])
    with beside(local) as call:
        arguments = ("binance", "BTC/USDT", "--url", local.url)
        with feed(tickdeck.url, tmp_path, *arguments) as process:
            wait_until(lambda: any(client.symbols for client in local.clients))
            call(local.trade(50))
            wait_until(lambda: len(numbers(tickdeck.url)) == 50)
            call(local.trade(200))
            process.send_signal(signal.SIGKILL)
            process.wait(60)
        call(local.trade(50))
        with feed(tickdeck.url, tmp_path, *arguments) as process:
            wait_until(lambda: len(numbers(tickdeck.url)) == 300)
            with psycopg.connect(tickdeck.url, autocommit=True) as connection:
                wait_until(
                    lambda: connection.execute("select name from instruments").fetchall() == [("BTC / USDT",)]
                )
                row = connection.execute(
                    "select symbol, currency, price_decimals from instruments"
                ).fetchone()
                assert row == ("BINANCE:BTC/USDT", "USDT", 2)
            watch = Stopwatch()
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            assert watch.seconds() < 5
    made = local.tapes["BTC/USDT"]
    assert numbers(tickdeck.url) == [each.number for each in made]
    sides = tickdeck.rows("select side from ticks order by seq")
    assert [side for (side,) in sides] == [1 if each.taker_buys else -1 for each in made]


def test_symbols_come_and_go_while_a_feed_runs(tickdeck: Tickdeck, tmp_path: Path) -> None:
    local = LocalBinance(["BTC/USDT", "ETH/USDT"])
    with (
        beside(local) as call,
        feed(tickdeck.url, tmp_path, "binance", "BTC/USDT", "--url", local.url),
    ):
        wait_until(lambda: any(client.symbols for client in local.clients))
        said = tickdeck("feed", "subscribe", "binance", "ETH/USDT")
        assert (said.code, said.out.strip()) == (0, "binance: BTC/USDT, ETH/USDT")
        wait_until(lambda: any(client.symbols == {"BTC/USDT", "ETH/USDT"} for client in local.clients))
        call(local.trade(5, "ETH/USDT"))
        wait_until(lambda: len(numbers(tickdeck.url)) == 5)
        assert local.counts.connections == 1
        assert tickdeck("feed", "unsubscribe", "binance", "BTC/USDT").code == 0
        wait_until(lambda: any(client.symbols == {"ETH/USDT"} for client in local.clients))
        refused = tickdeck("feed", "unsubscribe", "binance", "ETH/USDT")
        assert refused.code == 1
        assert "would have no symbol left" in refused.err
    assert "does not run" in tickdeck("feed", "subscribe", "other", "X").err


def test_a_key_is_in_no_message(tickdeck: Tickdeck, tmp_path: Path) -> None:
    missing = tickdeck("feed", "alpaca", "AAPL")
    assert (missing.code, missing.err.count("\n")) == (1, 1)
    assert "alpaca needs a key: set TICKDECK_ALPACA_KEY" in missing.err
    local = LocalAlpaca(["AAPL"])
    wrong = "PK-OF-SOMEBODY-ELSE"
    with beside(local), feed(
        tickdeck.url, tmp_path, "alpaca", "AAPL", "--url", local.url,
        TICKDECK_ALPACA_KEY=wrong, TICKDECK_ALPACA_SECRET=SECRET, TICKDECK_LOG_LEVEL="debug",
    ) as process:  # fmt: skip
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "auth failed" in said
    assert wrong not in said
    assert SECRET not in said
    assert not any(
        wrong in detail or SECRET in detail for (detail,) in tickdeck.rows("select detail from feeds")
    )


def test_corrections_and_cancels_of_a_tape_are_applied(tickdeck: Tickdeck, tmp_path: Path) -> None:
    local = LocalAlpaca(["AAPL"])
    keys = {"TICKDECK_ALPACA_KEY": KEY, "TICKDECK_ALPACA_SECRET": SECRET}
    with beside(local) as call, feed(tickdeck.url, tmp_path, "alpaca", "AAPL", "--url", local.url, **keys):
        wait_until(lambda: any(client.symbols for client in local.clients))
        call(local.trade(3))
        first, second, third = local.tapes["AAPL"]
        call(local.correct(first, 12.5))
        call(local.correct(second, 13.5))
        call(local.cancel("AAPL", second.number + 10**9, second))  # by the number that the correction gave it
        wanted = [(first.number, 12.5), (third.number, float(third.price))]
        wait_until(lambda: tickdeck.rows("select seq, price from ticks order by seq") == wanted)
    # An odd lot of another tape than Nasdaq's: no text says by itself that it is in the plans' letters.
    assert tickdeck.rows("select exchange, conditions, updates from ticks where seq = %s", third.number) == [
        ("V", "I", UPDATES_VOLUME)
    ]
    assert tickdeck.rows("select distinct updates from ticks where seq = %s", first.number) == [
        (UPDATES_ALL,)
    ]


def test_trades_of_massive_keep_their_numbers_and_what_they_move(tickdeck: Tickdeck, tmp_path: Path) -> None:
    local = LocalMassive(["AAPL"])
    with (
        beside(local) as call,
        feed(tickdeck.url, tmp_path, "massive", "AAPL", "--url", local.url, TICKDECK_MASSIVE_KEY=MASSIVE_KEY),
    ):
        wait_until(lambda: any(client.symbols for client in local.clients))
        call(local.trade(1))
        (made,) = local.tapes["AAPL"]
        wait_until(lambda: tickdeck.rows("select 1 from ticks") == [(1,)])
        wait_until(
            lambda: (
                tickdeck.rows("select name from instruments where symbol = 'MASSIVE:AAPL'")
                == [("AAPL Inc.",)]
            )
        )
    assert tickdeck.rows("select symbol, seq, price, size, exchange, conditions, updates from ticks") == [
        ("MASSIVE:AAPL", number_of(made), float(made.price), float(made.size), "4", "37", UPDATES_VOLUME)
    ]


def test_feeds_are_listed_and_have_typed_options(tickdeck: Tickdeck) -> None:
    listed = tickdeck("feed", "list").out
    assert all(
        name in listed for name in ("csv", "walk", "binance", "coinbase", "kraken", "alpaca", "massive")
    )
    wrong = tickdeck("feed", "binance", "BTC/USDT", "--fill-hours", "soon")
    assert wrong.code == 2
    nowhere = tickdeck("feed", "binance", "BTC/USDT", "--url", "nowhere")
    assert nowhere.code == 1
    assert "--url" in nowhere.err
    help_text = tickdeck("feed", "alpaca", "--help").out
    assert "--source" in help_text
    assert "TICKDECK_ALPACA_SECRET" in help_text
    assert "--secret" not in help_text


@pytest.mark.parametrize(
    ("feeds", "urls", "said"),
    [
        (["bnance:BTC/USDT"], [], "feed 'bnance' is unknown"),
        (["binance"], [], "name the symbols"),
        (["binance:A/B", "binance:C/D"], [], "comes twice"),
        (["binance:A/B", "kraken:C/D"], ["http://x"], "say for which feed"),
        (["binance:A/B"], ["kraken=http://x"], "there is no such --feed"),
        (["binance:A/B"], ["x"], "is no address"),
    ],
)
def test_a_wrong_feed_is_told_before_anything_starts(feeds: list[str], urls: list[str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        named(feeds, urls)


def test_a_feeds_file_names_feeds_symbols_and_options(tmp_path: Path) -> None:
    path = tmp_path / "feeds.toml"
    path.write_text(
        '[binance]\nsymbols = ["BTC/USDT"]\nfill_hours = 2\n[kraken]\nsymbols = ["ETH/USD"]\n',
        encoding="utf-8",
    )
    assert [each.arguments for each in written(path)] == [
        ("feed", "binance", "--fill-hours=2", "--", "BTC/USDT"),
        ("feed", "kraken", "--", "ETH/USD"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[binance]\n", r"feeds.toml, \[binance\]: name the symbols"),
        ("[binance]\nsymbols = 'BTC'\n", r"\[binance\], symbols: write a list"),
        ("[binance]\nsymbols = ['A/B']\nhours = 3\n", r"\[binance\]: hours is no option"),
        ("[binance]\nsymbols = ['A/B']\nfill_hours = -3\n", r"\[binance\]: binance: --fill-hours"),
        (
            "[alpaca]\nsymbols = ['A']\nkey = 'x'\n",
            r"\[alpaca\]: key is a key, which is taken from TICKDECK_ALPACA_KEY",
        ),
        ("binance = 1\n", "binance is no section"),
        ("[binance\n", "is no TOML"),
        ("", "names no feed"),
    ],
)
def test_a_wrong_feeds_file_is_told_by_section_and_option(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "feeds.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=said):
        written(path)
