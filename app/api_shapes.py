"""The shapes of the REST interface's answers, as its documentation shows them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

Time = Annotated[str, Field(description="ISO 8601, UTC", examples=["2013-10-07T13:30:00Z"])]


class InstrumentShape(BaseModel):
    """What is known of a symbol besides its ticks."""

    symbol: str
    name: str | None
    exchange: Annotated[str | None, Field(description="ISO 10383 code; null: trades around the clock")]
    timezone: Annotated[str, Field(description="IANA name; its midnights divide the day candles")]
    currency: Annotated[str | None, Field(description="ISO 4217 code")]
    price_decimals: int


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


class TicksPage(BaseModel):
    """A page of ticks by (time, seq)."""

    ticks: list[TickShape]
    after: Annotated[str | None, Field(description="pass it to get the next page; null: this is the last")]


class Complaint(BaseModel):
    """Why a request was refused."""

    detail: str
