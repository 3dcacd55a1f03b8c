"""What an indicator is: a function over candles with named parameters, the lines it draws, and how far back it looks."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args, get_origin, get_type_hints

import numpy as np

from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.bar_types import ChartInterval
from tickdeck.db.market.columns import CandleColumns, Floats

Style = Literal["line", "histogram", "dots", "steps"]
"""How a line is drawn; `steps` stays level and jumps."""
Value: TypeAlias = int | float | str
Pane = Literal["price", "own"]
"""Over the prices, or in a pane below them."""
MAX_PERIOD: Final = 2_000
"""The most candles that a parameter may ask for."""


class IndicatorError(MarketDataError):
    """An indicator that there is not, a parameter that cannot be, or a computation that failed."""


@dataclass(frozen=True, slots=True)
class Between:
    """The least and the most that a number may be: `Annotated[int, Between(2, 500)]`."""

    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Text:
    """A text that `check` accepts: it returns the text to use, or raises `IndicatorError`."""

    check: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an indicator.  It is drawn `shift` candles later than the candle its value belongs to."""

    name: str
    style: Style = "line"
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Parameter:
    """`kind` is int, float or str; `choices` are the only texts there are, () where any is checked."""

    name: str
    kind: type[int | float | str]
    default: Value
    bounds: Between | None = None
    choices: tuple[str, ...] = ()
    check: Callable[[str], str] | None = None

    def read(self, text: str) -> Value:
        """`text` as a value of this parameter; raise `IndicatorError` naming it."""
        if self.kind is str:
            if self.choices and text not in self.choices:
                raise IndicatorError(f"{self.name} must be one of {', '.join(self.choices)}, not {text!r}")
            return text if self.check is None else self.check(text)
        try:
            number = int(text) if self.kind is int else float(text)
        except ValueError:
            what = "a whole number" if self.kind is int else "a number"
            raise IndicatorError(f"{self.name} must be {what}, not {text!r}") from None
        if not math.isfinite(number):
            raise IndicatorError(f"{self.name} must be a number, not {text!r}")
        if self.bounds is not None and not self.bounds.least <= number <= self.bounds.most:
            raise IndicatorError(
                f"{self.name} must be from {self.bounds.least:g} to {self.bounds.most:g}, not {text}"
            )
        return number


Compute: TypeAlias = Callable[..., Floats | Sequence[Floats]]
Since: TypeAlias = Callable[..., int | None]


@dataclass(frozen=True, eq=False)
class Kind:
    """An indicator before its parameters are chosen.  Make one with `indicator`."""

    name: str
    title: str
    parameters: tuple[Parameter, ...]
    lines: Callable[..., Sequence[Line]]
    pane: Pane
    levels: tuple[float, ...]
    warm_up: Callable[..., int]
    since: Since | None
    compute: Compute

    def with_values(self, given: Mapping[str, Value]) -> Indicator:
        """The indicator with these values, the others as by default."""
        return Indicator(self, tuple(given.get(each.name, each.default) for each in self.parameters))


