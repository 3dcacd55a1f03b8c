"""What an alert waits for, as text and as a value: one line that page, command line, REST and database share.

Such as `price crosses 167.5`, `price above 170`, `moves 1% in 5m`, `falls 2% in 30s`, `volume 3x of 20`, `new high or low`,
`spread above 10 bp`, `silent for 30s`, `feed kraken silent for 10s`, `rsi(14) crosses up 70 on 5m`,
`macd.signal above 0 on 1m forming`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, cast, get_args

from tickdeck.db.errors import MarketDataError, excerpt
from tickdeck.db.market.indicators import Indicator
from tickdeck.db.market.indicators import parse as parse_indicator
from tickdeck.db.market.types import INTERVALS, Interval, Repeat

When = Literal["crosses", "crosses up", "crosses down", "above", "below"]
"""`above` and `below` are true as long as the number is at the level or beyond; the others are the instant it gets there."""
Way = Literal["rises", "falls", "moves"]
Extreme = Literal["high", "low", "high or low"]
REPEATS: Final[tuple[Repeat, ...]] = get_args(Repeat)

LONGEST_TEXT: Final = 200
LONGEST_WINDOW_S: Final = 86_400
MOST_MINUTES: Final = 400
"""Of the average that a volume is compared with: a chart keeps 500."""
_LARGEST: Final = 1e15


@dataclass(frozen=True, slots=True)
class PriceCondition:
    """The last price, or any price in between, gets to a level."""

    when: When
    level: float

    def __str__(self) -> str:
        return f"price {self.when} {_text(self.level)}"


@dataclass(frozen=True, slots=True)
class MoveCondition:
    """The price is `percent` above the lowest (rises) or below the highest (falls) one of the last `window_s` seconds."""

    way: Way
    percent: float
    window_s: int

    def __str__(self) -> str:
        return f"{self.way} {_text(self.percent)}% in {_span_text(self.window_s)}"


@dataclass(frozen=True, slots=True)
class VolumeCondition:
    """The volume of a one-minute candle is at least `factor` times the mean of the `minutes` candles before it."""

    factor: float
    minutes: int

    def __str__(self) -> str:
        return f"volume {_text(self.factor)}x of {self.minutes}"


@dataclass(frozen=True, slots=True)
class ExtremeCondition:
    """A new high or low of the day, after its first price."""

    which: Extreme

    def __str__(self) -> str:
        return f"new {self.which}"


@dataclass(frozen=True, slots=True)
class SpreadCondition:
    """Ask less bid is at a level or beyond; with `bp`, in hundredths of a per cent of the price in the middle."""

    when: When
    level: float
    bp: bool

    def __str__(self) -> str:
        return f"spread {self.when} {_text(self.level)}{' bp' if self.bp else ''}"


@dataclass(frozen=True, slots=True)
class SilenceCondition:
    """Nothing was heard of the symbol for so many seconds."""

    seconds: int

    def __str__(self) -> str:
        return f"silent for {_span_text(self.seconds)}"


@dataclass(frozen=True, slots=True)
class FeedCondition:
    """Nothing was heard of a feed for so many seconds, or it failed; not of one that ended."""

    feed: str
    seconds: int

    def __str__(self) -> str:
        return f"feed {self.feed} silent for {_span_text(self.seconds)}"


@dataclass(frozen=True, slots=True)
class IndicatorCondition:
    """A line of an indicator gets to a value: at the close of a candle, or already while it is `forming`."""

    indicator: Indicator
    line: int
    when: When
    level: float
    interval: Interval
    forming: bool

    def __str__(self) -> str:
        names = [each.name for each in self.indicator.lines]
        line = f".{names[self.line]}" if len(names) > 1 else ""
        forming = " forming" if self.forming else ""
        return f"{self.indicator}{line} {self.when} {_text(self.level)} on {self.interval}{forming}"


Condition: TypeAlias = (
    PriceCondition
    | MoveCondition
    | VolumeCondition
    | ExtremeCondition
    | SpreadCondition
    | SilenceCondition
    | FeedCondition
    | IndicatorCondition
)

_WHEN: Final = r"(?P<when>crosses(?: up| down)?|above|below)"
_NUMBER: Final = r"(?P<{}>-?\d+(?:\.\d+)?(?:e-?\d+)?)"
_LEVEL: Final = _NUMBER.format("level")
_LEVEL_OF: Final = rf"(?: {_WHEN} | ?(?P<sign>>=?|<=?) ?){_LEVEL}"
_SPAN: Final = r"(?P<span>\d+)(?P<unit>s|m|h)"
_INTERVAL: Final = r"(?P<interval>\w+)"
_SPAN_S: Final = {"s": 1, "m": 60, "h": 3600}
_SIGNS: Final[dict[str, When]] = {">": "above", ">=": "above", "<": "below", "<=": "below"}


def parse_condition(text: str) -> Condition:
    """What `text` says; raises `MarketDataError`, which says how it can be written."""
    said = " ".join(text.split())
    if len(said) > LONGEST_TEXT:
        raise MarketDataError(f"a condition is at most {LONGEST_TEXT} characters long")
    for pattern, make in _FORMS:
        found = pattern.fullmatch(said)
        if found is not None:
            return make(found)
    raise MarketDataError(
        f"{excerpt(said)} is no condition; write it as one of: price crosses 167.5, price above 170, moves 1% in 5m,"
        " volume 3x of 20, new high, spread above 0.05, silent for 30s, feed NAME silent for 10s,"
        " rsi(14) crosses 70 on 5m"
    )


def _price(found: re.Match[str]) -> Condition:
    return PriceCondition(_when(found), _number(found, "level"))


def _move(found: re.Match[str]) -> Condition:
    way = cast("Way", found["way"].lower())
    percent = _number(found, "percent")
    if percent <= 0 or (way != "rises" and percent >= 100):
        raise MarketDataError("a move is more than 0 %, a fall less than 100 %")
    return MoveCondition(way, percent, _span(found))


def _volume(found: re.Match[str]) -> Condition:
    factor, minutes = _number(found, "factor"), int(found["minutes"])
    if factor <= 0 or not 1 <= minutes <= MOST_MINUTES:
        raise MarketDataError(f"a volume is more than 0 times the mean of 1 to {MOST_MINUTES} minutes")
    return VolumeCondition(factor, minutes)


def _extreme(found: re.Match[str]) -> Condition:
    return ExtremeCondition(cast("Extreme", found["which"].lower()))


def _spread(found: re.Match[str]) -> Condition:
    return SpreadCondition(_when(found), _number(found, "level"), found["bp"] is not None)


def _silence(found: re.Match[str]) -> Condition:
    return SilenceCondition(_span(found))


def _feed(found: re.Match[str]) -> Condition:
    return FeedCondition(found["feed"], _span(found))


def _indicator(found: re.Match[str]) -> Condition:
    interval = found["interval"]
    if interval not in INTERVALS:
        raise MarketDataError(f"interval {excerpt(interval)} is unknown; there are {', '.join(INTERVALS)}")
    indicator = parse_indicator(found["name"])
    line = found["line"]
    lines = [each.name for each in indicator.lines]
    if line is not None and line not in lines:
        raise MarketDataError(f"{indicator} has no line {excerpt(line)}; it has {', '.join(lines)}")
    return IndicatorCondition(
        indicator,
        0 if line is None else lines.index(line),
        _when(found),
        _number(found, "level"),
        cast("Interval", interval),
        found["forming"] is not None,
    )


_FORMS: Final[list[tuple[re.Pattern[str], Callable[[re.Match[str]], Condition]]]] = [
    (re.compile(pattern, re.IGNORECASE), make)
    for pattern, make in (
        (rf"price{_LEVEL_OF}", _price),
        (rf"(?P<way>rises|falls|moves) {_NUMBER.format('percent')} ?% in {_SPAN}", _move),
        (rf"volume {_NUMBER.format('factor')} ?x of (?P<minutes>\d{{1,4}})", _volume),
        (r"new (?P<which>high or low|high|low)", _extreme),
        (rf"spread{_LEVEL_OF}(?P<bp> ?bp)?", _spread),
        (rf"silent for {_SPAN}", _silence),
        (rf"feed (?P<feed>\S{{1,64}}) silent for {_SPAN}", _feed),
        (
            rf"(?P<name>[a-z]\w*(?:\([^()]*\))?)(?:\.(?P<line>\w+))?{_LEVEL_OF} on {_INTERVAL}(?P<forming> forming)?",
            _indicator,
        ),
    )
]


def check_rule(text: str, symbol: str | None, every: str) -> Condition:
    """The condition of a rule about `symbol` (None: none); raises `MarketDataError` where these do not go together."""
    condition = parse_condition(text)
    if wants_symbol(condition) != (symbol is not None):
        raise MarketDataError(
            "a feed's silence is about no symbol" if symbol is not None else f"of which symbol? {condition}"
        )
    if every not in INTERVALS or every.endswith("s") or every in ("1w", "1M"):
        raise MarketDataError(f"once a bar is of 1m to 1d, not {excerpt(every)}")
    return condition


def wants_symbol(condition: Condition) -> bool:
    """Whether it is about a symbol; else it is about a feed."""
    return not isinstance(condition, FeedCondition)


def _when(found: re.Match[str]) -> When:
    return _SIGNS[found["sign"]] if found["sign"] else cast("When", found["when"].lower())


def _number(found: re.Match[str], name: str) -> float:
    value = float(found[name])
    if not math.isfinite(value) or abs(value) > _LARGEST:
        raise MarketDataError(f"{found[name]} is too large a number")
    return value


def _span(found: re.Match[str]) -> int:
    seconds = int(found["span"][:9]) * _SPAN_S[found["unit"].lower()]
    if not 1 <= seconds <= LONGEST_WINDOW_S:
        raise MarketDataError("a span of time is 1s to 24h")
    return seconds


def _span_text(seconds: int) -> str:
    for unit in ("h", "m"):
        if seconds % _SPAN_S[unit] == 0:
            return f"{seconds // _SPAN_S[unit]}{unit}"
    return f"{seconds}s"


def _text(value: float) -> str:
    return f"{value:.15g}"
