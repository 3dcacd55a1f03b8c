"""What is raised where the embedded database cannot work."""

from __future__ import annotations

from tickdeck.db.errors import TickdeckError


class EmbeddedUnavailable(TickdeckError):  # noqa: N818 - reads as what it is where it is caught
    """The embedded TimescaleDB cannot be had on this machine; the message says why and names the ways out."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the embedded TimescaleDB cannot run here: {why.rstrip('.')}. Two ways out: start one with "
            "`docker compose up`, or set DATABASE_URL to the address of a TimescaleDB of your own."
        )
        self.why = why


class BackupError(TickdeckError):
    """A backup cannot be made, or not be restored; the message says why and what helps."""
