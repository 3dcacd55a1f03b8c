"""What the embedded database tells about itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[str, float | None], None]
"""Told what is going on and how far it has come: 0.0 to 1.0 of the whole installation, None where unknown."""


def silent(_message: str, _fraction: float | None) -> None:
    """The progress nobody asked for."""


@dataclass(frozen=True, slots=True)
class Status:
    """The embedded server at one moment."""

    running: bool
    pid: int | None
    url: str
    """Where it answers, or would answer once started."""
    postgresql: str | None
    """Version of the programs, e.g. "17.6"; None before they are installed."""
    timescaledb: str | None
    data_dir: Path
    size: int
    """Bytes on disk of the database (programs not included), 0 before the first start."""