@dataclass(frozen=True)
class Indicator:
    """One kind with all its parameters.  Equal ones compute the same."""

    kind: Kind
    values: tuple[Value, ...]

    @property
    def arguments(self) -> dict[str, Value]:
        """The parameters by name."""
        return {each.name: value for each, value in zip(self.kind.parameters, self.values, strict=True)}

    def __str__(self) -> str:
        """As `parse` reads it, always the same for equal ones: `ema(20)`, `ema(20, source=hl2)`, `obv`."""
        parts: list[str] = []
        named = False
        for each, value in zip(self.kind.parameters, self.values, strict=True):
            named = named or each.kind is str
            text = value if isinstance(value, str) else repr(value).removesuffix(".0")
            if not named:
                parts.append(text)
            elif value != each.default:
                parts.append(f"{each.name}={text}")
        return f"{self.kind.name}({', '.join(parts)})" if parts else self.kind.name

    @property
    def lines(self) -> tuple[Line, ...]:
        """Its lines, in the order of what `compute` returns."""
        return tuple(self.kind.lines(**self.arguments))

    @property
    def columns(self) -> tuple[str, ...]:
        """A name for each line in tables: `ema(20)`, or `macd(12, 26, 9).signal` where there are several."""
        lines = self.lines
        return (str(self),) if len(lines) == 1 else tuple(f"{self}.{line.name}" for line in lines)

    @property
    def warm_up(self) -> int:
        """How many candles before the first wanted one it takes for the value there to be right.

        An average that never forgets entirely is right to a relative 1e-9.
        """
        return self.kind.warm_up(**self.arguments)

    def since(self, time_us: int, interval: ChartInterval, timezone: str) -> int | None:
        """The instant from which all candles are needed for the value at `time_us`; None where `warm_up` says it all."""
        if self.kind.since is None:
            return None
        return self.kind.since(time_us, interval, timezone, **self.arguments)

    def compute(self, candles: CandleColumns) -> tuple[Floats, ...]:
        """Its lines over `candles`: float64, as long as these, NaN where there is no value.

        The last value is the forming candle's, if there is one.  Raises `IndicatorError`.
        """
        lines = self.lines
        if not len(candles):
            return tuple(np.empty(0) for _ in lines)
        try:
            made = self.kind.compute(candles, **self.arguments)
            columns = (made,) if isinstance(made, np.ndarray) else tuple(made)
            columns = tuple(np.asarray(column, dtype=np.float64) for column in columns)
        except Exception as exc:
            raise IndicatorError(f"{self} cannot be computed: {type(exc).__name__}: {exc}") from exc
        if len(columns) != len(lines) or any(column.shape != (len(candles),) for column in columns):
            shapes = ", ".join(str(column.shape) for column in columns)
            raise IndicatorError(
                f"{self} must give {len(lines)} arrays of {len(candles)} numbers, not {shapes}"
            )
        return columns


def indicator(
    *,
    lines: Sequence[Line | str] | Callable[..., Sequence[Line]] = (),
    pane: Pane = "price",
    levels: Sequence[float] = (),
    warm_up: int | Callable[..., int] = 0,
    since: Since | None = None,
    name: str | None = None,
) -> Callable[[Compute], Kind]:
    """Make a `Kind` of a function.

    The function takes `CandleColumns` and its parameters, each with a default of type int, float or str, and returns an
    array as long as the candles, or one for each of `lines`.  The first line of its docstring is the title.  `warm_up` is
    a number of candles or a function of the parameters; `since(time_us, interval, timezone, **parameters)` is for what
    counts from an instant, see `Indicator.since`.  Raises `IndicatorError` for a function that is none of this.
    """

    def make(compute: Compute) -> Kind:
        called = name or compute.__name__
        if not called.isidentifier():
            raise IndicatorError(f"indicator {called!r} needs a name like those of Python")
        title = (inspect.getdoc(compute) or called).partition("\n")[0].rstrip(".")
        fixed = (
            [Line(each) if isinstance(each, str) else each for each in lines] if not callable(lines) else []
        )
        return Kind(
            called,
            title,
            tuple(_parameters(compute)),
            lines if callable(lines) else lambda **_: fixed or [Line(called)],
            pane,
            tuple(levels),
            warm_up if callable(warm_up) else lambda **_: warm_up,
            since,
            compute,
        )

    return make


def _parameters(compute: Compute) -> list[Parameter]:
    hints = get_type_hints(compute, include_extras=True)
    found = []
    for each in list(inspect.signature(compute).parameters.values())[1:]:
        if each.default is inspect.Parameter.empty or type(each.default) not in (int, float, str):
            raise IndicatorError(
                f"parameter {each.name} of {compute.__name__} needs a default: a number or a text"
            )
        found.append(_parameter(each.name, each.default, hints.get(each.name)))
    return found


def _parameter(name: str, default: Any, hint: Any) -> Parameter:
    marks: tuple[Any, ...] = ()
    if get_origin(hint) is Annotated:
        hint, *rest = get_args(hint)
        marks = tuple(rest)
    kind = type(default)
    bounds = next((mark for mark in marks if isinstance(mark, Between)), None)
    if bounds is None and kind is int:
        bounds = Between(min(1, default), max(MAX_PERIOD, default))
    check = next((mark.check for mark in marks if isinstance(mark, Text)), None)
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    return Parameter(name, kind, default, bounds, choices, check)
