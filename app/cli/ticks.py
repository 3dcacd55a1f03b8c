"""`tickdeck ticks`: cancels and corrects stored ticks, and shows what they were before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tickdeck.app.cli.common import ROWS_REFUSED, errors, on_database, say, whoami
from tickdeck.app.cli.playing import STATEMENT_TIMEOUT_S

if TYPE_CHECKING:
    from tickdeck.db.market.corrections import Correction
    from tickdeck.db.session import Pool
    from tickdeck.db.ticks.corrections import Restated, TickChange

Symbol = Annotated[str, typer.Argument(help="The symbol.")]
Time = Annotated[
    str, typer.Argument(help="When the tick was, to the microsecond: 2024-03-08T14:30:00.123456Z.")
]
Seq = Annotated[int, typer.Argument(help="Its seq.  A negative one stands behind --.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the history.")]

app = typer.Typer(help="Cancels and corrections of stored ticks.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the commands of this module to the root of the command line."""
    root.add_typer(app, name="ticks")


@app.command()
def cancel(symbol: Symbol, time: Time, seq: Seq, reason: Reason = "") -> None:
    """Cancel a tick: it counts in no candle any more, and does not come back when it is loaded again."""
    from tickdeck.db.market.corrections import Correction
    from tickdeck.db.market.moments import parse_moment

    _restate(
        Correction(symbol=symbol, time_us=parse_moment(time, "TIME"), seq=seq, kind="cancel", reason=reason)
    )


@app.command()
def correct(
    symbol: Symbol,
    time: Time,
    seq: Seq,
    price: Annotated[float | None, typer.Option("--price")] = None,
    size: Annotated[float | None, typer.Option("--size")] = None,
    bid: Annotated[float | None, typer.Option("--bid")] = None,
    ask: Annotated[float | None, typer.Option("--ask")] = None,
    exchange: Annotated[str | None, typer.Option("--exchange")] = None,
    conditions: Annotated[str | None, typer.Option("--conditions")] = None,
    side: Annotated[
        Literal["buy", "sell", "unknown"] | None, typer.Option("--side", help="Who took the price.")
    ] = None,
    reason: Reason = "",
    allow_negative: Annotated[
        bool, typer.Option("--allow-negative", help="Prices of 0 and below are prices.")
    ] = False,
) -> None:
    """Correct a tick: what is given replaces what is stored, the rest stays."""
    from tickdeck.db.market.corrections import Correction, require_change
    from tickdeck.db.market.moments import parse_moment
    from tickdeck.db.market.types import BUY, SELL

    correction = Correction(
        symbol=symbol,
        time_us=parse_moment(time, "TIME"),
        seq=seq,
        kind="correct",
        price=price,
        size=size,
        bid=bid,
        ask=ask,
        exchange=exchange,
        conditions=conditions,
        side=None if side is None else {"buy": BUY, "sell": SELL, "unknown": 0}[side],
        reason=reason,
    )
    require_change(correction)
    _restate(correction, allow_negative=allow_negative)


@app.command()
def apply(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="A CSV: kind (cancel, correct), symbol, time, seq and what is other now.",
        ),
    ],
    allow_negative: Annotated[
        bool, typer.Option("--allow-negative", help="Prices of 0 and below are prices.")
    ] = False,
) -> None:
    """Cancel and correct what a file says, in its order.

    Exit code 0: all were applied, or were so already; 3: some could not be, and are named; 1: a row is no correction, and
    nothing was applied.
    """
    from tickdeck.feeds.csv.corrections import read_corrections

    rows = read_corrections(file)
    restated = _restated([each for _, each in rows], allow_negative=allow_negative)
    for reject in restated.rejects:
        errors.print(
            f"{file}, line {rows[reject.index][0]}, {reject.field}: {reject.reason}",
            markup=False,
            highlight=False,
        )
    say(
        f"{restated.done:,} applied, {restated.same:,} were so already, {len(restated.rejects):,} could not be applied"
    )
    if restated.rejects:
        raise typer.Exit(ROWS_REFUSED)


@app.command()
def history(
    symbol: Symbol,
    start: Annotated[str | None, typer.Option("--from", help="Of ticks from then on.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Of ticks before then.")] = None,
) -> None:
    """What the ticks of a symbol were before they were cancelled or corrected: who, when, why, one change a line."""
    from tickdeck.db.market.moments import parse_moment
    from tickdeck.db.market.types import LATEST_US, MIN_TIME_US
    from tickdeck.db.ticks.corrections import tick_history

    low = MIN_TIME_US if start is None else parse_moment(start, "--from")
    high = LATEST_US if end is None else parse_moment(end, "--to")

    async def read(pool: Pool) -> list[TickChange]:
        return await tick_history(pool, [symbol], low, high)

    changes = on_database("reader", read, statement_timeout_s=STATEMENT_TIMEOUT_S)
    for each in changes:
        say(_line(each))
    if not changes:
        say(f"no tick of {symbol} was cancelled or corrected")


def _restate(correction: Correction, *, allow_negative: bool = False) -> None:
    from tickdeck.db.errors import MarketDataError

    restated = _restated([correction], allow_negative=allow_negative)
    if restated.rejects:
        raise MarketDataError(restated.rejects[0].reason)
    done = "cancelled" if correction.kind == "cancel" else "corrected"
    say(f"{done}, and its candles are restated" if restated.done else f"it was {done} so already")


def _restated(corrections: Sequence[Correction], *, allow_negative: bool) -> Restated:
    from tickdeck.db.ticks.corrections import restate_ticks

    async def restate(pool: Pool) -> Restated:
        return await restate_ticks(pool, corrections, actor=whoami(), allow_negative=allow_negative)

    return on_database("writer", restate, statement_timeout_s=STATEMENT_TIMEOUT_S)


def _line(change: TickChange) -> str:
    from tickdeck.db.market.moments import iso
    from tickdeck.db.market.types import SIDES

    values = {
        "price": change.price,
        "size": change.size,
        "bid": change.bid,
        "ask": change.ask,
        "exchange": change.exchange,
        "conditions": change.conditions,
        "side": SIDES[change.side or 0],
    }
    was = ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)
    done = "cancelled" if change.kind == "cancel" else "corrected"
    why = f" ({change.reason})" if change.reason else ""
    known = "" if abs(change.known_us - change.at_us) < 1_000_000 else f", known {iso(change.known_us)}"
    return f"{iso(change.time_us)} seq {change.seq} {done} {iso(change.at_us)} by {change.actor}{known}{why}: was {was}"
