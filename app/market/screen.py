"""Filters of the watchlist: `chg% > 3 and volume > 1M`, read into a function over one row.

The grammar, by precedence: `or`, `and`, `not`, comparisons, `+ -`, `* /`, numbers and fields, parentheses.  Numbers may
end in K, M, B or %; of words, `symbol`, `name`, `exchange` and `venue` are compared with = and != to a text, or with ~
to a part of one, in any case.  A field that has no value makes its comparison false, whichever it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from tickdeck.app.market.quotes import QuoteRow
from tickdeck.db.errors import MarketDataError, excerpt

MOST_OF_TEXT: Final = 200
MOST_NESTED: Final = 20

Number: TypeAlias = Callable[[QuoteRow], float | None]
Test: TypeAlias = Callable[[QuoteRow], bool]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?|\.\d+)(?P<unit>[kmb%])?(?![\w%])"
    r'|"(?P<quoted>[^"]*)"'
    r"|(?P<word>[a-z][\w./:-]*%?)"
    r"|(?P<sign><=|>=|!=|<>|==|[<>=~()+*/-]))",
    re.IGNORECASE,
)
_UNITS: Final = {"": 1.0, "%": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}


class ScreenError(MarketDataError):
    """A filter that cannot be understood; the message says which part."""


class Screen(NamedTuple):
    """A filter: its text, without spaces around it, and whether a row passes."""

    text: str
    passes: Test


class _Part(NamedTuple):
    """A piece of the text, and where it is."""

    kind: str
    text: str
    at: int
    value: float = 0.0


def _reference(row: QuoteRow) -> float:
    return row.day.open if row.previous_close is None else row.previous_close


def _change(row: QuoteRow) -> float | None:
    return None if row.last is None else row.last - _reference(row)


def _change_pct(row: QuoteRow) -> float | None:
    reference = _reference(row)
    return None if row.last is None or not reference else 100 * (row.last - reference) / reference


def _spread(row: QuoteRow) -> float | None:
    return None if row.bid is None or row.ask is None else row.ask - row.bid


def _spread_pct(row: QuoteRow) -> float | None:
    spread, middle = _spread(row), ((row.bid or 0) + (row.ask or 0)) / 2
    return None if spread is None or not middle else 100 * spread / middle


def _range(row: QuoteRow) -> float | None:
    """Where the last price is in the day's range: 0 at its low, 100 at its high."""
    day = row.day
    if row.last is None or not day.priced or day.high <= day.low:
        return None
    return 100 * (row.last - day.low) / (day.high - day.low)


def _edge(name: str) -> Number:
    return lambda row: float(getattr(row.day, name)) if row.day.priced else None


NUMBERS: Final[dict[str, Number]] = {
    "last": lambda row: row.last,
    "chg": _change,
    "chg%": _change_pct,
    "bid": lambda row: row.bid,
    "ask": lambda row: row.ask,
    "spread": _spread,
    "spread%": _spread_pct,
    "volume": lambda row: row.day.volume,
    "turnover": lambda row: row.day.turnover,
    "trades": lambda row: float(row.day.trades),
    "vwap": lambda row: row.day.turnover / row.day.volume if row.day.volume else None,
    "open": _edge("open"),
    "high": _edge("high"),
    "low": _edge("low"),
    "range%": _range,
}
"""What a filter may compare as a number, of the day that the row shows."""
_SAME: Final = {"price": "last", "change": "chg", "change%": "chg%", "vol": "volume"}

TEXTS: Final[dict[str, Callable[[QuoteRow], str]]] = {
    "symbol": lambda row: row.symbol,
    "name": lambda row: row.instrument.name or "",
    "exchange": lambda row: row.instrument.exchange or "",
    "venue": lambda row: row.symbol.partition(":")[0] if ":" in row.symbol else "",
}
"""What a filter may compare as a text."""

_COMPARED: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
_SPELT: Final = {"==": "=", "<>": "!="}


def parse_screen(text: str) -> Screen:
    """Read a filter; raise `ScreenError`, which says where it is not understood."""
    stripped = text.strip()
    if not stripped or len(stripped) > MOST_OF_TEXT:
        raise ScreenError(f"a filter is a text of 1 to {MOST_OF_TEXT} characters")
    reader = _Reader(_parts(stripped))
    test = reader.either(0)
    reader.end()
    return Screen(stripped, test)


def _parts(text: str) -> list[_Part]:
    parts = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ScreenError(f"filter: {excerpt(text[at:].strip())} is not understood")
        kind = found.lastgroup or ""
        start = found.start() + len(found[0]) - len(found[0].lstrip())
        if found["number"] is not None:
            value = float(found["number"]) * _UNITS[(found["unit"] or "").lower()]
            parts.append(_Part("number", found[0].strip(), start, value))
        else:
            parts.append(_Part(kind, found[kind], start))
        at = found.end()
    return parts


