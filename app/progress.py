"""The bar that the first start shows while the database is downloaded and made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from db.embedded import Progress as Report


@contextmanager
def progress_bar(console: Console) -> Iterator[Report]:
    """Yield a function that takes a message and a fraction (None: unknown); nothing is drawn before its first call."""
    bar = Progress(
        TextColumn("[progress.description]{task.description}"),
        BarColumn(bar_width=32),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    task = bar.add_task("", total=None, visible=False)

    def report(message: str, fraction: float | None) -> None:
        if not bar.live.is_started:
            bar.start()
        bar.update(
            task,
            description=message,
            completed=fraction or 0.0,
            total=1.0 if fraction is not None else None,
            visible=True,
        )

    try:
        yield report
    finally:
        if bar.live.is_started:
            bar.stop()
