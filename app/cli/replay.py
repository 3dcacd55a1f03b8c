"""`tickdeck replay`: plays stored ticks back as messages, one JSON object a line, or to a loopback WebSocket."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import typer

from tickdeck.app.cli.common import database, database_settings, errors
from tickdeck.db.errors import UnknownSymbolError

if TYPE_CHECKING:
    from tickdeck.app.push.protocol import Subscription
    from tickdeck.app.replay.opening import Replay, ReplayRequest
    from tickdeck.db.config import DatabaseSettings
    from tickdeck.db.market.bar_types import ChartInterval


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(replay)


def replay(
    symbols: str = typer.Option(..., "--symbols", help="Symbols, separated by commas."),
    start: str = typer.Option(..., "--from", help="First instant, such as 2013-10-07 or 2013-10-07T13:30Z."),
    end: str | None = typer.Option(None, "--to", help="Last instant; without it the end of the trading day."),
    speed: str = typer.Option("max", "--speed", help="0.25 to 1000 times real time, or max."),
    every: float = typer.Option(1.0, "--every", help="Seconds of market time between two frames."),
    chart: str | None = typer.Option(
        None, "--chart", help="SYMBOL:INTERVAL; without it the first symbol's 1m."
    ),
    tape: str | None = typer.Option(None, "--tape", help="Symbol of the tape; without it the first."),
    as_known: bool = typer.Option(
        False,
        "--as-known",
        help="Ticks as they were known at the clock, before later cancels and corrections.",
    ),
    publish: int | None = typer.Option(
        None, "--publish", min=0, max=65535, help="Serve ws://127.0.0.1:PORT/ws instead; 0: a free port."
    ),
) -> None:
    """Play stored ticks back: a snapshot and then frames, as the dashboard's page gets them.

    The lines hold no wall-clock time and are the same in every run.
    """
    play(
        symbols,
        start,
        end,
        speed=speed,
        every=every,
        chart=chart,
        tape=tape,
        publish=publish,
        as_known=as_known,
    )


MOST_EVERY_S: Final = 86_400.0
LEAST_EVERY_S: Final = 0.001


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
    as_known: bool = False,
) -> None:
    """Do what the command's options say; raise `TickdeckError` for what cannot be."""
    from tickdeck.app.push.protocol import Subscription
    from tickdeck.app.replay.clock import ReplayError, replay_speed
    from tickdeck.app.replay.opening import ReplayRequest, parse_symbols
    from tickdeck.db.market.moments import parse_moment

    request = ReplayRequest(
        parse_symbols(symbols),
        parse_moment(start, "--from"),
        None if end is None else parse_moment(end, "--to"),
        None,
        replay_speed(speed),
        as_known=as_known,
    )
    if not LEAST_EVERY_S <= every <= MOST_EVERY_S:
        raise ReplayError(
            f"--every {every:g} is not possible; use {LEAST_EVERY_S:g} to {MOST_EVERY_S:g} seconds"
        )
    watched = Subscription("all", _chart(chart, request.symbols), _known(tape, request.symbols))
    settings = database_settings()
    with database(settings) as url:
        asyncio.run(_play(url, settings, request, watched, round(every * 1_000_000), publish))


async def _play(
    url: str,
    settings: DatabaseSettings,
    request: ReplayRequest,
    watched: Subscription,
    every_us: int,
    publish: int | None,
) -> None:
    from tickdeck.app.replay.opening import open_replay
    from tickdeck.app.web.publish import publishing
    from tickdeck.db.session import open_pool

    async with AsyncExitStack() as stack:
        pool = await open_pool(url, role="reader", size=2, statement_timeout_s=settings.statement_timeout_s)
        stack.push_async_callback(pool.close)
        replay = await open_replay(pool, request)
        stack.push_async_callback(replay.player.close)
        if publish is not None:
            server = await stack.enter_async_context(publishing(replay, publish))
            errors.print(f"replaying on {server.url}", highlight=False)
            await server.finished()
            return
        await _print(replay, watched, every_us)


async def _print(replay: Replay, watched: Subscription, every_us: int) -> None:
    from tickdeck.app.export import standard_output
    from tickdeck.app.replay.stream import messages

    began = time.perf_counter()
    out = standard_output()
    count = 0
    try:
        async for message in messages(replay.player, watched, every_us):
            out.write(message + b"\n")
            out.flush()
            count += 1
    except BrokenPipeError:  # whoever reads has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        return
    took = time.perf_counter() - began
    ticks = replay.player.state.ticks
    errors.print(
        f"{ticks:,} ticks in {count:,} messages, {took:.2f} s, {ticks / took:,.0f} ticks/s", highlight=False
    )


def _chart(text: str | None, symbols: list[str]) -> tuple[str, ChartInterval]:
    from tickdeck.db.market.bar_types import parse_chart_interval

    if text is None:
        return symbols[0], "1m"
    symbol, _, interval = text.rpartition(":")
    return _known(symbol, symbols), parse_chart_interval(interval)


def _known(symbol: str | None, symbols: list[str]) -> str:
    if symbol is None:
        return symbols[0]
    if symbol not in symbols:
        raise UnknownSymbolError(symbol)
    return symbol
