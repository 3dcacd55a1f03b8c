"""The shapes of the REST interface's parameters and answers, as its documentation shows them."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _printable(text: str) -> str:
    """Refuse control characters, of which PostgreSQL cannot even be asked."""
    if not text.isprintable():
        raise ValueError(f"{text!r} holds a control character or what is no character")
    return text


Text = Annotated[str, AfterValidator(_printable)]
Symbol = Annotated[Text, Query(description="as in /api/instruments", examples=["SPY"])]


Time = Annotated[str, Field(description="ISO 8601, UTC", examples=["2013-10-07T13:30:00Z"])]


class InstrumentShape(BaseModel):
    """What is known of a symbol besides its ticks."""

    symbol: str
    name: str | None
    exchange: Annotated[str | None, Field(description="ISO 10383 code; null: trades around the clock")]
    timezone: Annotated[str, Field(description="IANA name")]
    currency: Annotated[str | None, Field(description="ISO 4217 code")]
    price_decimals: int
    day_start: Annotated[
        str,
        Field(
            description="when by the clocks of `timezone` the days of its candles start, HH:MM: up to noon on "
            "their own date, later on the date before",
            examples=["00:00", "17:00"],
        ),
    ]
    allow_negative: Annotated[bool, Field(description="whether prices of 0 and below are prices")]
    sector: Annotated[str | None, Field(description="what an overview puts it beside, such as Banks")]


class GapShape(BaseModel):
    """A stretch whose trades a feed has missed."""

    symbol: str
    from_: Annotated[str, Field(alias="from", description="time of the trade before it, ISO 8601, UTC")]
    to: Annotated[str, Field(description="time of the trade after it")]
    trades: Annotated[int | None, Field(description="how many; null: the exchange does not count them")]
    state: Annotated[str, Field(description="`filling` or `missing`")]
    feed: str
    why: str


class ImportedBarsShape(BaseModel):
    """Imported bars of one interval and source."""

    interval: str
    source: str
    bars: int
    from_: Annotated[str, Field(alias="from", description="where the first begins, ISO 8601, UTC")]
    until: Annotated[str, Field(description="where the last ends")]


class ImportedShape(BaseModel):
    """What of a symbol was imported, and where its ticks begin."""

    ticks_from: Annotated[str | None, Field(description="the first minute with a tick; null: there is none")]
    bars: list[ImportedBarsShape]


class CandleShape(BaseModel):
    """One candle over the half-open [time, time + interval)."""

    time: Time
    open: float
    high: float
    low: float
    close: float
    volume: float
    turnover: Annotated[float, Field(description="sum of price times size")]
    trades: Annotated[int, Field(description="number of ticks")]


class ParameterShape(BaseModel):
    """One parameter of an indicator."""

    name: str
    type: Annotated[str, Field(description="int, float or str")]
    default: int | float | str
    least: Annotated[float | None, Field(description="of a number")]
    most: float | None
    choices: Annotated[list[str], Field(description="the texts there are; empty: any that can be understood")]


class LineShape(BaseModel):
    """One line of an indicator."""

    name: str
    style: Annotated[str, Field(description="line, histogram, dots or steps")]
    shift: Annotated[
        int, Field(description="candles by which it is drawn later than the candle it belongs to")
    ]


class IndicatorShape(BaseModel):
    """An indicator before its parameters are chosen; lines as with the default ones."""

    name: str
    title: str
    pane: Annotated[str, Field(description="price: over the prices; own: in a pane below them")]
    levels: Annotated[list[float], Field(description="where level lines are drawn")]
    parameters: list[ParameterShape]
    lines: list[LineShape]


class SidesShape(BaseModel):
    """How many trades of the hours that were read have their side from where."""

    feed: Annotated[int, Field(description="the feed told it")]
    quotes: Annotated[int, Field(description="price against the middle of bid and ask (Lee and Ready 1991)")]
    ticks: Annotated[int, Field(description="tick rule: inferred from the price before")]
    unknown: int


PriceRow = Annotated[
    tuple[float, float, float, float, int, int],
    Field(description="price, bought, sold, by whom is not known, trades, minutes in which it traded"),
]


class _Profile(BaseModel):
    point_of_control: Annotated[float | None, Field(description="the price with the largest volume")]
    value_area: Annotated[
        tuple[float, float] | None, Field(description="lowest and highest price of 70 % around it")
    ]
    prices: Annotated[list[PriceRow], Field(description="the lowest first")]


class ProfileShape(_Profile):
    """What traded at each price; average-price prints and the like do not count."""

    symbol: str
    step: float | None
    sides: SidesShape
    missing: Annotated[
        list[int],
        Field(description="hours whose ticks were gone before they were folded, ms since the epoch"),
    ]


class PrintsShape(BaseModel):
    """Large trades, in order of time; average-price prints and the like do not count."""

    symbol: str
    least: Annotated[float | None, Field(description="the size from which they were chosen")]
    prints: Annotated[
        list[tuple[float, float, float, int]],
        Field(
            description="ms since the epoch, price, size, who took the price: 1 the buyer, -1 the seller, 0: not known"
        ),
    ]


class FootprintCandleShape(_Profile):
    """What traded at each price of one candle."""

    time: Annotated[int, Field(description="its start, ms since the epoch")]
    delta: Annotated[float, Field(description="bought less sold")]
    cumulative: Annotated[float, Field(description="delta since the trading day began")]


class FootprintShape(BaseModel):
    """Footprint candles, oldest first."""

    symbol: str
    interval: str
    step: float | None
    sides: SidesShape
    missing: list[int]
    candles: list[FootprintCandleShape]


class TickShape(BaseModel):
    """One tick; (time, seq) is its identity."""

    time: Time
    seq: int
    price: float
    size: float
    bid: float | None
    ask: float | None
    exchange: str | None
    conditions: str | None
    side: Literal["buy", "sell"] | None


class TicksPage(BaseModel):
    """A page of ticks by (time, seq)."""

    ticks: list[TickShape]
    after: Annotated[str | None, Field(description="pass it to get the next page; null: this is the last")]


class ReadinessShape(BaseModel):
    """Whether live data can be served; more fields are told by /healthz."""

    model_config = ConfigDict(extra="allow")

    status: Annotated[
        str,
        Field(
            description="ok, reconnecting (the database is away) or degraded (a feed is, or candles are wrong)"
        ),
    ]
    reason: Annotated[str | None, Field(description="why not; missing where all is well")] = None


class ErrorShape(BaseModel):
    """Why a request was refused."""

    detail: str


REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    403: {"model": ErrorShape, "description": "You may not"},
    404: {"model": ErrorShape, "description": "The symbol is unknown"},
    422: {"model": ErrorShape, "description": "A parameter cannot be used; the detail names it"},
    503: {"model": ErrorShape, "description": "The database cannot be reached"},
}
"""The refusals of a route, for its documentation; app.web.errors makes them."""
CSV_AND_JSON: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "With format=csv: a table"},
}
"""What routes that can answer with CSV add to their documentation."""
