"""Makes new symbols known before their first tick: where they trade, and how their prices are shown.

The day candles of a symbol follow its time zone, so it is better known early than corrected late.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tickdeck.db.errors import ConfigurationError, MarketDataError
from tickdeck.db.instruments import list_instruments, upsert_instruments
from tickdeck.db.market.buckets import is_known_zone, require_day_start
from tickdeck.db.market.rules import LARGEST
from tickdeck.db.market.types import Instrument, TickBatch
from tickdeck.db.session import Pool

SIP_LETTERS: Final = frozenset("ABCDHIJKLMNPQSTUVWXYZ")
"""The participants of the US consolidated tapes (CTA and UTP), as their one-letter codes."""
MAX_DECIMALS: Final = 30
"""Those of the smallest price that can be stored."""
_US_EASTERN: Final = "America/New_York"


@dataclass(frozen=True, slots=True)
class Venue:
    """Where symbols trade: `exchange` an ISO 10383 code or None (around the clock), the zone of its days, and when they
    start there (None: as it is known, else at midnight; see `Instrument.day_start`).
    """

    exchange: str | None
    timezone: str
    day_start: str | None = None

    @property
    def days(self) -> str:
        """The day rule of symbols that are not known yet (see `Instrument.days`)."""
        return Instrument("", timezone=self.timezone, day_start=self.day_start or "00:00").days

    @property
    def currency(self) -> str | None:
        return "USD" if self.exchange is not None and self.timezone == _US_EASTERN else None


US_EQUITIES: Final = Venue("XNYS", _US_EASTERN)


def parse_venue(exchange: str | None, timezone: str | None, day_start: str | None = None) -> Venue | None:
    """The venue a user states; None: to be told from the ticks.  `exchange` "none" is around the clock.

    Raises `ConfigurationError` for an exchange without a calendar, an unknown zone, or days that cannot start then.
    """
    if day_start is not None:
        try:
            require_day_start(day_start)
        except MarketDataError as exc:
            raise ConfigurationError(f"--day-start: {exc}") from exc
        if exchange is None and timezone is None:
            raise ConfigurationError(
                "--day-start is by the clocks of a zone: say it too (--exchange-timezone America/New_York)"
            )
    if timezone is not None and not is_known_zone(timezone):
        raise ConfigurationError(f"--exchange-timezone {timezone!r} is unknown")
    if exchange is None:
        return None if timezone is None else Venue(None, timezone, day_start)
    if exchange.lower() == "none":
        return Venue(None, timezone or "UTC", day_start)
    return Venue(exchange.upper(), timezone or _zone_of(exchange.upper()), day_start)


def _zone_of(exchange: str) -> str:
    import exchange_calendars  # noqa: PLC0415 - takes a second, and only this option needs it
    from exchange_calendars.errors import InvalidCalendarName  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the library's own use of pandas
            # A short range: the calendar is computed day by day, and only its zone is asked for.
            calendar = exchange_calendars.get_calendar(exchange, start="2024-01-01", end="2024-02-01")
    except InvalidCalendarName as exc:
        raise ConfigurationError(
            f"--exchange {exchange!r} is unknown: give an ISO 10383 code such as XNYS, or none"
        ) from exc
    return str(calendar.tz)


class Registrar:
    """Stores the instruments of the symbols it has not seen before.

    With a stated venue every symbol that comes is set to it.  Without one, new symbols whose exchanges are all
    US tape letters become XNYS in New York time, and `assumed` names them; others trade around the clock.
    What an instrument is known to be is never changed without a stated venue.
    """

    def __init__(self, pool: Pool, venue: Venue | None = None) -> None:
        self.assumed: set[str] = set()
        self.symbols: set[str] = set()
        """All symbols that came."""
        self._pool = pool
        self._venue = venue
        self._known: dict[str, Instrument] | None = None

    async def see(self, ticks: TickBatch) -> None:
        """Have all symbols of `ticks` stored; raises `DatabaseUnavailableError` and may be asked again then."""
        codes, symbols = pd.factorize(ticks.symbol)
        fresh = [code for code, symbol in enumerate(symbols.tolist()) if symbol not in self.symbols]
        if not fresh:
            return
        if self._known is None:
            self._known = {each.symbol: each for each in await list_instruments(self._pool)}
        made, assumed = [], set()
        for code in fresh:
            symbol = str(symbols[code])
            known = self._known.get(symbol)
            if known is not None and self._venue is None:
                continue
            where = codes == code
            venue = self._venue or _venue_of(ticks, where)
            if self._venue is None and venue is US_EQUITIES:
                assumed.add(symbol)
            instrument = known or Instrument(symbol, price_decimals=decimals(ticks.price[where]))
            made.append(
                replace(
                    instrument,
                    exchange=venue.exchange,
                    timezone=venue.timezone,
                    currency=venue.currency or instrument.currency,
                    day_start=venue.day_start or instrument.day_start,
                )
            )
        if made:
            await upsert_instruments(self._pool, made)
        self.symbols.update(str(symbols[code]) for code in fresh)
        self.assumed |= assumed


def _venue_of(ticks: TickBatch, where: NDArray[np.bool_]) -> Venue:
    if ticks.exchange is None:
        return Venue(None, "UTC")
    letters = set(pd.unique(ticks.exchange[where]).tolist())
    return US_EQUITIES if letters and letters <= SIP_LETTERS else Venue(None, "UTC")


def decimals(prices: NDArray[np.float64]) -> int:
    """How many decimals show these prices: enough for 95 % of them, at least 2."""
    sizes = np.abs(prices)
    sizes = sizes[sizes <= LARGEST]  # others are refused
    if not len(sizes):
        return 2
    for count in range(2, MAX_DECIMALS):
        scaled = sizes * 10.0**count
        # What a mid or a sum adds to a decimal lies far below; a tiny price is no zero.
        if (np.abs(scaled - np.rint(scaled)) <= 1e-12 * scaled).mean() >= 0.95:
            return count
    return MAX_DECIMALS
