"""A soak: the whole of Tickdeck under load while its processes are killed and stopped by chance.

At the end: what was sent is what is stored, what is folded and what every viewer shows, and nothing has grown.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg

from bench.machine import machine
from bench.report import Row, report
from bench.soak.market import SYMBOLS, Market
from bench.soak.processes import Fault, Held, Running, hurt, running
from bench.soak.viewers import Sleeper, Viewer, Visitor, Watcher

PAUSE_S: Final = (1.0, 4.0)
ROUND_S: Final = 9.0
"""What a round takes, in all."""
RIGHT_WITHIN_S: Final = 60.0
"""A viewer that is not right by then never will be; a process that starts may take half of it on a busy machine."""
SAMPLE_S: Final = 1.0
END_WITHIN_S: Final = 120.0
NOISE: Final = ("Traceback", "never retrieved", "was destroyed but it is pending", "core dumped")


@dataclass(slots=True)
class Story:
    """What happened."""

    recoveries: list[tuple[Fault, float | None]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    started_us: int = 0


def run(
    *, minutes: float | None, rounds: int | None, rate: int, viewers: int, seed: int, as_json: bool
) -> bool:
    """Soak for `minutes`, or for `rounds` times kill -9 (within `minutes`, where both are given); print the figures, and
    return whether all was right.
    """
    seconds = 60 * (10 if minutes is None else minutes)
    if minutes is None and rounds is not None:
        seconds = ROUND_S * rounds
    with tempfile.TemporaryDirectory() as folder:
        market = Market.written(Path(folder) / "market.csv", rate, seconds)
        Path(folder).chmod(0o755)
        with running(market.path) as tickdeck:
            return asyncio.run(_soak(tickdeck, market, rounds, viewers, random.Random(seed), as_json=as_json))


async def _soak(
    tickdeck: Running, market: Market, rounds: int | None, count: int, chance: random.Random, *, as_json: bool
) -> bool:
    story, held = Story(), Held()
    staying = [Viewer(tickdeck.page) for _ in range(count)]
    watcher = Watcher(tickdeck.page)
    others = [Visitor(tickdeck.page), Visitor(tickdeck.page), Sleeper(tickdeck.page), watcher]
    tasks = [asyncio.create_task(each.run()) for each in (*staying, *others)]
    tasks.append(asyncio.create_task(_sample(tickdeck, held)))
    try:
        await _hurt_again_and_again(tickdeck, market, story, staying, rounds, chance)
        shown = await _all_shown(market, staying)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    rows = [*_recovered(story), *held.rows(), _delivered(tickdeck, market, story, shown, len(staying))]
    facts = machine(tickdeck.server.url) | {"load_15_min": round(os.getloadavg()[2], 1)}
    verified = await asyncio.to_thread(_verify, tickdeck)
    began = time.monotonic()
    code = await asyncio.to_thread(tickdeck.end)
    story.problems += [] if code == 0 else [f"tickdeck run ended with {code}"]
    story.problems += [] if verified is None else [f"candles are not what their ticks fold to: {verified}"]
    story.problems += held.grown()
    said = tickdeck.said()
    noise = {each: said.count(each) for each in NOISE if each in said}
    story.problems += [f"the log has {each!r} {number} times" for each, number in noise.items()]
    events = Counter(re.findall(r"\[(?:warning|error)\s*\] (\w+)", re.sub(r"\x1b\[[\d;]*m", "", said)))
    rows += [{"log_event": name, "times": times} for name, times in events.most_common()]
    rows.append(
        {"replays": watcher.replays, "came_and_went": others[0].connections + others[1].connections,
         "end_s": time.monotonic() - began, "problems": len(story.problems)}
    )  # fmt: skip
    report("soak", facts, rows, as_json=as_json)
    for each in story.problems:
        print(f"problem: {each}", file=sys.stderr)
    if story.problems:
        kept = Path(tempfile.gettempdir()) / "tickdeck-soak.log"
        kept.write_text(said)
        print(f"the log is in {kept}", file=sys.stderr)
    return not story.problems


async def _sample(tickdeck: Running, held: Held) -> None:
    while True:
        await asyncio.to_thread(held.look, tickdeck)
        await asyncio.sleep(SAMPLE_S)


async def _hurt_again_and_again(
    tickdeck: Running,
    market: Market,
    story: Story,
    viewers: Sequence[Viewer],
    rounds: int | None,
    chance: random.Random,
) -> None:
    """Until nothing more comes, or the rounds are over: a fault, and wait until every viewer is right."""
    while not story.started_us:
        await asyncio.sleep(0.1)
        story.started_us = await asyncio.to_thread(_started_us, tickdeck)
    done = 0
    while market.due(story.started_us, _now_us()) < market.ticks and (rounds is None or done < rounds):
        await asyncio.sleep(chance.uniform(*PAUSE_S))
        fault = await asyncio.to_thread(hurt, tickdeck, chance, only_kill=rounds is not None)
        if fault is None:
            continue
        done += 1
        took = await _until_right(market, story.started_us, fault, viewers)
        story.recoveries.append((fault, took))
        if took is None:
            story.problems.append(f"{fault.how} of {fault.target}: not right after {RIGHT_WITHIN_S:.0f} s")
    if rounds is not None and done < rounds:
        story.problems.append(f"only {done} of {rounds} rounds before the market's end: give more --minutes")


async def _until_right(
    market: Market, started_us: int, fault: Fault, viewers: Sequence[Viewer]
) -> float | None:
    """Seconds until every viewer shows all that had come when the fault was over; None: too long."""
    due = market.due(started_us, fault.over_us)
    while (took := (_now_us() - fault.over_us) / 1e6) < RIGHT_WITHIN_S:
        if all(sum(viewer.shown.values()) >= due for viewer in viewers):
            return took
        await asyncio.sleep(0.02)
    return None


async def _all_shown(market: Market, viewers: Sequence[Viewer]) -> int:
    """How many viewers show exactly what was sent, once all of it has come."""
    until = time.monotonic() + END_WITHIN_S + market.ticks / market.rate
    wanted = {f"SOAK{each:02}": len(range(each, market.ticks, SYMBOLS)) for each in range(SYMBOLS)}
    right = 0
    while right < len(viewers) and time.monotonic() < until:
        right = sum(viewer.shown == wanted for viewer in viewers)
        await asyncio.sleep(0.1)
    return right


def _delivered(tickdeck: Running, market: Market, story: Story, shown: int, viewers: int) -> Row:
    with psycopg.connect(tickdeck.server.url) as connection:
        stored, distinct = connection.execute(
            "select count(*), count(distinct seq) from ticks"
        ).fetchone() or (0, 0)
        (folded,) = connection.execute(
            "select coalesce(sum(trades), 0)::bigint from candles where interval = '1m'"
        ).fetchone() or (0,)
    if not stored == distinct == folded == market.ticks or shown < viewers:
        story.problems.append(
            f"sent {market.ticks:,}, stored {stored:,} ({distinct:,} different), folded {folded:,}, "
            f"shown by {shown} of {viewers} viewers"
        )
    return {
        "sent": market.ticks, "stored": stored, "lost": market.ticks - distinct, "double": stored - distinct,
        "folded": folded, "viewers": viewers, "viewers_right": shown,
    }  # fmt: skip


def _recovered(story: Story) -> list[Row]:
    """Of each kind of fault: how often, and how long it took until every viewer was right."""
    kinds = sorted({(fault.target, fault.how) for fault, _ in story.recoveries})
    rows: list[Row] = []
    for kind in kinds:
        took = sorted(
            RIGHT_WITHIN_S if seconds is None else seconds
            for fault, seconds in story.recoveries
            if (fault.target, fault.how) == kind
        )
        rows.append(
            {"fault": f"{kind[1]} {kind[0]}", "times": len(took), "right_after_s_middle": took[len(took) // 2],
             "right_after_s_most": took[-1]}
        )  # fmt: skip
    return rows


def _verify(tickdeck: Running) -> str | None:
    done = subprocess.run(
        [sys.executable, "-m", "tickdeck.app.cli.child", "verify"], capture_output=True, text=True, check=False,
        env={"PATH": "", "DATABASE_URL": tickdeck.server.url}, timeout=300,
    )  # fmt: skip
    return None if done.returncode == 0 else (done.stdout + done.stderr)[-500:]


def _started_us(tickdeck: Running) -> int:
    """When the first tick was dated; 0: none is stored."""
    with suppress(psycopg.Error), psycopg.connect(tickdeck.server.url, connect_timeout=2) as connection:
        row: Any = connection.execute(
            "select coalesce(extract(epoch from min(time)) * 1000000, 0)::bigint from ticks"
        ).fetchone()
        return int(row[0])
    return 0


def _now_us() -> int:
    return time.time_ns() // 1000
