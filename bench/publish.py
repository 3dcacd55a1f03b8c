"""`python -m bench.publish FOLDER`: puts the figures of FOLDER/*.json into the tables of docs/performance.md, the soak's into
docs/reliability.md.

Each file holds what `tickdeck bench NAME --json` printed; its tables replace what stands between `<!-- NAME -->` and
`<!-- end -->`.  A benchmark without a file keeps its tables.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from bench.report import Row

DOCS: Final = Path(__file__).parents[1] / "docs"
FACTS: Final = ("processor", "cores", "postgresql", "timescaledb", "edition", "browser", "load_15_min")
MILLION: Final = 1_000_000


def main(folder: Path) -> None:
    """Write the pages anew and print the tables."""
    for name, tables in TABLES.items():
        file = folder / f"{name}.json"
        if not file.exists():
            continue
        result = json.loads(file.read_text(encoding="utf-8"))
        facts = ", ".join(f"{key} {result['machine'][key]}" for key in FACTS if key in result["machine"])
        text = "\n\n".join([f"Measured on: {facts}.", *tables(result["rows"])])
        print(f"\n# {name}\n\n{text}")
        path = DOCS / ("reliability.md" if name == "soak" else "performance.md")
        page, found = re.subn(
            f"(<!-- {name} -->\n).*?(<!-- end -->)",
            lambda marks, text=text: f"{marks[1]}{text}\n{marks[2]}",  # type: ignore[misc]
            path.read_text(encoding="utf-8"),
            flags=re.DOTALL,
        )
        if found != 1:
            raise SystemExit(f"{path} has {found} places for {name}")
        path.write_text(page, encoding="utf-8")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def ingest(rows: Sequence[Row]) -> list[str]:
    """Ticks a second and ratios: batches by writers, then what is not a plain writer."""
    ways = [(1, 2), (1, 1), (4, 1)]
    own = {
        (row["ticks"], row["symbols"], row["batch"], row["writers"], row["in_flight"]): row
        for row in rows
        if row["path"] == "tickdeck"
    }
    cases = list(dict.fromkeys(key[:3] for key in own))
    lines = [
        [
            f"{ticks}, {symbols:,}",
            f"{batch:,}",
            *(_rate(own.get((ticks, symbols, batch, *way))) for way in ways),
        ]
        for ticks, symbols, batch in cases
    ]
    head = [
        "ticks, symbols",
        "batch",
        "one writer, two in flight",
        "one writer, one in flight",
        "four writers",
    ]
    rest = [
        [row["path"], f"{row['ticks']}, {row['symbols']:,}", f"{row['batch']:,}", _rate(row)]
        for row in rows
        if row["path"] != "tickdeck"
    ]
    return [table(head, lines), table(["path", "ticks, symbols", "batch", "ticks/s · ratio"], rest)]


def _rate(row: Row | None) -> str:
    if row is None:
        return ""
    return (
        f"{row['ticks_per_s']:,} · **{row['ratio']:.2f}** ({row['ratio_low']:.2f} to {row['ratio_high']:.2f})"
    )


def push(rows: Sequence[Row]) -> list[str]:
    """A line for each way and number of viewers; then the painted cell."""
    by = {(row["case"], row["way"], row["viewers"]): row for row in rows if "viewers" in row}
    lines = []
    for way, viewers in dict.fromkeys(key[1:] for key in by):
        lone, load = by.get(("lone tick", way, viewers)), by.get(("1000 ticks/s", way, viewers))
        cost = [f"{load['server_cpu_pct']:.0f} %", f"{load['kB_per_s_viewer']:.0f}"] if load else ["", ""]
        lines.append([way, f"{viewers:,}", _spread(lone), _spread(load), *cost])
    painted = [
        [row["way"], _spread(row), str(row["ticks"])] for row in rows if row["case"] == "lone tick painted"
    ]
    head = ["", "viewers", "lone tick, ms", "1,000 ticks/s, ms", "CPU", "kB/s a viewer"]
    return [
        "p50 / p95 / p99:",
        table(head, lines),
        table(["lone tick, painted in Chromium", "ms", "ticks"], painted),
    ]


def _spread(row: Row | None) -> str:
    if row is None or row["p50_ms"] is None:
        return ""
    return " / ".join(_short(row[key]) for key in ("p50_ms", "p95_ms", "p99_ms"))


def history(rows: Sequence[Row]) -> list[str]:
    """Warm, cold, and the largest beside the smallest and beside the raw ticks."""
    by = {(row["interval"], row["stored_ticks"], row["age"], row["cache"]): row for row in rows}
    intervals = list(dict.fromkeys(row["interval"] for row in rows))
    sizes = sorted({row["stored_ticks"] for row in rows})
    columns = [(size, age) for size in sizes for age in ("recent", "old")]
    found = []
    for cache in ("warm", "cold"):
        head = [f"{cache}, p50 / p95 in ms", *(f"{size // MILLION} M {age}" for size, age in columns)]
        lines = [
            [each, *(_median(by[each, size, age, cache]) for size, age in columns)] for each in intervals
        ]
        found.append(table(head, lines))
    last = f"{sizes[-1] // MILLION} M"
    head = [
        f"{last} beside {sizes[0] // MILLION} M, warm", "recent", "old",
        f"folding the raw ticks, {last} recent", "ratio",
    ]  # fmt: skip
    lines = []
    for each in intervals:
        pair = [by[each, sizes[-1], age, "warm"] for age in ("recent", "old")]
        raw = [f"{_short(pair[0]['baseline_ms'])} ms", f"{pair[0]['ratio']:.3f}"]
        lines.append([each, *(_times(row["against_smallest"]) for row in pair), *raw])
    return [*found, table(head, lines)]


def _median(row: Row) -> str:
    return f"{_short(row['ms'])} / {_short(row['ms_p95'])}"


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def replay(rows: Sequence[Row]) -> list[str]:
    """As fast as possible, and everything that is a spread of milliseconds."""
    fast = [
        [row["case"], f"{row['ticks']:,}", f"{row['ticks_per_s']:,.0f}", f"{row['ratio']:.2f}"]
        for row in rows
        if "ticks_per_s" in row
    ]
    spread = [
        [row["case"], _spread(row), _short(row["max_ms"]), _times(row.get("ratio"))]
        for row in rows
        if "max_ms" in row
    ]
    return [
        table(["", "ticks", "ticks/s", "beside reading alone"], fast),
        table(["", "p50 / p95 / p99 in ms", "max", "ratio"], spread),
    ]


def browser(rows: Sequence[Row]) -> list[str]:
    """Main-thread ms of each case and way, and the page under load."""
    spent = [
        [row["case"], row["way"], f"**{row['ms']:.1f}** ({row['ms_low']:.1f} to {row['ms_high']:.1f})",
         _times(row.get("ratio")), str(row.get("redraws", ""))]
        for row in rows
        if "ms" in row
    ]  # fmt: skip
    load = [
        [row["way"], f"{row['main_thread_pct']:.0f} %", f"{row['frames_per_s']:.0f}",
         f"{row['long_tasks_per_s']:.1f}", _times(row.get("ratio"))]
        for row in rows
        if "main_thread_pct" in row
    ]  # fmt: skip
    held = [
        [row["case"], row["way"], f"{row[key]:g} {unit}", f"{row[bound]:g} {unit}"]
        for row in rows
        for key, bound, unit in (
            ("answer_ms", "bound_ms", "ms"), ("mb", "bound_mb", "MB"), ("seconds", "bound_s", "s"),
            ("heap_mb", "heap_mb_before", "MB of heap"), ("listeners", "listeners_before", "listeners"),
        )
        if key in row
    ]  # fmt: skip
    return [
        table(["", "way", "is", "bound, or before"], held),
        table(["", "way", "ms of the main thread", "ratio", "redraws"], spent),
        table(["1,000 ticks/s", "main thread", "frames/s", "tasks over 50 ms, a second", "ratio"], load),
    ]


def soak(rows: Sequence[Row]) -> list[str]:
    """What befell which process and when all were right again; what was delivered; what each process held."""
    hurt = [
        [
            row["fault"],
            str(row["times"]),
            f"{row['right_after_s_middle']:.1f}",
            f"{row['right_after_s_most']:.1f}",
        ]
        for row in rows
        if "fault" in row
    ]
    delivered = [
        [
            *(f"{row[key]:,}" for key in ("sent", "lost", "double", "folded")),
            f"{row['viewers_right']} of {row['viewers']}",
        ]
        for row in rows
        if "sent" in row
    ]
    held = [
        [row["process"], *(f"{row[key]:.0f}" for key in ("MB_first_half", "MB_second_half", "MB_most")),
         *(f"{row[key]:.0f}" for key in ("files_first_half", "files_second_half"))]
        for row in rows
        if "process" in row
    ]  # fmt: skip
    return [
        table(["what befell", "times", "every viewer right after s, middle", "most"], hurt),
        table(["sent", "lost", "double", "folded", "viewers right at the end"], delivered),
        table(
            ["process", "MB, first half", "second half", "most", "open files, first half", "second half"],
            held,
        ),
    ]


def _short(ms: float) -> str:
    return f"{ms:.1f}" if ms < 10 else f"{ms:,.0f}"


TABLES: Final[dict[str, Callable[[Sequence[dict[str, Any]]], list[str]]]] = {
    "ingest": ingest,
    "history": history,
    "push": push,
    "replay": replay,
    "browser": browser,
    "soak": soak,
}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
