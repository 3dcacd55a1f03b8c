"""`tickdeck feed walk`: ticks that are made up."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from app.cli_options import Speed
from db.errors import ConfigurationError, MarketDataError

if TYPE_CHECKING:
    from db.pool import Pool


def walk(
    symbols: int = typer.Option(100, "--symbols", help="How many made-up symbols."),
    rate: float = typer.Option(1000.0, "--rate", help="Ticks a second on average, of all symbols together."),
    seed: int = typer.Option(7, "--seed", min=0, help="The same seed makes the same ticks."),
    speed: Speed = "1",
    duration: str = typer.Option(None, "--duration", help="End after this much market time: 30s, 5m, 1h."),
    start: str = typer.Option(None, "--start", help="Date the first tick then (ISO 8601) instead of now."),
    history: bool = typer.Option(
        True, "--history/--no-history", help="Fill the time before, as far as it is empty."
    ),
) -> None:
    """Make ticks up: random prices of made-up symbols, at a rate that is held."""
    from app.cli_feed_runs import Watch, play_in, rejects_path  # noqa: PLC0415 - other commands need not wait
    from db.instruments import upsert_instruments  # noqa: PLC0415
    from db.quotes import read_quotes  # noqa: PLC0415
    from feeds.clock import PacedClock, parse_speed  # noqa: PLC0415
    from feeds.random_walk import RandomWalk  # noqa: PLC0415
    from feeds.rejects import RejectsFile  # noqa: PLC0415
    from feeds.run import run_feed  # noqa: PLC0415
    from feeds.writer import BULK  # noqa: PLC0415

    def now_us() -> int:
        return time.time_ns() // 1000

    duration_us = _duration_us(duration)
    given_us = _start_us(start)
    clock = PacedClock(parse_speed(speed))
    rejects = RejectsFile(rejects_path(None, [Path("walk")]))
    if clock.speed is None and duration_us is None:
        raise ConfigurationError("--speed max needs a --duration: the walk has no end of its own")
    if clock.speed != 1 and given_us is None:
        raise ConfigurationError("--speed needs a --start: from now on, ticks would be dated in the future")

    def walk_of(resume: dict[str, tuple[int, float]], start_us: int) -> RandomWalk:
        return RandomWalk(
            clock, start_us, symbols=symbols, rate=rate, seed=seed, resume=resume, duration_us=duration_us,
            wall_us=None if given_us else now_us,
        )  # fmt: skip

    walk_of({}, 0)  # wrong options are told before a database is started

    async def work(pool: Pool, watch: Watch) -> None:
        start_us = given_us or now_us()
        names = [each.symbol for each in walk_of({}, 0).instruments()]
        stored = {each.symbol: (each.last_us, each.last) for each in await read_quotes(pool, names)}
        # Where the walk is dated before what is stored there is nothing to go on from.
        follows = history and all(time_us < start_us for time_us, _ in stored.values())
        feed = walk_of(stored if follows else {}, start_us)
        await upsert_instruments(pool, feed.instruments())
        if follows:
            await run_feed(feed.past(), pool, rejects, limits=BULK, watch=watch)
        await run_feed(feed, pool, rejects, watch=watch)

    play_in(work, rejects)


def _duration_us(text: str | None) -> int | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)?", text.strip().lower())
    if match is None or float(match[1]) == 0:
        raise ConfigurationError(f"--duration {text!r} is none: write 30s, 5m, 1h or 1d")
    return int(float(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2] or "s"] * 1_000_000)


def _start_us(text: str | None) -> int | None:
    if text is None:
        return None
    from datetime import datetime  # noqa: PLC0415 - used here only

    from db.market import to_us  # noqa: PLC0415

    try:
        return to_us(datetime.fromisoformat(text))
    except (ValueError, MarketDataError) as exc:
        raise ConfigurationError(f"--start {text!r} is no ISO 8601 time with a zone") from exc