class _Reader:
    """Reads the parts from the left, one method a level of the grammar."""

    def __init__(self, parts: list[_Part]) -> None:
        self._parts = parts
        self._at = 0

    def end(self) -> None:
        if self._at < len(self._parts):
            raise ScreenError(
                f"filter: {excerpt(self._parts[self._at].text)} is one too many; join with and, or"
            )

    def either(self, depth: int) -> Test:
        tests = [self._both(depth)]
        while self._word("or"):
            tests.append(self._both(depth))
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _both(self, depth: int) -> Test:
        tests = [self._one(depth)]
        while self._word("and"):
            tests.append(self._one(depth))
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _one(self, depth: int) -> Test:
        if depth > MOST_NESTED:
            raise ScreenError(f"filter: nested more than {MOST_NESTED} levels deep")
        if self._word("not"):
            test = self._one(depth + 1)
            return lambda row: not test(row)
        if self._starts_group():
            self._at += 1
            test = self.either(depth + 1)
            self._close()
            return test
        part = self._peek()
        if part is not None and part.kind == "word" and part.text.lower() in TEXTS:
            return self._text_test()
        return self._comparison(depth)

    def _starts_group(self) -> bool:
        """Whether a parenthesis that opens here holds tests, not numbers: it is followed by what only a test has."""
        if not self._is_sign("("):
            return False
        depth = 0
        for part in self._parts[self._at :]:
            if part.kind == "sign" and part.text == "(":
                depth += 1
            elif part.kind == "sign" and part.text == ")":
                depth -= 1
                if depth == 0:
                    return False
            elif (part.kind == "sign" and part.text[0] in "<>=!~") or (
                part.kind == "word" and part.text.lower() in {"and", "or", "not"}
            ):
                return True
        return False

    def _text_test(self) -> Test:
        field = TEXTS[self._take().text.lower()]
        sign = self._sign("=", "==", "!=", "<>", "~")
        part = self._take()
        if part.kind not in {"word", "quoted", "number"}:
            raise ScreenError(f"filter: a text is wanted, not {excerpt(part.text)}")
        wanted = part.text.lower()
        if sign == "~":
            return lambda row: wanted in field(row).lower()
        if sign in {"=", "=="}:
            return lambda row: field(row).lower() == wanted
        return lambda row: field(row).lower() != wanted

    def _comparison(self, depth: int) -> Test:
        left = self._sum(depth)
        sign = self._sign("<", "<=", ">", ">=", "=", "==", "!=", "<>")
        compared, right = _COMPARED[_SPELT.get(sign, sign)], self._sum(depth)

        def test(row: QuoteRow) -> bool:
            one, other = left(row), right(row)
            return one is not None and other is not None and compared(one, other)

        return test

    def _sum(self, depth: int) -> Number:
        value = self._product(depth)
        while self._is_sign("+", "-"):
            value = _joined(self._take().text, value, self._product(depth))
        return value

    def _product(self, depth: int) -> Number:
        value = self._atom(depth)
        while self._is_sign("*", "/"):
            value = _joined(self._take().text, value, self._atom(depth))
        return value

    def _atom(self, depth: int) -> Number:
        if depth > MOST_NESTED:
            raise ScreenError(f"filter: nested more than {MOST_NESTED} levels deep")
        part = self._take()
        if part.kind == "number":
            return _constant(part.value)
        if part.kind == "sign" and part.text == "-":
            return _joined("-", _constant(0.0), self._atom(depth + 1))
        if part.kind == "sign" and part.text == "(":
            value = self._sum(depth + 1)
            self._close()
            return value
        name = part.text.lower()
        field = NUMBERS.get(_SAME.get(name, name)) if part.kind == "word" else None
        if field is None:
            raise ScreenError(f"filter: {excerpt(part.text)} is no number; there are {' '.join(NUMBERS)}")
        return field

    def _close(self) -> None:
        if not self._is_sign(")"):
            raise ScreenError("filter: a ) is missing")
        self._at += 1

    def _peek(self) -> _Part | None:
        return self._parts[self._at] if self._at < len(self._parts) else None

    def _take(self) -> _Part:
        part = self._peek()
        if part is None:
            raise ScreenError("filter: something is missing at its end, as in: chg% > 3 and volume > 1M")
        self._at += 1
        return part

    def _word(self, word: str) -> bool:
        part = self._peek()
        if part is None or part.kind != "word" or part.text.lower() != word:
            return False
        self._at += 1
        return True

    def _is_sign(self, *signs: str) -> bool:
        part = self._peek()
        return part is not None and part.kind == "sign" and part.text in signs

    def _sign(self, *signs: str) -> str:
        part = self._take()
        if part.kind != "sign" or part.text not in signs:
            raise ScreenError(f"filter: one of {' '.join(signs)} is wanted, not {excerpt(part.text)}")
        return part.text


def _constant(value: float) -> Number:
    return lambda _: value


def _joined(sign: str, left: Number, right: Number) -> Number:
    def value(row: QuoteRow) -> float | None:
        one, other = left(row), right(row)
        if one is None or other is None:
            return None
        if sign == "+":
            return one + other
        if sign == "-":
            return one - other
        if sign == "*":
            return one * other
        made = one / other if other else math.nan
        return None if math.isnan(made) else made

    return value


class Screening:
    """Which rows pass a screen, kept up as they change; `born` is the version from which on changes are known."""

    def __init__(self, screen: Screen, rows: list[QuoteRow], version: int) -> None:
        self.screen = screen
        self.born = self.version = version
        self.inside = {row.symbol for row in rows if screen.passes(row)}
        self._moved: dict[str, int] = {}
        """The version in which a symbol came in or went out last, the newest at the end."""

    def update(self, changed: list[QuoteRow], version: int) -> None:
        """Take the rows that changed since `version` of before."""
        for row in changed:
            inside = self.screen.passes(row)
            if inside != (row.symbol in self.inside):
                (self.inside.add if inside else self.inside.discard)(row.symbol)
                self._moved.pop(row.symbol, None)
                self._moved[row.symbol] = version
        self.version = version

    def moved_since(self, version: int) -> tuple[list[str], list[str]]:
        """The symbols that pass now and those that do not, of all that came in or went out after `version`."""
        came: list[str] = []
        went: list[str] = []
        for symbol, at in reversed(self._moved.items()):
            if at <= version:
                break
            (came if symbol in self.inside else went).append(symbol)
        return came, went
