"""Every error Tickdeck raises on purpose.

Standard library only.  A message names what was wrong and where (symbol, file, line, field) and, where there
is one, the way out; the command line prints it without a traceback.
"""

from __future__ import annotations


class TickdeckError(Exception):
    """Root of all errors that a user can cause or mend."""


class ConfigurationError(TickdeckError):
    """A setting or an option that cannot be used."""


class MarketDataError(TickdeckError):
    """A value that is no market data: unknown interval, naive time, impossible price."""


class DatabaseError(TickdeckError):
    """The database refused or could not be reached; the driver's error is the `__cause__`."""


class DatabaseUnavailableError(DatabaseError):
    """No connection could be made or it was lost; trying again may help."""


class SchemaError(DatabaseError):
    """The schema is missing, older or newer than this code, or the server cannot carry it."""


class UnknownSymbolError(TickdeckError):
    """A symbol of which nothing is stored."""

    def __init__(self, symbol: str) -> None:
        super().__init__(f"symbol {symbol!r} is unknown")
        self.symbol = symbol
