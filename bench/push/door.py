"""What signing in costs the push: the same viewers without users, signed in, and while somebody tries passwords.

The three take turns, round by round, on one database, so that what else the machine does meets all of them.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Final

import httpx2
import psycopg

from bench.push import BATCHES_PER_S, TICKS_PER_S, Measured, measure, ours, row_of, server_process
from bench.push.ticks import Ticks
from bench.report import Row
from bench.scratch import scratch_database
from tickdeck.app.users.access import new_token, token_hash
from tickdeck.app.users.passwords import hash_password
from tickdeck.db import users
from tickdeck.db.session import Pool, open_pool
from tickdeck.db.url import libpq_url

WRONG_PASSWORDS_PER_S: Final = 100
CASES: Final = ("no users", "signed in", f"signed in, {WRONG_PASSWORDS_PER_S} wrong passwords/s")


def run_door(url: str, *, viewers: int, seconds: float, rounds: int) -> list[Row]:
    """Measure every case `rounds` times and return a row for each; `ratio` is of the p99, and of the CPU in `cpu_ratio`,
    the median of the pairs of a round.
    """
    way = ours(10)
    load = (int(seconds * BATCHES_PER_S), TICKS_PER_S // BATCHES_PER_S, 1 / BATCHES_PER_S)
    found: dict[str, list[Measured]] = defaultdict(list)
    with scratch_database(url) as scratch, tempfile.TemporaryDirectory() as folder:
        ticks = Ticks(scratch)
        ticks.seed()
        for number in range(rounds):
            for case in CASES if number % 2 == 0 else CASES[::-1]:
                sessions = None if case == CASES[0] else Path(folder) / "sessions"
                with (
                    _people(scratch, viewers, sessions),
                    server_process(scratch, way) as (pid, port),
                    _wrong_passwords(port if case == CASES[2] else None),
                ):
                    measured = measure(ticks, pid, port, way, viewers, load, sessions=sessions)
                found[case].append(measured)
                print(
                    f"round {number + 1} of {rounds}, {viewers} viewers, {case}: p99 {measured.latency[2]:.1f} ms,"
                    f" {measured.cpu:.1f} % of a core",
                    file=sys.stderr,
                    flush=True,
                )
    rows = []
    for case, rounded in found.items():
        row = row_of(f"{TICKS_PER_S} ticks/s, {case}", way, viewers, rounded)
        pairs = list(zip(rounded, found[CASES[0]], strict=True))
        cpu = [mine.cpu / other.cpu for mine, other in pairs]
        rows.append(
            row
            | {
                "baseline": None if case == CASES[0] else f"p99 of {CASES[0]}",
                "ratio": round(median(mine.latency[2] / other.latency[2] for mine, other in pairs), 3),
                "cpu_ratio": round(median(cpu), 3),
                "cpu_ratio_low": round(min(cpu), 3),
                "cpu_ratio_high": round(max(cpu), 3),
            }
        )
    return rows


def verdict(rows: Sequence[Row]) -> list[str]:
    """A line for each number of viewers: what the door costs, as medians of the rounds' ratios to the same without users."""
    by_case = {(row["viewers"], row["case"].partition(", ")[2]): row for row in rows}
    lines = []
    for viewers in dict.fromkeys(row["viewers"] for row in rows):
        door, guessed = by_case[viewers, CASES[1]], by_case[viewers, CASES[2]]
        lines.append(
            f"{viewers} viewers: signed in, the server's processor time is {door['cpu_ratio']:.3f} of that without users"
            f" ({door['cpu_ratio_low']:.3f} to {door['cpu_ratio_high']:.3f}); with {WRONG_PASSWORDS_PER_S} wrong passwords a"
            f" second the p99 is {guessed['ratio']:.3f} of it, without them {door['ratio']:.3f}"
        )
    return lines


@contextmanager
def _people(url: str, count: int, sessions: Path | None) -> Iterator[None]:
    """A user whose sessions, one a viewer, stand in the file; nobody where there is no file."""

    async def add() -> list[str]:
        pool: Pool = await open_pool(url, role="settings", size=1)
        try:
            user = await users.add_user(pool, "viewer", "admin", password_hash=hash_password(new_token()))
            tokens = [new_token() for _ in range(count)]
            for token in tokens:
                await users.open_session(
                    pool, user, token_hash(token), address="bench", agent="", lasts_s=3600
                )
            return tokens
        finally:
            await pool.close()

    if sessions is not None:
        sessions.write_text("\n".join(asyncio.run(add())), encoding="ascii")
    try:
        yield
    finally:
        with psycopg.connect(libpq_url(url), autocommit=True) as connection:
            connection.execute("delete from users")


@contextmanager
def _wrong_passwords(port: int | None) -> Iterator[None]:
    """Somebody who tries passwords of one name until the block ends."""
    over = threading.Event()

    async def one(client: httpx2.AsyncClient, number: int) -> None:
        with suppress(httpx2.HTTPError):  # what the server does not answer was tried all the same
            await client.post("/login", data={"name": "viewer", "password": f"guess {number}"})

    async def guess() -> None:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            began, tried = time.monotonic(), 0
            waiting: set[asyncio.Task[None]] = set()
            while not over.is_set():
                task = asyncio.create_task(one(client, tried))
                waiting.add(task)
                task.add_done_callback(waiting.discard)
                tried += 1
                await asyncio.sleep(max(0.0, began + tried / WRONG_PASSWORDS_PER_S - time.monotonic()))
            for task in waiting:  # what is not answered by now is of no interest
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    if port is None:
        yield
        return
    thread = threading.Thread(target=lambda: asyncio.run(guess()))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
