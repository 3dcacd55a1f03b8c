"""Ticks and candles as rows of text: the one CSV dialect, and the objects of the REST interface's JSON.

CSV is that of RFC 4180, in UTF-8, but for the line end, which is LF.  Times are UTC to the µs, numbers in full
without a needless `.0`, empty where there is none; texts as `db.market.spreadsheets` says.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from tickdeck.db.feed_gaps import FeedGap
from tickdeck.db.market.moments import iso
from tickdeck.db.market.spreadsheets import protect
from tickdeck.db.market.types import Candle, TickBatch

TICK_COLUMNS: Final = (
    "time",
    "symbol",
    "seq",
    "price",
    "size",
    "bid",
    "ask",
    "exchange",
    "conditions",
    "side",
)
"""The columns of ticks as CSV; `tickdeck load` knows each by its name."""
CANDLE_COLUMNS: Final = (
    "time", "symbol", "open", "high", "low", "close", "volume", "turnover", "trades",
)  # fmt: skip
GAP_COLUMNS: Final = ("symbol", "from", "to", "trades", "state", "feed", "why")
_JSON: Final = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z


def header_csv(columns: Sequence[str]) -> bytes:
    """The first line of a file with these columns."""
    return _csv([columns])


def gap_row(gap: FeedGap) -> tuple[object, ...]:
    """The values of `GAP_COLUMNS`."""
    return gap.symbol, iso(gap.from_us), iso(gap.to_us), gap.count, gap.state, gap.feed, gap.why


def rows_csv(rows: Iterable[Sequence[object]]) -> bytes:
    """The lines of `rows`; texts that a spreadsheet would take for a formula are protected."""
    return _csv(
        [protect(each) if isinstance(each, str) else "" if each is None else each for each in row]
        for row in rows
    )


def ticks_csv(batch: TickBatch) -> bytes:
    """The lines of `batch` under `TICK_COLUMNS`, in its order."""
    return _csv(
        zip(
            _times(batch.time_us),
            map(protect, batch.symbol.tolist()),
            batch.seq.tolist(),
            *(map(_number, column.tolist()) for column in (batch.price, batch.size, batch.bid, batch.ask)),
            *(map(_text, _texts(column, len(batch))) for column in (batch.exchange, batch.conditions)),
            batch.side_names(),
            strict=True,
        )
    )


def candles_csv(
    symbol: str, candles: Sequence[Candle], values: Mapping[str, NDArray[np.float64]] | None = None
) -> bytes:
    """The lines of `candles` under `CANDLE_COLUMNS` and the names of `values`, in their order."""
    more = _rows_of(values or {}, len(candles))
    times = _times(np.array([candle.time_us for candle in candles], dtype=np.int64))
    name = protect(symbol)
    return _csv(
        (
            time, name, *map(_number, (c.open, c.high, c.low, c.close, c.volume, c.turnover)), c.trades,
            *map(_number, row),
        )
        for time, c, row in zip(times, candles, more, strict=True)
    )  # fmt: skip


def ticks_json(batch: TickBatch) -> bytes:
    """The ticks as JSON objects with commas between them; a time has a fraction where it needs one, no bid is null."""
    rows = zip(
        batch.time_us.view("M8[us]"),
        batch.seq.tolist(),
        batch.price.tolist(),
        batch.size.tolist(),
        batch.bid.tolist(),
        batch.ask.tolist(),
        _texts(batch.exchange, len(batch)),
        _texts(batch.conditions, len(batch)),
        batch.side_names(),
        strict=True,
    )
    return _objects(
        {
            "time": t, "seq": n, "price": p, "size": s, "bid": b, "ask": a, "exchange": e, "conditions": c, "side": d,
        }
        for t, n, p, s, b, a, e, c, d in rows
    )  # fmt: skip


def candles_json(candles: Sequence[Candle], values: Mapping[str, NDArray[np.float64]] | None = None) -> bytes:
    """The candles as JSON objects with commas between them, times as those of ticks; with `values` by their names."""
    names = list(values or {})
    more = _rows_of(values or {}, len(candles))
    return _objects(
        {
            "time": np.datetime64(c.time_us, "us"), "open": c.open, "high": c.high, "low": c.low, "close": c.close,
            "volume": c.volume, "turnover": c.turnover, "trades": c.trades, **dict(zip(names, row, strict=True)),
        }
        for c, row in zip(candles, more, strict=True)
    )  # fmt: skip


def _rows_of(values: Mapping[str, NDArray[np.float64]], rows: int) -> list[list[float]]:
    """The columns of `values` as rows; each is empty where there are none."""
    return np.column_stack(list(values.values())).tolist() if values else [[] for _ in range(rows)]


def _objects(rows: Iterator[dict[str, Any]]) -> bytes:
    return orjson.dumps(list(rows), option=_JSON)[1:-1]  # NaN becomes null


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _times(time_us: NDArray[np.int64]) -> list[str]:
    """Such as 2024-03-08T13:01:01.997000Z."""
    return [f"{text}Z" for text in np.datetime_as_string(time_us.view("M8[us]"), unit="us").tolist()]


def _number(value: float) -> str:
    """The shortest text that is read back as the same float; empty for NaN."""
    return "" if value != value else repr(value).removesuffix(".0")  # noqa: PLR0124


def _texts(column: NDArray[np.object_] | None, length: int) -> list[str | None]:
    return [None] * length if column is None else column.tolist()


def _text(text: str | None) -> str | None:
    return None if text is None else protect(text)
