"""Every error Tickdeck raises on purpose.

Standard library only.  A message names what was wrong and where (symbol, file, line, field) and, where there
is one, the way out; the command line prints it without a traceback.
"""

from __future__ import annotations

from typing import Final


class TickdeckError(Exception):
    """Root of all errors that a user can cause or mend."""


class ConfigurationError(TickdeckError):
    """A setting or an option that cannot be used."""


class MarketDataError(TickdeckError):
    """A value that is no market data: unknown interval, naive time, impossible price."""


class DatabaseError(TickdeckError):
    """The database refused or could not be reached; the driver's error is the `__cause__`."""


class DatabaseUnavailableError(DatabaseError):
    """No connection could be made, it was lost, or the server could not do it now: trying again may help.

    No disk or memory left, a standby that only reads, and what took too long are of this kind.
    """


class SchemaError(DatabaseError):
    """The schema is missing, older or newer than this code, or the server cannot carry it."""


class ForeignDatabaseError(SchemaError):
    """The database holds other tables than Tickdeck's; nothing was written."""


class UnknownSymbolError(TickdeckError):
    """A symbol of which nothing is stored."""

    def __init__(self, symbol: str) -> None:
        super().__init__(f"symbol {symbol!r} is unknown")
        self.symbol = symbol


class ConflictError(TickdeckError):
    """Something was changed elsewhere since whoever changes it now has read it."""


class FeedRunsError(TickdeckError):
    """Another process runs the feed on this database."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the feed {name!r} runs on this database already, in another process: stop that one first, show what it "
            "writes with `tickdeck run --no-feed --port 0`, or name another database in DATABASE_URL"
        )


MAX_EXCERPT: Final = 80


def printable(text: str) -> str:
    """`text` with escapes for control characters and for what UTF-8 cannot say: nothing in it moves a terminal's cursor,
    begins another line, or turns what stands beside it around.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def excerpt(value: object) -> str:
    """Somebody's value as a complaint names it: short, whatever it is."""
    text = repr(value)
    return text if len(text) <= MAX_EXCERPT else text[:MAX_EXCERPT] + "…"
