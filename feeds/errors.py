"""What a feed can fail with as a whole; a single bad row is a reject instead (`feeds.rejects`)."""

from __future__ import annotations

from tickdeck.db.errors import TickdeckError, printable


class FeedError(TickdeckError):
    """A feed cannot start or cannot go on."""


class FileError(FeedError):
    """A file that cannot be read as ticks, named with the line and the field where they are known."""

    def __init__(self, file: str, reason: str, *, line: int | None = None, field: str | None = None) -> None:
        name = printable(file)
        where = name if line is None else f"{name}, line {line}"
        where = where if field is None else f"{where}, field {field}"
        super().__init__(f"{where}: {reason}")
        self.file = file
        self.line = line
        self.field = field
