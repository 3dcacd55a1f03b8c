"""Tickdeck: a live market dashboard on TimescaleDB.

`from tickdeck import frames` reads candles and ticks as DataFrames, and stores them; `tickdeck.panel` shows what you make of
them on the dashboard; `tickdeck.indicators` is for making one of your own; `tickdeck.testing` is the pytest plugin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tickdeck.db import frames

__all__ = ["__version__", "frames"]
__version__: str


def __getattr__(name: str) -> Any:
    # On first use only: `python3 -m tickdeck.db.embedded` runs before anything is installed, pandas least of all.
    if name == "frames":
        from importlib import import_module

        return import_module("tickdeck.db.frames")
    if name == "__version__":
        from importlib.metadata import version

        return version("tickdeck")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
