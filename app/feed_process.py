"""The feeds that `tickdeck run` starts: a child process each, so that making ticks never delays a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

RESTARTS: Final = "TICKDECK_FEED_RESTARTS"
"""Tells a feed how often it was started again; unset: it was started by hand."""


@dataclass(frozen=True, slots=True)
class FeedCommand:
    """Arguments of `tickdeck`; `lasts`: the feed has no end of its own, so one that ends is started again."""

    arguments: tuple[str, ...]
    lasts: bool = True

    @property
    def name(self) -> str:
        return self.arguments[1]


def walk_command(symbols: int, rate: float) -> FeedCommand:
    """The random walk; it backfills its history on the first start."""
    return FeedCommand(("feed", "walk", "--symbols", str(symbols), "--rate", str(rate)))


def csv_command(files: Sequence[Path], speed: str, *, shift_to_now: bool) -> FeedCommand:
    """Files, played."""
    options = ["--speed", speed, *(["--shift-to-now"] if shift_to_now else [])]
    return FeedCommand(("feed", "csv", *(str(file.absolute()) for file in files), *options), lasts=False)
