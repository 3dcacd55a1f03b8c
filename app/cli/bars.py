"""`tickdeck load --bars`: bars as imported candles, which stand where no tick is stored."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape

from tickdeck.app.cli.common import ROWS_REFUSED, FileOptions, errors, say
from tickdeck.app.cli.playing import rejects_file, with_pool
from tickdeck.db.errors import ConfigurationError

if TYPE_CHECKING:
    from tickdeck.db.registering import Registrar, Venue
    from tickdeck.db.session import Pool
    from tickdeck.feeds.csv.bars import BarBatch, BarFile
    from tickdeck.feeds.rejects import RejectsFile


@dataclass(slots=True)
class _Counts:
    rows: int = 0
    stored: int = 0
    already: int = 0
    symbols: set[str] = field(default_factory=set)
    words: dict[str, list[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def load_bars(files: Sequence[Path], options: FileOptions, interval: str | None, *, as_json: bool) -> None:
    """Store the bars of `files` and say what became of them; ends as `tickdeck load` does."""
    from tickdeck.feeds.csv.bars import BarFile, parse_bar_interval, parse_columns
    from tickdeck.feeds.csv.bytes import members_of
    from tickdeck.feeds.errors import FileError
    from tickdeck.feeds.venues import require_venue

    _refuse_options_of_ticks(options)
    how, venue = replace(options, columns=None).csv(), options.venue()
    columns, width = parse_columns(options.columns), parse_bar_interval(interval)
    prefix = "" if options.at_venue is None else f"{require_venue(options.at_venue)}:"
    rejects = rejects_file(options.rejects_file, files, force=options.force)
    counts = _Counts()

    async def work(pool: Pool) -> _Counts:
        from tickdeck.db.instruments import list_instruments
        from tickdeck.db.registering import Registrar

        registrar = Registrar(pool, venue)
        for path in files:
            for member in members_of(path):
                known = {each.symbol: each.days for each in await list_instruments(pool)}
                try:
                    file = BarFile(
                        path,
                        how,
                        columns,
                        interval=width,
                        zones=known if venue is None else {},
                        zone=None if venue is None else venue.days,
                        member=member,
                        prefix=prefix,
                    )
                    await _store(pool, registrar, file, known, venue, rejects, counts)
                except FileError as exc:
                    counts.failures.append(str(exc))
        return counts

    with rejects:
        done = with_pool(work, history=True)
    _say(counts, rejects, as_json=as_json)
    for failure in counts.failures:
        errors.print(f"[bold red]error:[/] {escape(failure)}", highlight=False)
    if done is None:
        errors.print("stopped; what was read so far is stored")
        raise typer.Exit(130)
    if counts.failures:
        raise typer.Exit(1)
    if rejects.count:
        raise typer.Exit(ROWS_REFUSED)


async def _store(
    pool: Pool,
    registrar: Registrar,
    file: BarFile,
    known: dict[str, str],
    venue: Venue | None,
    rejects: RejectsFile,
    counts: _Counts,
) -> None:
    from tickdeck.db.candles.imported import store_bars
    from tickdeck.feeds.rejects import Reject

    try:
        for batch in file:
            rejects.add(batch.rejects)
            counts.rows += len(batch.bars) + len(batch.rejects) + batch.repeated
            counts.already += batch.repeated
            if not batch.bars:
                continue
            await registrar.see(_ticks(batch))
            counts.symbols |= {bar.symbol for bar in batch.bars}
            for symbol in dict.fromkeys(bar.symbol for bar in batch.bars):
                places = [place for place, bar in enumerate(batch.bars) if bar.symbol == symbol]
                zone = venue.days if venue is not None else known.get(symbol, "UTC")
                stored = await store_bars(
                    pool, [batch.bars[place] for place in places], zone, Path(file.name).name
                )
                counts.stored += stored.stored
                counts.already += stored.already
                rejects.add(
                    Reject(
                        file.name,
                        batch.lines[places[each]],
                        "time",
                        "another bar is stored already, with other values",
                        batch.raws[places[each]],
                    )
                    for each in stored.differing
                )
    finally:
        counts.words[file.name] = [f"columns {file.facts.columns}", *file.facts.words]


def _ticks(batch: BarBatch) -> Any:
    """The closes as ticks, by which new instruments are registered."""
    import numpy as np

    from tickdeck.db.market.types import TickBatch

    count = len(batch.bars)
    nothing = np.full(count, np.nan)
    return TickBatch(
        np.array([bar.time_us for bar in batch.bars], dtype=np.int64),
        np.array([bar.symbol for bar in batch.bars], dtype=object),
        np.zeros(count, dtype=np.int64),
        np.array([bar.close for bar in batch.bars]),
        np.zeros(count),
        nothing,
        nothing,
    )


def _refuse_options_of_ticks(options: FileOptions) -> None:
    """Raise `ConfigurationError` for what means nothing of bars: nobody shall believe that it did something."""
    for name, given in (
        ("--where", options.where),
        ("--price-scale", options.price_scale),
        ("--preset", options.preset),
        ("--date", options.date),
        ("--all-rows", options.all_rows),
        ("--ambiguous order", options.ambiguous == "order"),
    ):
        if given:
            raise ConfigurationError(f"{name} says nothing of bars")


def _say(counts: _Counts, rejects: RejectsFile, *, as_json: bool) -> None:
    facts = {
        "bars": counts.rows,
        "stored": counts.stored,
        "already": counts.already,
        "rejected": rejects.count,
        "symbols": len(counts.symbols),
        "assumptions": counts.words,
        "rejects_file": str(rejects.path) if rejects.count else None,
    }
    if as_json:
        say(json.dumps({**facts, "errors": counts.failures}))
        return
    for file, words in counts.words.items():
        for word in words:
            say(f"{Path(file).name}: {word}")
    say(
        f"{counts.rows:,} bars of {len(counts.symbols):,} symbols: {counts.stored:,} stored as imported candles, "
        f"{counts.already:,} were there already, {rejects.count:,} rejected"
    )
    for reject in rejects.first:
        errors.print(f"line {reject.line}, {reject.field}: {reject.reason}", markup=False, highlight=False)
    if rejects.count:
        errors.print(f"the refused rows are in {rejects.path}", markup=False, highlight=False)
