"""The words of the push, in JSON: what a viewer may ask, and the bytes of each part of an answer.

docs/protocol.md describes every field.  Rows and candles are encoded once for each change and kept with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from app.live.charts import Chart, ChartCandle
from app.live.quotes import QuoteRow
from app.live.tapes import TapeTick
from db.errors import MarketDataError, TickdeckError, UnknownSymbolError
from db.market import MAX_SYMBOL_LENGTH, Candle, Interval, parse_interval

RowForm = Literal["objects", "arrays"]

FIELDS: Final = (
    "symbol", "last", "change", "change_pct", "bid", "ask", "volume", "vwap", "time", "trades",
    "open", "high", "low",
)  # fmt: skip
"""The order of a row in the form `arrays`; a row may end before `open` where that and the rest did not change."""
OFTEN: Final = FIELDS.index("open")
MAX_EXACT_INT: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly."""
MAX_SYMBOLS: Final = 5_000


class ProtocolError(TickdeckError):
    """A viewer's message that cannot be understood; the message says which part."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one viewer watches; equal subscriptions share every frame."""

    watchlist: Literal["all"] | tuple[str, ...] | None = None
    chart: tuple[str, Interval] | None = None
    tape: str | None = None
    form: RowForm = "objects"


NOTHING: Final = Subscription()


