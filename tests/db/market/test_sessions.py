"""The trading calendar against days whose hours are on record."""

from datetime import UTC, date, datetime

import pytest

from tickdeck.db.errors import MarketDataError
from tickdeck.db.market.sessions import TradingCalendar
from tickdeck.db.market.types import to_us


def us(text: str) -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.fixture(scope="module")
def new_york() -> TradingCalendar:
    return TradingCalendar("XNYS", "America/New_York")


def test_regular_hours_of_a_summer_day(new_york: TradingCalendar) -> None:
    session = new_york.session_of_day(date(2013, 10, 7))
    assert session is not None
    assert (session.open_us, session.close_us) == (us("2013-10-07T13:30"), us("2013-10-07T20:00"))
    assert session.half_day is False
    assert new_york.is_regular(session.open_us)
    assert not new_york.is_regular(session.open_us - 1)
    assert not new_york.is_regular(session.close_us)
    assert new_york.is_regular(session.close_us - 1)


def test_open_moves_with_the_zone_s_clocks(new_york: TradingCalendar) -> None:
    winter = new_york.session_of_day(date(2013, 12, 2))
    assert winter is not None
    assert winter.open_us == us("2013-12-02T14:30")


def test_holiday_and_half_day(new_york: TradingCalendar) -> None:
    assert new_york.session_of_day(date(2013, 11, 28)) is None  # Thanksgiving
    friday = new_york.session_of_day(date(2013, 11, 29))
    assert friday is not None
    assert friday.half_day
    assert friday.close_us == us("2013-11-29T18:00")


def test_neighbours_skip_weekend_and_new_year(new_york: TradingCalendar) -> None:
    friday_night = us("2013-10-05T01:00")
    assert new_york.next_open(friday_night) == us("2013-10-07T13:30")
    assert new_york.previous_open(friday_night) == us("2013-10-04T13:30")
    assert new_york.next_close(us("2013-10-07T20:00")) == us("2013-10-08T20:00")
    assert new_york.next_close(us("2013-10-07T13:30")) == us("2013-10-07T20:00")
    assert new_york.next_open(us("2013-12-31T22:00")) == us("2014-01-02T14:30")


def test_a_range_takes_what_it_meets(new_york: TradingCalendar) -> None:
    week = new_york.sessions(us("2013-10-05T00:00"), us("2013-10-12T00:00"))
    assert [s.date.day for s in week] == [7, 8, 9, 10, 11]
    opened = us("2013-10-07T13:30")
    assert new_york.sessions(opened - 5, opened) == []
    assert new_york.sessions(opened, opened) == []
    assert new_york.regular_hours(opened - 5, opened + 5) == [(opened, opened + 5)]


def test_lunch_break_is_no_regular_trading() -> None:
    hong_kong = TradingCalendar("XHKG", "Asia/Hong_Kong")
    session = hong_kong.session_of_day(date(2024, 1, 3))
    assert session is not None
    assert session.hours() == [
        (us("2024-01-03T01:30"), us("2024-01-03T04:00")),
        (us("2024-01-03T05:00"), us("2024-01-03T08:00")),
    ]
    assert not hong_kong.is_regular(us("2024-01-03T04:30"))


def test_overnight_market_opens_the_evening_before() -> None:
    chicago = TradingCalendar("CMES", "America/Chicago")
    session = chicago.session_of_day(date(2024, 1, 3))
    assert session is not None
    assert session.open_us == us("2024-01-02T23:00")
    assert chicago.sessions(session.open_us, session.open_us + 1) == [session]


@pytest.mark.parametrize("exchange", [None, "", "NOWHERE"])
def test_without_a_calendar_every_day_of_the_zone_is_open(exchange: str | None) -> None:
    kolkata = TradingCalendar(exchange, "Asia/Kolkata")
    instant = us("2024-01-06T20:00")  # a Sunday, 01:30 there
    assert kolkata.is_regular(instant)
    assert kolkata.day(instant) == date(2024, 1, 7)
    session = kolkata.session_of_day(date(2024, 1, 7))
    assert session is not None
    assert session.open_us == us("2024-01-06T18:30")
    assert kolkata.next_open(instant) == us("2024-01-07T18:30")


def test_a_day_is_23_or_25_hours_where_clocks_change() -> None:
    new_york = TradingCalendar(None, "America/New_York")
    hours = {
        day: (end - start) // 3_600_000_000
        for day in (date(2024, 3, 10), date(2024, 3, 11), date(2024, 11, 3))
        for start, end in [new_york.day_bounds(day)]
    }
    assert list(hours.values()) == [23, 24, 25]


def test_aliases_and_years_a_calendar_does_not_know() -> None:
    assert TradingCalendar("ARCX", "America/New_York").exchange == "XNYS"
    shanghai = TradingCalendar("XSHG", "Asia/Shanghai")  # its holidays are known from 1990 on
    assert shanghai.is_regular(us("1980-01-06T12:00"))


def test_unknown_zone_is_named() -> None:
    with pytest.raises(MarketDataError, match="Mars/Olympus"):
        TradingCalendar("XNYS", "Mars/Olympus")


def test_trading_day_has_the_hours_around_the_session(new_york: TradingCalendar) -> None:
    assert new_york.trading_day(date(2013, 10, 7)) == (us("2013-10-07T08:00"), us("2013-10-08T00:00"))
    assert new_york.trading_day(date(2013, 11, 28)) == (us("2013-11-28T05:00"), us("2013-11-29T05:00"))
    tokyo = TradingCalendar("XTKS", "Asia/Tokyo")
    assert tokyo.trading_day(date(2024, 1, 4)) == (us("2024-01-03T15:00"), us("2024-01-04T15:00"))
    chicago = TradingCalendar("CMES", "America/Chicago")
    assert chicago.trading_day(date(2024, 1, 3)) == (us("2024-01-02T23:00"), us("2024-01-04T06:00"))


def test_sessions_leave_no_time_between_them_and_begin_the_evening_before_where_the_market_does(
    new_york: TradingCalendar,
) -> None:
    friday = us("2013-12-06T20:30")
    assert new_york.session_bounds(friday) == (us("2013-12-06T05:00"), us("2013-12-07T05:00"))
    chicago = TradingCalendar("CMES", "America/Chicago")
    assert chicago.session_bounds(friday) == (us("2013-12-05T23:00"), us("2013-12-07T06:00"))
    assert chicago.session_bounds(us("2013-12-08T23:00")) == (us("2013-12-08T23:00"), us("2013-12-09T23:00"))
