"""When a market trades: opens, closes, half days and holidays of exchanges, by exchange-calendars.

Instruments without an exchange, or with one that has no calendar, trade around the clock: each day by their
day rule is one trading session.  All instants are UTC, µs since the epoch.  Pure computation, but the first question
about an exchange loads its calendar (about 2 s once, 0.2 s a year): event loops ask in a thread.
"""

from __future__ import annotations

import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.buckets import date_of, day_of
from tickdeck.db.market.types import MAX_TIME_US, MIN_TIME_US, from_us, to_us

LONGEST_CLOSURE: Final = timedelta(days=30)
"""How far around an instant a neighbouring trading session is looked for."""

EXTENDED_HOURS: Final = {"XNYS": (time(4), time(20))}
"""Local times between which a calendar's markets trade on its trading days; XNYS stands for all US equities."""


@dataclass(frozen=True, slots=True, order=True)
class TradingSession:
    """Regular hours `[open_us, close_us)` of one market day, less `[break_us[0], break_us[1])` where it has one."""

    open_us: int
    close_us: int
    date: date
    """The exchange's own name of the day; an overnight market opens the evening before."""
    break_us: tuple[int, int] | None = None
    half_day: bool = False
    """Closes earlier than usual."""

    def hours(self) -> list[tuple[int, int]]:
        """The half-open stretches of trading, oldest first: one, or two around a break."""
        if self.break_us is None:
            return [(self.open_us, self.close_us)]
        return [(self.open_us, self.break_us[0]), (self.break_us[1], self.close_us)]


class TradingCalendar:
    """The trading sessions of one exchange (MIC or alias), or of an instrument that trades around the clock."""

    def __init__(self, exchange: str | None, days: str) -> None:
        """`days`: the day rule (see `db.market.buckets`), whose zone must be an IANA one, else `MarketDataError`.

        An unknown `exchange` never closes.
        """
        self._days = days
        timezone = days.partition(" ")[0]
        try:
            self.zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError) as exc:
            raise MarketDataError(f"time zone {timezone!r} is unknown") from exc
        self.exchange = _resolve(exchange)
        """The calendar's name; None: around the clock."""

    def day(self, time_us: int) -> date:
        """The date of the instrument's day that holds an instant: the day its day candle belongs to."""
        return date_of(time_us, self._days)

    def day_bounds(self, day: date) -> tuple[int, int]:
        """`[start, next start)` of the instrument's day of that date; 23 or 25 hours where clocks change."""
        bucket = day_of(day, self._days)
        return bucket.first_us, bucket.end_us

    def sessions(self, start_us: int, end_us: int) -> list[TradingSession]:
        """The trading sessions whose regular hours meet `[start_us, end_us)`, oldest first."""
        if end_us <= start_us:
            return []
        return [s for s in self._around(start_us, end_us) if s.open_us < end_us and s.close_us > start_us]

    def regular_hours(self, start_us: int, end_us: int) -> list[tuple[int, int]]:
        """The half-open stretches of regular trading within `[start_us, end_us)`, oldest first."""
        return [
            (max(opened, start_us), min(closed, end_us))
            for session in self.sessions(start_us, end_us)
            for opened, closed in session.hours()
            if opened < end_us and closed > start_us
        ]

    def is_regular(self, time_us: int) -> bool:
        """Whether an instant lies in regular hours."""
        return bool(self.regular_hours(time_us, time_us + 1))

    def session_of_day(self, day: date) -> TradingSession | None:
        """The trading session named `day`; None on a holiday."""
        start_us, end_us = self.day_bounds(day)
        return next((s for s in self._around(start_us, end_us) if s.date == day), None)

    def trading_day(self, day: date) -> tuple[int, int]:
        """When `day` trades, hours before the open and after the close included: `[start, end)`.

        Where those hours are not known that is the whole day, and an overnight session as far as it reaches.
        """
        start_us, end_us = self.day_bounds(day)
        session = self.session_of_day(day)
        if session is None or self.exchange is None:
            return start_us, end_us
        if self.exchange not in EXTENDED_HOURS:
            return min(start_us, session.open_us), max(end_us, session.close_us)
        first, last = (datetime.combine(day, at, self.zone) for at in EXTENDED_HOURS[self.exchange])
        return to_us(first), to_us(last)

    def session_bounds(self, time_us: int) -> tuple[int, int]:
        """`[start, end)` of the trading session that an instant is reckoned to, whatever the hour: no time lies between two.

        It starts where the instrument's day does, or at the open where that is on the evening before.
        """
        day = self.day(time_us)
        starts = sorted(self._session_start(day + timedelta(days=away)) for away in (-1, 0, 1, 2))
        place = bisect_right(starts, time_us)
        return starts[place - 1], starts[place]

    def _session_start(self, day: date) -> int:
        start_us = self.day_bounds(day)[0]
        if self.exchange is None:
            return start_us
        session = self.session_of_day(day)
        return start_us if session is None else min(start_us, session.open_us)

    def next_open(self, after_us: int) -> int | None:
        """The first open later than `after_us`; None if the calendar knows none within 30 days."""
        opens = [s.open_us for s in self._near(after_us)]
        place = bisect_right(opens, after_us)
        return opens[place] if place < len(opens) else None

    def next_close(self, after_us: int) -> int | None:
        """The first close later than `after_us`; None if the calendar knows none within 30 days."""
        closes = [s.close_us for s in self._near(after_us)]
        place = bisect_right(closes, after_us)
        return closes[place] if place < len(closes) else None

    def previous_open(self, before_us: int) -> int | None:
        """The last open earlier than `before_us`; None if the calendar knows none within 30 days."""
        opens = [s.open_us for s in self._near(before_us)]
        place = bisect_left(opens, before_us)
        return opens[place - 1] if place else None

    def _near(self, time_us: int) -> list[TradingSession]:
        reach = LONGEST_CLOSURE // timedelta(microseconds=1)
        return self.sessions(max(MIN_TIME_US, time_us - reach), min(MAX_TIME_US, time_us + reach))

    def _around(self, start_us: int, end_us: int) -> Iterator[TradingSession]:
        """All that may meet the range: a session lies within two days of its date in any zone."""
        first = from_us(max(MIN_TIME_US, start_us)).date() - timedelta(days=2)
        last = from_us(min(MAX_TIME_US, end_us)).date() + timedelta(days=2)
        if self.exchange is None:
            yield from _every_day(first, last, self._days)
            return
        for year in range(first.year, last.year + 1):
            known = _year(self.exchange, year)
            if known is None:  # a year the calendar says nothing of
                yield from _every_day(max(first, date(year, 1, 1)), min(last, date(year, 12, 31)), self._days)
            else:
                yield from (s for s in known if first <= s.date <= last)


