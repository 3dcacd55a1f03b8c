"""The messages of the push, in JSON: what a viewer may send, and the bytes of each part of an answer.

docs/protocol.md describes every field.  Rows and candles are encoded once for each change and kept with them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from tickdeck.app.market.charts import Chart, ChartCandle
from tickdeck.app.market.flow import Flow
from tickdeck.app.market.quotes import QuoteRow
from tickdeck.app.market.screen import parse_screen
from tickdeck.app.market.tapes import TapeTick
from tickdeck.db.alerts import LogEntry
from tickdeck.db.errors import MAX_EXCERPT, MarketDataError, TickdeckError, UnknownSymbolError, excerpt
from tickdeck.db.market.bar_types import BarType, ChartInterval, parse_chart_interval
from tickdeck.db.market.conditions import describe
from tickdeck.db.market.indicators import MOST as MOST_INDICATORS
from tickdeck.db.market.indicators import Indicator
from tickdeck.db.market.indicators import parse as parse_indicator
from tickdeck.db.market.rules import symbol_fault
from tickdeck.db.market.spreads import is_charted, looks_like_formula, parse_formula
from tickdeck.db.market.types import Candle, to_us

RowForm = Literal["objects", "arrays"]

FIELDS: Final = (
    "symbol", "last", "change", "change_pct", "bid", "ask", "volume", "vwap", "time", "trades",
    "open", "high", "low",
)  # fmt: skip
"""The order of a row in the form `arrays`; a row may end before `open` where that and the rest did not change."""
FREQUENT: Final = FIELDS.index("open")
"""How many fields come first that change with every tick."""
MAX_EXACT_INT: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly."""
MAX_SYMBOLS: Final = 5_000
MAX_NESTING: Final = 16
"""How deep objects and lists may lie in one another in a viewer's message."""
MAX_PONG_BYTES: Final = 1_024
MOST_PAINTED: Final = 50
MOST_COMPARED: Final = 6
"""Symbols and formulas beside the one of the chart."""
MAX_PANEL_NAME: Final = 80
MAX_COMPLAINTS: Final = 10
"""About parts of one kind; of the first so many the viewer hears."""


class ProtocolError(TickdeckError):
    """A viewer's message that cannot be understood; the message says which part."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one viewer watches; equal subscriptions share every frame."""

    watchlist: Literal["all"] | tuple[str, ...] | None = None
    chart: tuple[str, ChartInterval] | None = None
    tape: str | None = None
    form: RowForm = "objects"
    indicators: tuple[Indicator, ...] = ()
    """Those of the chart."""
    flow: bool = False
    """Whether the chart has order flow."""
    screen: str | None = None
    """A filter over all symbols; who watches it is told which of them pass."""
    compare: tuple[str, ...] = ()
    """Symbols and formulas whose candles come with the chart's."""
    panel: str | None = None
    """A panel that somebody's script fills, which need not be there (yet)."""

    def only(self, known: Container[str]) -> Subscription:
        """As much of it as there is where only the symbols `known` are."""
        symbols = self.watchlist
        return Subscription(
            tuple(s for s in symbols if s in known) if isinstance(symbols, tuple) else symbols,
            self.chart if self.chart is not None and is_charted(self.chart[0], known) else None,
            self.tape if self.tape is not None and self.tape in known else None,
            self.form,
            self.indicators,
            self.flow,
            self.screen,
            tuple(each for each in self.compare if is_charted(each, known)),
            self.panel,
        )


NOTHING: Final = Subscription()


