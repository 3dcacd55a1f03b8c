"""Reads archived ticks, alone or together with those in the table.

Every read of `ticks` that may reach into archived days comes through here: as columns (`archived_ticks`, for `joined`), or as
a statement that takes the archived ticks for rows of the table (`fetch`).  Both need a connection in a transaction whose
reads see one moment (`db.session.reading`): a tick is in the table or in a file at any moment, never in both.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tickdeck.db.archive.layout import archive_folder, broken, parquet
from tickdeck.db.errors import MarketDataError
from tickdeck.db.latency import server_now_us
from tickdeck.db.market.types import (
    DAY_US,
    EARLIEST_US,
    LATEST_US,
    MAX_SEQ,
    UPDATES_ALL,
    TickBatch,
    concat,
    from_us,
)
from tickdeck.db.session import Connection, Source, reading
from tickdeck.db.statements import statement

if TYPE_CHECKING:
    import pyarrow as pa

YOUNGEST_DAYS: Final = 1.0
"""A day is archived once it has been over for so long, at the least: what reads the last hours need not look for files."""
MOST_HANDED_OVER: Final = 2_000_000
"""So many archived ticks are handed to one statement at the most."""
_NULL: Final = np.iinfo(np.int16).min
_FROM: Final = re.compile(r"\b(from|join) ticks\b(?P<alias> [a-z]\b)?")


class ArchivedDay(NamedTuple):
    """A file of the archive: `ticks` of one symbol and day (UTC), the first and the last at these µs since the epoch."""

    symbol: str
    day: date
    first_us: int
    last_us: int
    ticks: int
    file: str


async def archived_days(
    connection: Connection, symbols: Sequence[str], low_us: int, high_us: int
) -> list[ArchivedDay]:
    """The archived days of `symbols` with any tick in [low_us, high_us), oldest first."""
    low_us, high_us = max(low_us, EARLIEST_US), min(high_us, LATEST_US)
    if low_us >= high_us or too_young(low_us):
        return []
    rows = await connection.fetch(statement("archive/days"), list(symbols), from_us(low_us), from_us(high_us))
    return [ArchivedDay(*row) for row in rows]


async def count_archived(source: Source, since_us: int | None = None) -> int:
    """How many days, each of one symbol, are archived, that end after `since_us` (None: all)."""
    since = from_us(EARLIEST_US if since_us is None else since_us)
    async with reading(source) as connection:
        count: int = await connection.fetchval(statement("archive/count_days"), since)
    return count


def too_young(low_us: int) -> bool:
    """Whether nothing from `low_us` on can be archived."""
    return low_us >= server_now_us() - YOUNGEST_DAYS * DAY_US


async def archived_ticks(
    connection: Connection,
    symbols: Sequence[str],
    low_us: int,
    high_us: int,
    *,
    after: tuple[int, int] = (-1, 0),
    up_to: tuple[int, int] = (LATEST_US, MAX_SEQ),
    limit: int | None = None,
    newest: int | None = None,
) -> TickBatch | None:
    """The archived ticks of `symbols` in [low_us, high_us) after `after` and up to `up_to`, both (time_us, seq), by (time, seq, symbol).

    Of each symbol the first `limit` or the `newest` of them.  None where no archived day has a part in it.  Raises
    `ConfigurationError` where pyarrow is not installed, `DatabaseError` where a file cannot be read.
    """
    days = await archived_days(connection, symbols, max(low_us, after[0]), min(high_us, up_to[0] + 1))
    if not days:
        return None
    return await asyncio.to_thread(
        _read, archive_folder(), days, low_us, high_us, after, up_to, limit, newest
    )


def joined(ticks: TickBatch, archived: TickBatch | None) -> TickBatch:
    """The ticks of the table and of the archive as one, by (time, seq, symbol)."""
    if archived is None or not len(archived):
        return ticks
    return _ordered(concat([ticks, archived])) if len(ticks) else archived


async def archived_sides(
    connection: Connection, places: Mapping[str, tuple[int, int]]
) -> dict[str, tuple[float | None, float | None]]:
    """Bid and ask of the ticks at these places, (time_us, seq), of the symbols of which that one is archived."""
    if not places:
        return {}
    times = [time_us for time_us, _ in places.values()]
    days = [
        day
        for day in await archived_days(connection, list(places), min(times), max(times) + 1)
        if day.first_us <= places[day.symbol][0] <= day.last_us
    ]
    root = archive_folder() if days else Path()

    def read() -> dict[str, tuple[float | None, float | None]]:
        found: dict[str, tuple[float | None, float | None]] = {}
        for day in days:
            time_us, seq = places[day.symbol]
            ticks = _read(root, [day], time_us, time_us + 1, (time_us, seq - 1), (time_us, seq), None, None)
            if len(ticks):
                found[day.symbol] = _optional(ticks.bid[0]), _optional(ticks.ask[0])
        return found

    return await asyncio.to_thread(read) if days else {}


async def fetch(
    connection: Connection,
    name: str,
    *values: object,
    symbols: Sequence[str],
    low_us: int,
    high_us: int,
    newest: int | None = None,
) -> list[Any]:
    """The rows of the statement `name`, which reads ticks of `symbols` in [low_us, high_us), of the table's and the archive's.

    Of the archive's it gets the `newest` of each symbol.  Raises as `archived_ticks`, `MarketDataError` where it would be handed
    more than `MOST_HANDED_OVER`, and the driver's errors.
    """
    days = await archived_days(connection, symbols, low_us, high_us)
    if not days:
        rows: list[Any] = await connection.fetch(statement(name), *values)
        return rows
    ticks = await asyncio.to_thread(
        _read,
        archive_folder(),
        days,
        low_us,
        high_us,
        (-1, 0),
        (LATEST_US, MAX_SEQ),
        None,
        newest,
        MOST_HANDED_OVER,
    )
    columns = await asyncio.to_thread(_parameters, ticks)
    return list(await connection.fetch(_with_archive(name, len(values)), *values, *columns))


@cache
def _with_archive(name: str, parameters: int) -> str:
    """The statement with archived ticks beside those of the table: 11 more parameters after its own, their columns."""
    rows = " ".join(line for line in statement("archive/ticks").splitlines() if not line.startswith("--"))
    rows = re.sub(r":(\d+)(?=::)", lambda found: f"${parameters + 1 + int(found[1])}", rows)
    return _FROM.sub(lambda found: f"{found[1]} {rows}{found['alias'] or ' ticks'}", statement(name))


def _parameters(ticks: TickBatch) -> list[list[Any]]:
    def numbers(values: NDArray[np.float64]) -> list[float | None]:
        return [_optional(value) for value in values]

    def small(values: NDArray[np.int16] | None, otherwise: int) -> list[int | None]:
        """Those that are as usual may be null as well: every statement takes both alike."""
        return (
            [None] * len(ticks)
            if values is None
            else [each if each != otherwise else None for each in values.tolist()]
        )

    def texts(values: NDArray[np.object_] | None) -> list[str | None]:
        return [None] * len(ticks) if values is None else values.tolist()

    return [
        ticks.time_us.tolist(), ticks.symbol.tolist(), ticks.seq.tolist(), ticks.price.tolist(), ticks.size.tolist(),
        numbers(ticks.bid), numbers(ticks.ask), texts(ticks.exchange), texts(ticks.conditions),
        small(ticks.updates, UPDATES_ALL), small(ticks.side, 0),
    ]  # fmt: skip


def _read(
    root: Path,
    days: Sequence[ArchivedDay],
    low_us: int,
    high_us: int,
    after: tuple[int, int],
    up_to: tuple[int, int],
    limit: int | None,
    newest: int | None,
    most: int | None = None,
) -> TickBatch:
    by_symbol: dict[str, list[ArchivedDay]] = {}
    for day in days:
        by_symbol.setdefault(day.symbol, []).append(day)
    found: list[TickBatch] = []
    total = 0
    low_us, high_us = max(low_us, after[0]), min(high_us, up_to[0] + 1)
    enough = limit if newest is None else newest
    for of_symbol in by_symbol.values():
        count = 0
        pieces = [
            (path, group)
            for path in (str(root / day.file) for day in of_symbol)
            for group, (first_us, last_us) in enumerate(_groups(path))
            if first_us < high_us and last_us >= low_us
        ]
        for path, group in pieces if newest is None else reversed(pieces):
            if enough is not None and count >= enough:
                break
            ticks = _group(path, group)
            kept = slice(*np.searchsorted(ticks.time_us, (low_us, high_us)).tolist())
            ticks = ticks.take(kept)
            ticks = ticks.take(_is_after(ticks, after) & ~_is_after(ticks, up_to))
            count += len(ticks)
            total += len(ticks)
            if most is not None and total > most:
                raise MarketDataError(
                    f"the range has more than {most:,} archived ticks: ask for a shorter one, or bring its days back with "
                    "`tickdeck archive restore`"
                )
            found.append(ticks)
    if not found:
        return _usual(_nothing())
    ticks = _ordered(concat(found))
    if enough is not None and len(by_symbol) == 1:
        ticks = ticks.take(slice(0, enough) if newest is None else slice(max(0, len(ticks) - enough), None))
    return _usual(ticks)


def _is_after(ticks: TickBatch, place: tuple[int, int]) -> NDArray[np.bool_]:
    later: NDArray[np.bool_] = (ticks.time_us > place[0]) | (
        (ticks.time_us == place[0]) & (ticks.seq > place[1])
    )
    return later


def _ordered(ticks: TickBatch) -> TickBatch:
    """By (time, seq, symbol), symbols as the database has them: byte by byte."""
    several = len(ticks) > 0 and not (ticks.symbol == ticks.symbol[0]).all()
    keys = (ticks.symbol.astype(str),) if several else ()
    return ticks.take(np.lexsort((*keys, ticks.seq, ticks.time_us)))


def _usual(ticks: TickBatch) -> TickBatch:
    """As reads of the table have `updates` and `side`: None where all are null, else what null stands for."""

    def plain(values: NDArray[np.int16] | None, otherwise: int) -> NDArray[np.int16] | None:
        if values is None or (values == _NULL).all():
            return None
        return np.where(values == _NULL, np.int16(otherwise), values)

    return TickBatch(
        ticks.time_us, ticks.symbol, ticks.seq, ticks.price, ticks.size, ticks.bid, ticks.ask, ticks.exchange,
        ticks.conditions, plain(ticks.updates, UPDATES_ALL), plain(ticks.side, 0),
    )  # fmt: skip


@lru_cache(maxsize=512)
def _metadata(path: str) -> Any:
    try:
        return parquet().read_metadata(path)
    except OSError as exc:  # what Arrow raises of its own is one too, or a ValueError
        raise broken(Path(path), exc) from exc
    except ValueError as exc:
        raise broken(Path(path), exc) from exc


@lru_cache(maxsize=512)
def _groups(path: str) -> list[tuple[int, int]]:
    """First and last time of each row group, in µs since the epoch."""
    metadata = _metadata(path)
    times = [metadata.row_group(group).column(0).statistics for group in range(metadata.num_row_groups)]
    return [(each.min_raw, each.max_raw) for each in times]


@lru_cache(maxsize=8)
def _group(path: str, group: int) -> TickBatch:
    """The ticks of one row group; `updates` and `side` are `_NULL` where they are null.  Nobody may change it: it is kept."""
    try:
        with parquet().ParquetFile(
            path, metadata=_metadata(path), read_dictionary=["symbol", "exchange", "conditions"]
        ) as file:
            table = file.read_row_group(group)
    except (OSError, ValueError) as exc:
        raise broken(Path(path), exc) from exc
    return batch_of(table)


def batch_of(table: pa.Table) -> TickBatch:
    """The ticks of a file's table; `updates` and `side` are -32768 where they are null."""
    import pyarrow as pa  # noqa: PLC0415

    def column(name: str) -> Any:
        return table.column(name).combine_chunks()

    def numbers(name: str) -> NDArray[np.float64]:
        return np.asarray(column(name).to_numpy(zero_copy_only=False), dtype=np.float64)

    def small(name: str) -> NDArray[np.int16]:
        return np.asarray(column(name).fill_null(int(_NULL)).to_numpy(zero_copy_only=False), dtype=np.int16)

    def texts(name: str) -> NDArray[np.object_]:
        values = column(name)
        if not pa.types.is_dictionary(values.type):
            values = values.dictionary_encode()
        words = np.array([*values.dictionary.to_pylist(), None], dtype=object)
        codes: NDArray[np.object_] = words[
            values.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False)
        ]
        return codes

    return TickBatch(
        column("time").cast(pa.int64()).to_numpy(zero_copy_only=False),
        texts("symbol"),
        column("seq").to_numpy(zero_copy_only=False),
        numbers("price"),
        numbers("size"),
        numbers("bid"),
        numbers("ask"),
        texts("exchange"),
        texts("conditions"),
        small("updates"),
        small("side"),
    )


def _optional(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)


def _nothing() -> TickBatch:
    none = np.empty(0)
    texts, small = np.empty(0, dtype=object), np.empty(0, dtype=np.int16)
    times = np.empty(0, dtype=np.int64)
    return TickBatch(times, texts, times, none, none, none, none, texts, texts, small, small)