def _every_day(first: date, last: date, days: str) -> Iterator[TradingSession]:
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        bucket = day_of(day, days)
        yield TradingSession(bucket.first_us, bucket.end_us, day)


def _resolve(exchange: str | None) -> str | None:
    if not exchange:
        return None
    import exchange_calendars  # noqa: PLC0415 - two seconds that only those pay who ask
    from exchange_calendars.errors import InvalidCalendarName  # noqa: PLC0415

    try:
        return str(exchange_calendars.resolve_alias(exchange.upper()))
    except InvalidCalendarName:
        return None


@lru_cache(maxsize=256)
def _year(exchange: str, year: int) -> tuple[TradingSession, ...] | None:
    """All trading sessions dated in `year`; None where the calendar does not reach so far."""
    import exchange_calendars  # noqa: PLC0415
    from exchange_calendars.errors import CalendarError  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the library's own use of pandas
            calendar = exchange_calendars.get_calendar(exchange, start=f"{year}-01-01", end=f"{year}-12-31")
    except (ValueError, CalendarError):  # outside the calendar's bounds, or no session at all
        return None
    early = set(calendar.early_closes)
    found = []
    for row in calendar.schedule.itertuples():
        has_break = row.break_start == row.break_start  # NaT is not itself
        found.append(
            TradingSession(
                to_us(row.open.to_pydatetime()),
                to_us(row.close.to_pydatetime()),
                row.Index.date(),
                (to_us(row.break_start.to_pydatetime()), to_us(row.break_end.to_pydatetime()))
                if has_break
                else None,
                row.Index in early,
            )
        )
    return tuple(found)
