"""`tickdeck replay`: the same lines each time, nothing of the wall clock in them, and refusals without a traceback."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
import websockets

from tests.feeding import Ran, Tickdeck
from tests.paths import ROOT
from tests.replaying import START_US, S, made_up_ticks, places, store
from tickdeck.app.replay.clock import Position
from tickdeck.db.market.types import from_us
from tickdeck.testing.databases import Databases

TICKS = made_up_ticks()
BEGIN_US = [place.time_us for place in places(TICKS) if place.time_us >= START_US][200]
END_US = BEGIN_US + 5 * 3600 * S
FROM = from_us(BEGIN_US).isoformat()
TO = from_us(END_US).isoformat()
RANGE = ("--symbols", "NYSE,DELHI", "--from", FROM, "--to", TO)


@pytest.fixture(scope="module")
def market(_tickdeck_databases: Databases) -> Iterator[str]:
    """The stored market: replays only read."""
    with _tickdeck_databases.copy() as url:
        store(url, TICKS)
        yield url


@pytest.fixture
def tickdeck(
    market: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Tickdeck:
    return Tickdeck(market, tmp_path, monkeypatch, capsys)


def run(url: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    code = "import sys; from tickdeck.app.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "replay", *arguments],
        capture_output=True, check=False, timeout=100, env={**_environment(), "DATABASE_URL": url},
    )  # fmt: skip


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_two_runs_print_the_same_bytes_at_any_speed(tickdeck: Tickdeck) -> None:
    short = from_us(BEGIN_US + 900 * S).isoformat()
    runs = [
        run(tickdeck.url, *RANGE[:4], "--to", short, "--speed", speed, "--every", "1")
        for speed in ("max", "max", "1000")
    ]
    assert [each.returncode for each in runs] == [0] * 3, runs[0].stderr
    assert runs[0].stdout == runs[1].stdout == runs[2].stdout
    assert sum(b'"rows"' in line for line in runs[0].stdout.splitlines()) > 20


def test_each_line_holds_the_ticks_up_to_its_time(tickdeck: Tickdeck) -> None:
    printed = run(tickdeck.url, *RANGE, "--every", "60", "--chart", "NYSE:5m", "--tape", "DELHI").stdout
    shown: dict[str, Any] = {}
    lines = [orjson.loads(line) for line in printed.splitlines()]
    assert lines[0]["type"] == "snapshot"
    assert {line["type"] for line in lines[1:]} == {"frame"}
    for line in lines:
        at = Position.at(line["time"] * 1000 + 999)
        shown |= {row["symbol"]: row for row in line.get("watchlist", {}).get("rows", [])}
        for symbol, row in shown.items():
            happened = [t for t in TICKS[symbol] if (t.time_us, t.seq) <= at]
            assert row["last"] == happened[-1].price
            assert row["time"] == happened[-1].time_us // 1000
        assert "latency_ms" not in line
    assert all(line["time"] % 60_000 == 0 for line in lines[1:-1])  # the first and last are the range's ends


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--symbols", "NYSE", "--from", "1999-01-04T00:00Z"), "no ticks of NYSE"),
        (("--symbols", "NYSE", "--from", TO, "--to", FROM), "the range is reversed"),
        (("--symbols", "NOPE", "--from", FROM), "symbol 'NOPE' is unknown"),
        ((*RANGE, "--speed", "99999"), "speed '99999' is not possible"),
        ((*RANGE, "--every", "0"), "--every 0 is not possible"),
        ((*RANGE, "--chart", "NYSE:7m"), "interval '7m' is unknown"),
        ((*RANGE, "--tape", "LATE"), "symbol 'LATE' is unknown"),
        (("--symbols", "NYSE", "--from", "2024-03-08T04:00"), "has no time zone"),
        (("--symbols", " , ", "--from", FROM), "1 to 50 symbols"),
    ],
)
def test_what_cannot_be_replayed_is_one_line(tickdeck: Tickdeck, arguments: Sequence[str], why: str) -> None:
    ran: Ran = tickdeck("replay", *arguments)
    assert ran.code == 1
    assert ran.out == ""
    assert ran.err.startswith("error:")
    assert why in ran.err.replace("\n", " ")


async def test_a_published_replay_speaks_the_protocol_and_ends(tickdeck: Tickdeck) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tickdeck", "replay", *RANGE, "--publish", "0",
        stderr=asyncio.subprocess.PIPE, env={**_environment(), "DATABASE_URL": tickdeck.url},
    )  # fmt: skip
    try:
        assert process.stderr is not None
        async with asyncio.timeout(60):
            said = (await process.stderr.readline()).decode()
            async with websockets.connect(said.split()[-1], max_size=2**24) as viewer:
                await viewer.send('{"subscribe": {"watchlist": "all", "tape": "NYSE"}}')
                rows: dict[str, Any] = {}
                state = ""
                with suppress(websockets.ConnectionClosed):  # until the server has said everything and stops
                    while True:
                        message = orjson.loads(await viewer.recv())
                        rows |= {row["symbol"]: row for row in message.get("watchlist", {}).get("rows", [])}
                        state = (message.get("replay") or {}).get("state", state)
            assert state == "ended"
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    end = [t for t in TICKS["NYSE"] if t.time_us <= END_US][-1]
    assert rows["NYSE"]["time"] == end.time_us // 1000
