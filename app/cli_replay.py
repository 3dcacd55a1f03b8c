"""`tickdeck replay`: plays stored ticks back as messages, one JSON object a line, or to a loopback WebSocket."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack, suppress
from typing import Annotated, Final

import typer
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

MOST_EVERY_S: Final = 86_400.0
LEAST_EVERY_S: Final = 0.001

errors = Console(stderr=True)


def replay(
    symbols: Annotated[str, typer.Option(help="Symbols, separated by commas.")],
    start: Annotated[str, typer.Option("--from", help="First instant, such as 2013-10-07T13:30Z.")],
    end: Annotated[
        str | None, typer.Option("--to", help="Last instant; without it the end of the trading day.")
    ] = None,
    speed: Annotated[str, typer.Option(help="0.25 to 1000 times real time, or max.")] = "max",
    every: Annotated[float, typer.Option(help="Seconds of market time between two frames.")] = 1.0,
    chart: Annotated[
        str | None, typer.Option(help="SYMBOL:INTERVAL of the chart; without it the first symbol's 1m.")
    ] = None,
    tape: Annotated[str | None, typer.Option(help="Symbol of the tape; without it the first.")] = None,
    publish: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Serve ws://127.0.0.1:PORT/ws instead; 0: a free port."),
    ] = None,
) -> None:
    """Play stored ticks back: a snapshot and then frames, as the dashboard's page gets them.

    The lines hold no wall-clock time and are the same in every run.
    """
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
    with suppress(KeyboardInterrupt), database(settings) as url:
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
