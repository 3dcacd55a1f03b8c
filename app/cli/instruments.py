"""`tickdeck instruments`: what is known of symbols besides their ticks, and setting it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tickdeck.app.cli.common import on_database, say

if TYPE_CHECKING:
    from tickdeck.db.market.types import Instrument
    from tickdeck.db.session import Pool

app = typer.Typer(help="What is known of symbols: names, exchanges, days.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the commands of this module to the root of the command line."""
    root.add_typer(app, name="instruments")


@app.command(name="list")
def list_all() -> None:
    """All instruments, one a line."""
    from tickdeck.db.instruments import list_instruments

    for each in on_database("reader", list_instruments):
        say(_line(each))


@app.command(name="set")
def change(
    symbols: Annotated[list[str], typer.Argument(help="Their symbols.")],
    name: Annotated[str | None, typer.Option("--name")] = None,
    exchange: Annotated[
        str | None, typer.Option("--exchange", help="An ISO 10383 code, or none: around the clock.")
    ] = None,
    time_zone: Annotated[str | None, typer.Option("--time-zone", help="IANA name.")] = None,
    day_start: Annotated[
        str | None,
        typer.Option(
            "--day-start",
            help="When by its clocks a day of candles starts, HH:MM; after noon it is the next date's: 17:00.",
        ),
    ] = None,
    currency: Annotated[str | None, typer.Option("--currency", help="ISO 4217 code.")] = None,
    sector: Annotated[
        str | None, typer.Option("--sector", help="What the overview puts it beside, such as Banks.")
    ] = None,
    decimals: Annotated[int | None, typer.Option("--decimals", help="Of prices that are shown.")] = None,
    allow_negative: Annotated[
        bool | None,
        typer.Option(
            "--allow-negative/--no-negative", help="Prices of 0 and below are prices, in every feed and file."
        ),
    ] = None,
) -> None:
    """Set what is given, the rest stays.  Where days change, their candles are built again."""
    from tickdeck.db.errors import ConfigurationError, UnknownSymbolError
    from tickdeck.db.instruments import list_instruments, upsert_instruments
    from tickdeck.db.market.buckets import require_day_start
    from tickdeck.db.registering import parse_venue

    given: dict[str, Any] = {
        "name": name,
        "timezone": time_zone,
        "day_start": day_start,
        "currency": currency,
        "price_decimals": decimals,
        "sector": sector,
        "allow_negative": allow_negative,
    }
    values = {field: value for field, value in given.items() if value is not None}
    if day_start is not None:
        require_day_start(day_start)
    if exchange is not None:
        venue = parse_venue(exchange, time_zone)
        values |= {} if venue is None else {"exchange": venue.exchange, "timezone": venue.timezone}
    if not values:
        raise ConfigurationError(
            "nothing to set: say one of the options of `tickdeck instruments set --help`"
        )

    async def work(pool: Pool) -> list[Instrument]:
        known = {each.symbol: each for each in await list_instruments(pool)}
        for symbol in symbols:
            if symbol not in known:
                raise UnknownSymbolError(symbol)
        changed = [replace(known[symbol], **values) for symbol in symbols]
        await upsert_instruments(pool, changed)
        return changed

    for each in on_database("writer", work):
        say(_line(each))


def _line(each: Instrument) -> str:
    where = each.exchange or "around the clock"
    said = [
        each.symbol,
        each.name,
        where,
        f"days from {each.day_start} {each.timezone}",
        each.currency,
        each.sector,
    ]
    negative = "prices below zero, too" if each.allow_negative else None
    return " · ".join(part for part in (*said, f"{each.price_decimals} decimals", negative) if part)
