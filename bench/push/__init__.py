"""From the client's INSERT of a tick to the frame at N viewers, against the same rows by Dash's own ways.

Three processes: the server (the real dashboard), the viewers, and this one, which writes.  Then the same to the
painted cell of the page in Chromium.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from bench.browser.painted import painted
from bench.machine import machine
from bench.push.ticks import Ticks
from bench.push.viewers import READY_S
from bench.report import Row, report
from bench.scratch import scratch_database

TICKS_PER_S: Final = 1_000
BATCHES_PER_S: Final = 19
"""Prime to the frames a second: at 20 a second each would meet the frame clock at the same place for a whole run, and that
place, by chance anything from 0 to a frame, would be what is measured."""
LONE_TICKS: Final = 10


@dataclass(frozen=True, slots=True)
class Way:
    """How the rows get to the viewers; `period_ms` is that of polling, or of frames."""

    name: str
    server: str
    viewers: str
    period_ms: int

    @property
    def frame_s(self) -> float:
        """How long the server waits between two frames."""
        return 0.1 if self.viewers == "poll" else self.period_ms / 1000


POLL_1S: Final = Way("dcc.Interval 1 s", "dash", "poll", 1000)
POLL_250: Final = Way("dcc.Interval 250 ms", "dash", "poll", 250)
NATIVE: Final = Way("Dash WebSocket callback", "dash", "native", 100)


def ours(frames_per_s: int) -> Way:
    return Way(f"push, {frames_per_s} frames/s", "push", "frames", 1000 // frames_per_s)


@contextmanager
def server_process(url: str, way: Way) -> Iterator[tuple[int, int]]:
    """The server's process: its pid and port."""
    command = [sys.executable, "-m", "bench.push.server", url, way.server, str(1000 / way.period_ms)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.stdin.close()


def cpu_s(pid: int) -> float:
    """Processor time the process has used so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Measured:
    """Latencies in ms from INSERT to viewer, the server's CPU in % of a core, traffic in kB/s a viewer."""

    latency: tuple[float, float, float]
    cpu: float
    traffic: float


def measure(
    ticks: Ticks,
    pid: int,
    port: int,
    way: Way,
    viewers: int,
    load: tuple[int, int, float],
    *,
    sessions: Path | None = None,
) -> Measured:
    """Have `viewers` connected, write `load` (batches, size, every_s), and see when it shows.

    `sessions` is a file with a session for each viewer, where they are to sign in.
    """
    command = [
        sys.executable,
        "-m",
        "bench.push.viewers",
        str(port),
        way.viewers,
        str(viewers),
        str(way.period_ms),
        *([] if sessions is None else [str(sessions)]),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        if process.stdout.readline() != b"ready\n":  # they give up by themselves
            raise RuntimeError(f"the viewers of {way.name} did not get ready within {READY_S:.0f} s")
        used, began = cpu_s(pid), time.monotonic()
        ticks.write(*load)
        took = time.monotonic() - began
        cpu = 100 * (cpu_s(pid) - used) / took
        time.sleep(1.5 * max(way.period_ms, 200) / 1000)  # the last ticks are still on their way
        process.stdin.close()
        result = orjson.loads(process.stdout.read())
    latencies = _latencies(result, ticks.began)
    p50, p95, p99 = np.percentile(latencies, (50, 95, 99))
    return Measured((float(p50), float(p95), float(p99)), cpu, result["bytes"] / took / viewers / 1000)


def _latencies(result: Any, began: dict[tuple[str, int], int]) -> NDArray[np.float64]:
    """Ms from INSERT to show, of every tick at every viewer; NaN where no viewer showed any."""
    starts = [
        np.array(
            [
                began[symbol, n]
                for symbol, first, last in new
                for n in range(first, last + 1)
                if (symbol, n) in began
            ]
        )
        for new in result["new_ticks"]
    ]
    return np.concatenate(
        [[] if result["seen"] else [np.nan], *((at - starts[place]) / 1e6 for at, place in result["seen"])]
    )


def run(
    url: str,
    *,
    as_json: bool,
    viewers: Sequence[int],
    seconds: float,
    rounds: int,
    browser: bool = True,
    door: bool = False,
) -> None:
    """Measure every case, on screen too with `browser`, and print the report; within three minutes by default.

    With `door` instead: what signing in costs so many viewers.  Raises `NoBrowserError`.
    """
    rows: list[Row] = []
    if door:
        _run_door(url, as_json=as_json, viewers=viewers, seconds=seconds, rounds=rounds)
        return
    cases: dict[Way, list[int]] = defaultdict(list)
    for count in viewers:
        cases[ours(10 if count <= 300 else 4)].append(count)
    for count in {20, 300} & set(viewers):
        for way in (POLL_250, POLL_1S, NATIVE):
            cases[way].append(count)
    load = (int(seconds * BATCHES_PER_S), TICKS_PER_S // BATCHES_PER_S, 1 / BATCHES_PER_S)
    rows = []
    with scratch_database(url) as scratch:
        ticks = Ticks(scratch)
        ticks.seed()
        for way, counts in cases.items():
            # further apart than frames are, so that none waits for the one before
            lone = (LONE_TICKS, 1, 0.1 + way.frame_s)
            with server_process(scratch, way) as (pid, port):
                for count in sorted(counts):
                    for case, what in (("lone tick", lone), (f"{TICKS_PER_S} ticks/s", load)):
                        if way is POLL_1S and what is load:
                            continue  # what it is compared for is the lone tick
                        found = [measure(ticks, pid, port, way, count, what) for _ in range(rounds)]
                        rows.append(row_of(case, way, count, found))
    rows = _compared(rows)
    if browser:
        with scratch_database(url) as scratch:
            rows += asyncio.run(painted(scratch))
    report("push", machine(url), rows, as_json=as_json)


def _run_door(url: str, *, as_json: bool, viewers: Sequence[int], seconds: float, rounds: int) -> None:
    from bench.push.door import run_door, verdict  # noqa: PLC0415 - it measures by this module

    rows = [row for count in viewers for row in run_door(url, viewers=count, seconds=seconds, rounds=rounds)]
    report("push", machine(url), rows, as_json=as_json)
    if not as_json:
        print(*verdict(rows), sep="\n")


def row_of(case: str, way: Way, viewers: int, found: Sequence[Measured]) -> Row:
    """Medians of the rounds, and the spread of p50."""
    p50, p95, p99 = (_figure(median(each.latency[n] for each in found)) for n in range(3))
    return {
        "case": case, "way": way.name, "viewers": viewers, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99,
        "p50_low": _figure(min(each.latency[0] for each in found)),
        "p50_high": _figure(max(each.latency[0] for each in found)),
        "server_cpu_pct": _figure(median(each.cpu for each in found)),
        "kB_per_s_viewer": _figure(median(each.traffic for each in found)),
    }  # fmt: skip


def _figure(value: float) -> float | None:
    """One digit after the point; None for what could not be measured: a server too busy to show anything."""
    return None if np.isnan(value) else round(float(value), 1)


def _compared(rows: list[Row]) -> list[Row]:
    """Each row of ours beside polling: a lone tick's p50 with that of 1 s, under load the CPU with that of 250 ms."""
    by_case = {(row["case"], row["way"], row["viewers"]): row for row in rows}
    compared = []
    for row in rows:
        way, figure = (POLL_1S, "p50_ms") if row["case"] == "lone tick" else (POLL_250, "server_cpu_pct")
        other = by_case.get((row["case"], way.name, row["viewers"]), {}).get(figure)
        known = bool(other) and row["way"].startswith("push") and row[figure] is not None
        compared.append(
            row
            | {
                "baseline": f"{figure} of {way.name}" if known else None,
                "ratio": round(row[figure] / other, 3) if known else None,
            }
        )
    return compared