def parse_json(text: str | bytes) -> Any:
    """The value in `text`; raise `ProtocolError` where it is no JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise ProtocolError(f"message is no JSON: {exc}") from exc


def parse_message(text: str | bytes) -> dict[str, Any]:
    """The JSON object in `text`; raise `ProtocolError` where it is none."""
    message = parse_json(text)
    if not isinstance(message, dict):
        raise ProtocolError("message must be a JSON object")
    return message


def parse_subscription(
    asked: object, known: Sequence[str] | dict[str, Any]
) -> tuple[Subscription, list[str]]:
    """What `asked` (the value of `subscribe`) means, and a complaint for each part that cannot be had.

    A part that is wrong is off; the others stand.  `known` holds the symbols there are.
    """
    if not isinstance(asked, dict):
        return NOTHING, ["subscribe must be an object with watchlist, chart or tape"]
    complaints = [f"subscribe has no part {name!r}" for name in asked.keys() - _PARTS]
    watchlist: Literal["all"] | tuple[str, ...] | None = None
    chart: tuple[str, Interval] | None = None
    tape: str | None = None
    form: RowForm = "objects"
    if asked.get("watchlist") is not None:
        try:
            watchlist, missing = _watchlist(asked["watchlist"], known)
            complaints += missing
        except TickdeckError as exc:
            complaints.append(f"watchlist: {exc}")
    if asked.get("chart") is not None:
        try:
            chart = _chart(asked["chart"], known)
        except TickdeckError as exc:
            complaints.append(f"chart: {exc}")
    if asked.get("tape") is not None:
        try:
            tape = _symbol(asked["tape"], known)
        except TickdeckError as exc:
            complaints.append(f"tape: {exc}")
    if asked.get("rows", "objects") == "arrays":
        form = "arrays"
    elif asked.get("rows", "objects") != "objects":
        complaints.append("rows must be 'objects' or 'arrays'")
    return Subscription(watchlist, chart, tape, form), complaints


_PARTS: Final = {"watchlist", "chart", "tape", "rows"}


def _watchlist(
    asked: object, known: Sequence[str] | dict[str, Any]
) -> tuple[Literal["all"] | tuple[str, ...], list[str]]:
    if asked == "all":
        return "all", []
    if not isinstance(asked, list) or len(asked) > MAX_SYMBOLS:
        raise ProtocolError(f"must be 'all' or a list of at most {MAX_SYMBOLS} symbols")
    symbols: dict[str, None] = {}
    complaints = []
    for each in asked:
        try:
            symbols[_symbol(each, known)] = None
        except TickdeckError as exc:
            complaints.append(f"watchlist: {exc}")
    return tuple(symbols), complaints[:10]


def _chart(asked: object, known: Sequence[str] | dict[str, Any]) -> tuple[str, Interval]:
    if not isinstance(asked, dict) or not isinstance(asked.get("interval"), str):
        raise ProtocolError('must be {"symbol": …, "interval": …}')
    return _symbol(asked.get("symbol"), known), parse_interval(asked["interval"])


def _symbol(asked: object, known: Sequence[str] | dict[str, Any]) -> str:
    if not isinstance(asked, str) or not asked or len(asked) > MAX_SYMBOL_LENGTH:
        raise MarketDataError(f"a symbol is a text of 1 to {MAX_SYMBOL_LENGTH} characters")
    if asked not in known:
        raise UnknownSymbolError(asked)
    return asked


# -- the bytes of what is sent ------------------------------------------------------------------------------


def encode(value: object) -> bytes:
    """`value` as JSON."""
    return orjson.dumps(value)


def encode_row(row: QuoteRow, form: RowForm, since: int) -> bytes:
    """One row of the watchlist for somebody who has all changes up to version `since`."""
    if form == "objects":
        return row.encoded.get("object") or _keep(
            row, "object", dict(zip(FIELDS, row_values(row), strict=True))
        )
    if row.edges_version <= since:
        return row.encoded.get("often") or _keep(row, "often", row_values(row)[:OFTEN])
    return row.encoded.get("array") or _keep(row, "array", row_values(row))


def _keep(row: QuoteRow, name: str, value: object) -> bytes:
    row.encoded[name] = encoded = orjson.dumps(value)
    return encoded


def row_values(row: QuoteRow) -> list[Any]:
    """The values of `FIELDS`: computed ones rounded to what a display can use, the others as they are stored."""
    day = row.day
    decimals = row.instrument.price_decimals
    reference = day.open if row.previous_close is None else row.previous_close
    change = day.close - reference
    return [
        row.symbol,
        _number(day.close),
        _number(round(change, decimals + 4)),
        _number(round(100 * change / reference, 3)),
        _number(row.bid),
        _number(row.ask),
        _number(round(day.volume, 8)),
        None if day.volume == 0 else _number(round(day.turnover / day.volume, decimals + 2)),
        day.last_us // 1000,
        day.trades,
        _number(day.open),
        _number(day.high),
        _number(day.low),
    ]


def encode_candle(kept: ChartCandle) -> bytes:
    """One candle `[t_ms, open, high, low, close, volume, turnover, trades]`."""
    if kept.encoded is None:
        kept.encoded = orjson.dumps(candle_values(kept.candle))
    return kept.encoded


def candle_values(candle: Candle) -> list[Any]:
    """The values of a candle as sent, the time in ms."""
    return [
        candle.time_us // 1000,
        _number(candle.open),
        _number(candle.high),
        _number(candle.low),
        _number(candle.close),
        _number(round(candle.volume, 8)),
        _number(round(candle.turnover, 8)),
        candle.trades,
    ]


def encode_chart_head(chart: Chart) -> bytes:
    """What a chart is of, without the closing brace."""
    head = {
        "symbol": chart.symbol,
        "interval": chart.interval,
        "timezone": chart.instrument.timezone,
        "price_decimals": chart.instrument.price_decimals,
    }
    return orjson.dumps(head)[:-1]


def tick_values(tick: TapeTick) -> list[Any]:
    """The values of a tick as sent: times in µs; a `seq` beyond 2^53 - 1 as text, so that no reader rounds it."""
    return [
        tick.time_us, tick.seq if abs(tick.seq) <= MAX_EXACT_INT else str(tick.seq),
        _number(tick.price), _number(tick.size), _number(tick.bid), _number(tick.ask),
        tick.exchange, tick.conditions,
    ]  # fmt: skip


def _number(value: float | None) -> float | int | None:
    """Whole numbers without their `.0`: the same in JSON, and shorter."""
    if value is None:
        return None
    whole = int(value)
    return whole if whole == value and abs(whole) <= MAX_EXACT_INT else value
