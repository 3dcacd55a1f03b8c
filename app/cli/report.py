"""What the feed commands print: a bar while they run, a table at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from tickdeck.app.cli.common import errors
from tickdeck.db.market.types import from_us
from tickdeck.db.registering import Registrar
from tickdeck.feeds.csv.load import CsvLoad
from tickdeck.feeds.rejects import RejectsFile
from tickdeck.feeds.writer import Counters, FeedWriter

_REFRESH_S = 0.2


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of a load, for people and as JSON."""

    counters: Counters
    seconds: float
    rejects: RejectsFile
    registrar: Registrar
    assumptions: dict[str, list[str]]

    def as_json(self) -> dict[str, Any]:
        counters = self.counters
        return {
            "rows": counters.done,
            "stored": counters.stored,
            "already": counters.already,
            "rejected": counters.rejected,
            "seconds": round(self.seconds, 3),
            "ticks_per_s": round(counters.done / self.seconds) if self.seconds else 0,
            "first": _time(counters.first_us),
            "last": _time(counters.last_us),
            "symbols": len(self.registrar.symbols),
            "assumed_us_equities": sorted(self.registrar.assumed),
            "assumptions": self.assumptions,
            "rejects_file": str(self.rejects.path) if self.rejects.count else None,
        }

    def show(self, console: Console) -> None:
        facts = self.as_json()
        lines = {
            "rows read": f"{facts['rows']:,}",
            "stored": f"{facts['stored']:,}",
            "already there": f"{facts['already']:,}",
            "rejected": f"[bold red]{facts['rejected']:,}[/]" if facts["rejected"] else "0",
            "ticks/s": f"{facts['ticks_per_s']:,} ({facts['seconds']:.1f} s)",
            "symbols": f"{facts['symbols']:,}",
        }
        if facts["first"]:
            lines["time range"] = f"{facts['first']} to {facts['last']}"
        for name, value in lines.items():
            console.print(f"{name:<14} {value}", highlight=False)
        for file, said in self.assumptions.items():
            console.print(f"{escape(file)} was read with: {escape('; '.join(said))}", highlight=False)
        if self.registrar.assumed:
            names = sorted(self.registrar.assumed)
            shown = ", ".join(names[:8]) + (f" and {len(names) - 8:,} more" if len(names) > 8 else "")
            console.print(
                f"{escape(shown)}: taken for US shares by the letters of their exchanges, so recorded as XNYS with "
                "days in New York time, in USD (--exchange none, or another exchange, says otherwise)",
                highlight=False,
            )
        if self.rejects.count:
            show_rejects(console, self.rejects)


def show_rejects(console: Console, rejects: RejectsFile) -> None:
    for each in rejects.first:
        console.print(
            f"  {escape(each.file)}, line {each.line}, {escape(each.field)}: {escape(each.reason[:200])}",
            highlight=False,
        )
    if rejects.count > len(rejects.first):
        console.print(f"  … {rejects.count - len(rejects.first):,} more")
    console.print(f"every refused row is in [bold]{escape(str(rejects.path))}[/]", highlight=False)


@asynccontextmanager
async def load_bar(load: CsvLoad, writer: list[FeedWriter]) -> AsyncIterator[None]:
    """A bar of the bytes read, with the ticks stored, until the block ends; none where nobody watches."""
    if not errors.is_terminal:
        yield
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TextColumn("{task.fields[ticks]:,} ticks"),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
    )

    async def refresh() -> None:
        task = bar.add_task("loading", total=load.size, ticks=0)
        while True:
            ticks = writer[0].counters.done if writer else 0
            waiting = bool(writer) and writer[0].waiting_for_database
            bar.update(
                task,
                completed=load.position,
                ticks=ticks,
                description="waiting for the database" if waiting else "loading",
            )
            await asyncio.sleep(_REFRESH_S)

    with bar:
        refreshing = asyncio.create_task(refresh())
        try:
            yield
        finally:
            refreshing.cancel()


def _time(time_us: int | None) -> str | None:
    return None if time_us is None else from_us(time_us).isoformat().replace("+00:00", "Z")


def say_ended(writers: list[FeedWriter], rejects: RejectsFile, done: str = "stored") -> None:
    """One line on standard error: what the feeds that have ended did."""
    if writers:
        stored = sum(writer.counters.stored for writer in writers)
        already = sum(writer.counters.already for writer in writers)
        errors.print(
            f"{done} {stored:,}, already there {already:,}, rejected {rejects.count:,}"
            + (f" (in {rejects.path})" if rejects.count else ""),
            highlight=False,
            markup=False,
        )
