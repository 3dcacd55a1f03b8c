"""Runs `tickdeck replay`: opens the replay, and prints or publishes it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack

from rich.console import Console

from app.database import database
from app.live.protocol import Subscription
from app.live.replay_asked import parse_instant, parse_symbols
from app.live.replay_clock import ReplayError, parse_speed
from app.live.replay_lines import lines
from app.live.replay_open import Asked, Opened, open_replay
from app.live.replay_publish import publishing
from db.config import DatabaseSettings
from db.errors import UnknownSymbolError
from db.market import Interval, parse_interval
from db.pool import open_pool

MOST_EVERY_S = 86_400.0
LEAST_EVERY_S = 0.001

errors = Console(stderr=True, soft_wrap=True)


def play(
    symbols: str,
    start: str,
    end: str | None,
    *,
    speed: str,
    every: float,
    chart: str | None,
    tape: str | None,
    publish: int | None,
) -> None:
    """Do what the command's options say (see app/cli_replay.py); raise `TickdeckError` for what cannot be."""
    asked = Asked(
        parse_symbols(symbols),
        parse_instant(start, "--from"),
        None if end is None else parse_instant(end, "--to"),
        None,
        parse_speed(speed),
    )
    if not LEAST_EVERY_S <= every <= MOST_EVERY_S:
        raise ReplayError(
            f"--every {every:g} is not possible; use {LEAST_EVERY_S:g} to {MOST_EVERY_S:g} seconds"
        )
    watched = Subscription("all", _chart(chart, asked.symbols), _known(tape, asked.symbols))
    settings = DatabaseSettings()
    with database(settings) as url:
        asyncio.run(_play(url, settings, asked, watched, round(every * 1_000_000), publish))


async def _play(
    url: str,
    settings: DatabaseSettings,
    asked: Asked,
    watched: Subscription,
    every_us: int,
    publish: int | None,
) -> None:
    async with AsyncExitStack() as stack:
        pool = await open_pool(url, role="reader", size=2, statement_timeout_s=settings.statement_timeout_s)
        stack.push_async_callback(pool.close)
        opened = await open_replay(pool, asked)
        stack.push_async_callback(opened.player.close)
        if publish is not None:
            server = await stack.enter_async_context(publishing(opened, publish))
            errors.print(f"replaying on {server.url}", highlight=False)
            await server.finished()
            return
        await _print(opened, watched, every_us)


async def _print(opened: Opened, watched: Subscription, every_us: int) -> None:
    began = time.perf_counter()
    out = sys.stdout.buffer
    count = 0
    try:
        async for message in lines(opened.player, watched, every_us):
            out.write(message + b"\n")
            out.flush()
            count += 1
    except BrokenPipeError:  # whoever reads has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        return
    took = time.perf_counter() - began
    ticks = opened.player.state.ticks
    errors.print(
        f"{ticks:,} ticks in {count:,} messages, {took:.2f} s, {ticks / took:,.0f} ticks/s", highlight=False
    )


def _chart(text: str | None, symbols: list[str]) -> tuple[str, Interval]:
    if text is None:
        return symbols[0], "1m"
    symbol, _, interval = text.rpartition(":")
    return _known(symbol, symbols), parse_interval(interval)


def _known(symbol: str | None, symbols: list[str]) -> str:
    if symbol is None:
        return symbols[0]
    if symbol not in symbols:
        raise UnknownSymbolError(symbol)
    return symbol
