"""Indicators over candles: `parse("ema(20)").compute(candles)`; live, replay, REST, export and notebooks get the same numbers.

Pure: no I/O but the looking up of installed entry points, no clock, no driver.  Each family is a file; users add theirs by
the entry point group `tickdeck.indicators` (docs/indicators.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from tickdeck.db.market.bar_types import ChartInterval
from tickdeck.db.market.columns import CandleColumns, Floats
from tickdeck.db.market.indicators import anchored, averages, channels, oscillators, trend
from tickdeck.db.market.indicators.kinds import (
    Between,
    Indicator,
    IndicatorError,
    Kind,
    Line,
    Value,
    indicator,
)
from tickdeck.db.market.types import Candle

__all__ = [
    "MOST",
    "Between",
    "CandleColumns",
    "Indicator",
    "IndicatorError",
    "Kind",
    "Lead",
    "Line",
    "compute",
    "indicator",
    "kinds",
    "looks_back",
    "parse",
    "parse_all",
]

GROUP: Final = "tickdeck.indicators"
MOST: Final = 20
"""So many indicators at the most are computed for one chart or table."""
_LONGEST: Final = 200
_BUILT_IN: Final[dict[str, Kind]] = {
    each.name: each for family in (averages, channels, trend, anchored, oscillators) for each in family.KINDS
}


@cache
def _installed() -> dict[str, EntryPoint]:
    return {each.name: each for each in entry_points(group=GROUP)}


@cache
def _load(name: str) -> Kind:
    point = _installed()[name]
    package = point.dist.name if point.dist else point.value
    try:
        found = point.load()
    except Exception as exc:
        raise IndicatorError(
            f"indicator {name!r} of {package} cannot be loaded: {type(exc).__name__}: {exc}"
        ) from exc
    if not isinstance(found, Kind) or found.name != name:
        raise IndicatorError(
            f"indicator {name!r} of {package} must be made with tickdeck.indicators.indicator and have this name"
        )
    return found


def kinds() -> tuple[list[Kind], list[str]]:
    """All there are, the built-in ones first; and a sentence for each installed one that cannot be used."""
    found, faults = list(_BUILT_IN.values()), []
    for name in sorted(_installed()):
        if name in _BUILT_IN:
            faults.append(
                f"indicator {name!r} of {_installed()[name].value} has the name of one that is built in"
            )
            continue
        try:
            found.append(_load(name))
        except IndicatorError as exc:
            faults.append(str(exc))
    return found, faults


@lru_cache(maxsize=1024)
def parse(text: str) -> Indicator:
    """What `text` says: a name, and its parameters in order or by name: `rsi`, `ema(20)`, `vwap(anchor=week, bands=2)`.

    Raises `IndicatorError` naming what is wrong.
    """
    if len(text) > _LONGEST:
        raise IndicatorError(f"an indicator is a text of at most {_LONGEST} characters")
    found = re.fullmatch(r"\s*([A-Za-z_]\w*)\s*(?:\(([^()]*)\))?\s*", text)
    if found is None:
        raise IndicatorError(f"indicator {text!r} is not a name with its parameters, such as ema(20)")
    name, given = found[1].lower(), found[2] or ""
    if name in _BUILT_IN:
        kind = _BUILT_IN[name]
    elif name in _installed():
        kind = _load(name)
    else:
        raise IndicatorError(
            f"indicator {name!r} is unknown; there are {', '.join(sorted(_BUILT_IN | dict(_installed())))}"
        )
    try:
        return kind.with_values(_values(kind, given))
    except IndicatorError as exc:
        raise IndicatorError(f"{name}: {exc}") from None


def _values(kind: Kind, given: str) -> dict[str, Value]:
    values: dict[str, Value] = {}
    parts = [part.strip() for part in given.split(",")] if given.strip() else []
    for position, part in enumerate(parts):
        name, equals, text = part.partition("=")
        name, text = (name.strip(), text.strip()) if equals else ("", part)
        if not equals:
            if position >= len(kind.parameters):
                raise IndicatorError(f"it has {len(kind.parameters)} parameters, not {len(parts)}")
            parameter = kind.parameters[position]
        else:
            found = [each for each in kind.parameters if each.name == name]
            if not found:
                known = ", ".join(each.name for each in kind.parameters) or "none"
                raise IndicatorError(f"there is no parameter {name!r}; it has {known}")
            parameter = found[0]
        if parameter.name in values:
            raise IndicatorError(f"{parameter.name} is given twice")
        values[parameter.name] = parameter.read(text)
    return values


def parse_all(texts: Iterable[str]) -> list[Indicator]:
    """Several, each once; a text may hold some with commas between them.  Raises `IndicatorError`, also for over `MOST`."""
    found: dict[Indicator, None] = {}
    for text in texts:
        for part in re.split(r",(?![^(]*\))", text):
            if part.strip():
                found[parse(part)] = None
    if len(found) > MOST:
        raise IndicatorError(f"{len(found)} indicators are more than {MOST} at once")
    return list(found)


def looks_back(
    indicators: Iterable[Indicator], time_us: int, interval: ChartInterval, timezone: str
) -> tuple[int, int | None]:
    """What the values from the candle at `time_us` on need of what is before: so many candles, and all since an instant."""
    warm_up, since = 0, None
    for each in indicators:
        warm_up = max(warm_up, each.warm_up)
        start_us = each.since(time_us, interval, timezone)
        if start_us is not None:
            since = start_us if since is None else min(since, start_us)
    return warm_up, since


@dataclass(frozen=True, slots=True)
class Lead:
    """What a chart holds besides the candles that it shows: those before them that its indicators need.

    `indicators` are those for which all is there, `faults` says why there is none of another.
    """

    candles: Sequence[Candle] = ()
    indicators: Sequence[Indicator] = ()
    faults: Mapping[Indicator, str] = field(default_factory=dict)


def compute(indicators: Sequence[Indicator], candles: CandleColumns) -> dict[str, Floats]:
    """A column for each line of each, by the names of `Indicator.columns`; float64, NaN where there is no value."""
    found: dict[str, Floats] = {}
    for each in indicators:
        found |= zip(each.columns, each.compute(candles), strict=True)
    return found