def parse_json(text: str | bytes) -> Any:
    """The value in `text`; raise `ProtocolError` where it is no JSON or nested too deeply."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise ProtocolError(f"message is no JSON: {exc}") from exc
    if _nested_too_deeply(value):
        raise ProtocolError(f"message is nested more than {MAX_NESTING} levels deep")
    return value


def _nested_too_deeply(value: object) -> bool:
    level = [value]
    for _ in range(MAX_NESTING + 1):
        inside: list[object] = []
        for each in level:
            if isinstance(each, dict):
                inside += each.values()
            elif isinstance(each, list):
                inside += each
        if not inside:
            return False
        level = inside
    return True


def parse_message(text: str | bytes) -> dict[str, Any]:
    """The JSON object in `text`; raise `ProtocolError` where it is none."""
    message = parse_json(text)
    if not isinstance(message, dict):
        raise ProtocolError("message must be a JSON object")
    return message


def pong(value: object) -> bytes:
    """The answer to a ping, with this clock's time in ms; raise `ProtocolError` where the value to send back is too long."""
    answer = orjson.dumps({"type": "pong", "pong": value})
    if len(answer) > MAX_PONG_BYTES:
        raise ProtocolError(f"ping: the value to send back is longer than {MAX_PONG_BYTES} bytes")
    return answer[:-1] + b',"time":%d}' % (time.time_ns() // 1_000_000)


def parse_painted(value: object) -> list[float]:
    """How long frames took to be seen, in milliseconds, of which what cannot be is left out; raise `ProtocolError`."""
    if not isinstance(value, list) or len(value) > MOST_PAINTED:
        raise ProtocolError(f"painted must be a list of at most {MOST_PAINTED} numbers of milliseconds")
    return [
        float(each)
        for each in value
        if isinstance(each, int | float) and not isinstance(each, bool) and 0 <= each <= 60_000
    ]


def parse_subscription(request: object, known: Container[str]) -> tuple[Subscription, list[str]]:
    """What `request` (the value of `subscribe`) means, and a complaint for each part that cannot be had.

    A part that is wrong is off; the others stand.  `known` holds the symbols there are.
    """
    if not isinstance(request, dict):
        return NOTHING, ["subscribe must be an object with watchlist, chart or tape"]
    complaints = [f"subscribe has no part {excerpt(name)}" for name in request if name not in _PARTS]
    del complaints[MAX_COMPLAINTS:]
    watchlist: Literal["all"] | tuple[str, ...] | None = None
    chart: tuple[str, ChartInterval] | None = None
    indicators: tuple[Indicator, ...] = ()
    form: RowForm = "objects"
    flow = False
    compare: tuple[str, ...] = ()
    if request.get("watchlist") is not None:
        try:
            watchlist, missing = _watchlist(request["watchlist"], known)
            complaints += missing
        except TickdeckError as exc:
            complaints.append(f"watchlist: {exc}")
    if request.get("chart") is not None:
        try:
            asked = request["chart"]
            chart = _chart(asked, known)
            indicators, wrong = _indicators(asked.get("indicators"))
            compare, also_wrong = _compare(asked.get("compare"), chart, known)
            complaints += wrong + also_wrong
            flow = _flow(asked.get("flow"), chart[0], known)
        except TickdeckError as exc:
            complaints.append(f"chart: {exc}")
    tape = _part(request, "tape", lambda value: _symbol(value, known), complaints)
    screen = _part(request, "screen", _screen, complaints)
    if request.get("rows", "objects") == "arrays":
        form = "arrays"
    elif request.get("rows", "objects") != "objects":
        complaints.append("rows must be 'objects' or 'arrays'")
    panel = _part(request, "panel", _panel, complaints)
    return Subscription(watchlist, chart, tape, form, indicators, flow, screen, compare, panel), complaints


_PARTS: Final = ("watchlist", "chart", "tape", "rows", "screen", "panel")


def _watchlist(value: object, known: Container[str]) -> tuple[Literal["all"] | tuple[str, ...], list[str]]:
    if value == "all":
        return "all", []
    if not isinstance(value, list) or len(value) > MAX_SYMBOLS:
        raise ProtocolError(f"must be 'all' or a list of at most {MAX_SYMBOLS} symbols")
    symbols: dict[str, None] = {}
    complaints = []
    for each in value:
        try:
            symbols[_symbol(each, known)] = None
        except TickdeckError as exc:
            complaints.append(f"watchlist: {exc}")
    return tuple(symbols), complaints[:MAX_COMPLAINTS]


def _chart(value: object, known: Container[str]) -> tuple[str, ChartInterval]:
    if not isinstance(value, dict) or not isinstance(value.get("interval"), str):
        raise ProtocolError('must be {"symbol": …, "interval": …}')
    interval = value["interval"]
    if len(interval) > MAX_EXCERPT:
        raise ProtocolError(f"interval {excerpt(interval)} is unknown")
    parsed = parse_chart_interval(interval)
    return _charted(value.get("symbol"), parsed, known), parsed


def _charted(value: object, interval: ChartInterval, known: Container[str]) -> str:
    """A symbol, or a formula of known ones."""
    if not isinstance(value, str) or value in known or not looks_like_formula(value):
        return _symbol(value, known)
    formula = parse_formula(value, known)
    if isinstance(interval, BarType):
        raise ProtocolError(
            f"{excerpt(value)} has candles of time only: bars are cut from the ticks of one symbol"
        )
    return formula.text


def _compare(
    value: object, chart: tuple[str, ChartInterval], known: Container[str]
) -> tuple[tuple[str, ...], list[str]]:
    if value is None:
        return (), []
    if not isinstance(value, list) or len(value) > MOST_COMPARED:
        raise ProtocolError(f"compare must be a list of at most {MOST_COMPARED} symbols or formulas")
    found: dict[str, None] = {}
    complaints = []
    for each in value:
        try:
            found[_charted(each, chart[1], known)] = None
        except TickdeckError as exc:
            complaints.append(f"compare: {exc}")
    found.pop(chart[0], None)
    return tuple(found), complaints


def _flow(value: object, symbol: str, known: Container[str]) -> bool:
    flow = _flag(value, "flow")
    if flow and symbol not in known:
        raise ProtocolError("order flow is of one symbol, and not of a spread")
    return flow


def _part(
    request: dict[str, Any], name: str, read: Callable[[object], str], complaints: list[str]
) -> str | None:
    """What a part of the request means; None where it is not there, or wrong, which is then complained of."""
    if request.get(name) is None:
        return None
    try:
        return read(request[name])
    except TickdeckError as exc:
        complaints.append(f"{name}: {exc}")
        return None


def _screen(value: object) -> str:
    if not isinstance(value, str):
        raise ProtocolError(f"a filter is a text such as 'chg% > 3', not {excerpt(value)}")
    return parse_screen(value).text


def _panel(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_PANEL_NAME or not value.isprintable():
        raise ProtocolError(
            f"a panel's name is a text of at most {MAX_PANEL_NAME} characters, not {excerpt(value)}"
        )
    return value


def _flag(value: object, name: str) -> bool:
    if value is not None and not isinstance(value, bool):
        raise ProtocolError(f"{name} must be true or false, not {excerpt(value)}")
    return bool(value)


def _indicators(value: object) -> tuple[tuple[Indicator, ...], list[str]]:
    if value is None:
        return (), []
    if not isinstance(value, list) or len(value) > MOST_INDICATORS:
        raise ProtocolError(f"indicators must be a list of at most {MOST_INDICATORS} texts such as 'ema(20)'")
    found: dict[Indicator, None] = {}
    complaints = []
    for each in value:
        try:
            if not isinstance(each, str):
                raise ProtocolError(f"an indicator is a text such as 'ema(20)', not {excerpt(each)}")
            found[parse_indicator(each)] = None
        except TickdeckError as exc:
            complaints.append(f"indicator: {exc}")
    return tuple(found), complaints[:MAX_COMPLAINTS]


def _symbol(value: object, known: Container[str]) -> str:
    fault = symbol_fault(value)
    if fault is not None:
        raise MarketDataError(f"the symbol {fault}")
    symbol = str(value)
    if symbol not in known:
        raise UnknownSymbolError(symbol)
    return symbol


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
        return row.encoded.get("frequent") or _keep(row, "frequent", row_values(row)[:FREQUENT])
    return row.encoded.get("array") or _keep(row, "array", row_values(row))


def _keep(row: QuoteRow, name: str, value: object) -> bytes:
    row.encoded[name] = encoded = orjson.dumps(value)
    return encoded


def price_decimals(price: float, decimals: int) -> int:
    """The decimals of an instrument, or more where they would leave less than two digits of a price.

    assets/lib/format.js has the same rule.
    """
    if not price or abs(price) >= 10.0 ** (1 - decimals):
        return decimals
    return max(decimals, 3 - math.floor(math.log10(abs(price))))


def row_values(row: QuoteRow) -> list[Any]:
    """The values of `FIELDS`: computed ones rounded to what a display can use, the others as they are stored."""
    day = row.day
    priced = day.priced
    reference = day.open if row.previous_close is None else row.previous_close
    change = None if row.last is None else row.last - reference
    decimals = price_decimals(row.last if row.last is not None else reference, row.instrument.price_decimals)
    return [
        row.symbol,
        _number(row.last),
        None if change is None else _number(round(change, decimals + 4)),
        None if change is None or not reference else _number(round(100 * change / reference, 3)),
        _number(row.bid),
        _number(row.ask),
        _number(round(day.volume, 8)),
        None if day.volume == 0 else _number(round(day.turnover / day.volume, decimals + 2)),
        None if row.last_us is None else row.last_us // 1000,
        day.trades,
        _number(day.open if priced else None),
        _number(day.high if priced else None),
        _number(day.low if priced else None),
    ]


def encode_candle(kept: ChartCandle) -> bytes:
    """One candle `[t_ms, open, high, low, close, volume, turnover, trades]`."""
    if kept.encoded is None:
        kept.encoded = orjson.dumps(candle_values(kept.candle))
    return kept.encoded


def candle_values(candle: Candle) -> list[Any]:
    """The values of a candle as sent, the time in ms, with a fraction where it starts between two."""
    return [
        _number(candle.time_us / 1000),
        _number(candle.open),
        _number(candle.high),
        _number(candle.low),
        _number(candle.close),
        _number(round(candle.volume, 8)),
        _number(round(candle.turnover, 8)),
        candle.trades,
    ]


def encode_compared(chart: Chart, since: int) -> bytes | None:
    """The candles of a compared chart that changed after version `since`, each `[t_ms, close]`; None: none has."""
    rows = [[_number(kept.candle.time_us / 1000), _number(kept.candle.close)] for kept in chart.since(since)]
    return orjson.dumps({"symbol": chart.symbol, "candles": rows}) if rows or since < 0 else None


def encode_chart_head(chart: Chart) -> bytes:
    """What a chart is of, without the closing brace."""
    head = {
        "symbol": chart.symbol,
        "interval": str(chart.interval),
        "timezone": chart.instrument.timezone,
        "day_start": chart.instrument.day_start,
        "price_decimals": chart.instrument.price_decimals,
    }
    return orjson.dumps(head)[:-1]


def describe_lines(indicator: Indicator) -> list[dict[str, Any]]:
    """How the lines of an indicator are drawn, in the order of its values."""
    return [{"name": each.name, "style": each.style, "shift": each.shift} for each in indicator.lines]


def encode_indicator_head(indicator: Indicator) -> bytes:
    """What an indicator is and how it is drawn, without the closing brace."""
    kind = indicator.kind
    head = {
        "id": str(indicator),
        "name": kind.name,
        "title": kind.title,
        "pane": kind.pane,
        "levels": kind.levels,
        "lines": describe_lines(indicator),
    }
    return orjson.dumps(head)[:-1]


def encode_values(chart: Chart, indicator: Indicator, from_us: int) -> bytes:
    """The values from the candle at `from_us` on, each `[t_ms, one of each line]`, with commas between; null: none.

    Raises `IndicatorError`.
    """
    key = indicator, from_us
    encoded = chart.encoded.get(key)
    if encoded is None:
        time_us, columns = chart.values(indicator, from_us)
        decimals = chart.instrument.price_decimals + 4
        whole = not isinstance(chart.interval, BarType)
        rows = zip(
            (time_us // 1000 if whole else time_us / 1000).tolist(),
            *(column.round(decimals).tolist() for column in columns),
            strict=True,
        )
        encoded = chart.encoded[key] = orjson.dumps(list(rows))[1:-1]
    return encoded


def encode_flow(flow: Flow, since: int) -> bytes:
    """Order flow for somebody who has all changes up to version `since`."""
    cells = [
        [each.minute_us // 1000, _number(each.price), *map(_number, each.cell)] for each in flow.since(since)
    ]
    prints = [
        [time_us / 1000, _number(price), _number(size), by]
        for size, time_us, _, price, by in flow.prints_since(since)
    ]
    head = {"from": flow.from_us // 1000, "reading": flow.readings, "sides": flow.sides}
    return orjson.dumps({**head, "cells": cells, "prints": prints})


def tick_values(tick: TapeTick) -> list[Any]:
    """The values of a tick as sent: times in µs; a `seq` beyond 2^53 - 1 as text, so that no reader rounds it."""
    return [
        tick.time_us, tick.seq if abs(tick.seq) <= MAX_EXACT_INT else str(tick.seq),
        _number(tick.price), _number(tick.size), _number(tick.bid), _number(tick.ask),
        tick.exchange, tick.conditions, *describe(tick.conditions, tick.exchange), tick.side,
    ]  # fmt: skip


def alert_values(entry: LogEntry) -> dict[str, Any]:
    """One firing of an alert rule as sent; times in ms."""
    return {
        "id": entry.id,
        "rule": str(entry.rule),
        "symbol": entry.symbol,
        "condition": entry.condition,
        "note": entry.note,
        "time": to_us(entry.time) // 1000,
        "value": _number(entry.value) if math.isfinite(entry.value) else None,
        "fired_at": to_us(entry.fired_at) // 1000,
        "undelivered": entry.undelivered,
    }


def _number(value: float | None) -> float | int | None:
    """Whole numbers without their `.0`: the same in JSON, and shorter."""
    if value is None:
        return None
    whole = int(value)
    return whole if whole == value and abs(whole) <= MAX_EXACT_INT else value
