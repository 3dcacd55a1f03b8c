"""`docker compose up` with this checkout's image: a live page, and one that comes back.

Run by .ci/containers, which has built the images; needs an engine with Compose.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).parents[2]
PATIENCE_S = 90
pytestmark = pytest.mark.timeout(300)


class Stack:
    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as sock:
            self.port = sock.getsockname()[1]
        self.csv = folder / "day.csv"
        self._project = f"tickdeck-test-{uuid.uuid4().hex[:8]}"

    def compose(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["docker", "compose", "--project-name", self._project, "--profile", "csv", *arguments],
            cwd=ROOT,
            env=os.environ | {"TICKDECK_PORT": str(self.port), "TICKDECK_CSV": str(self.csv)},
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        assert not check or done.returncode == 0, f"{done.stderr}\n{done.stdout}"
        return done.stdout

    def sql(self, query: str) -> list[str]:
        """The only row of `query`, as texts."""
        psql = ["psql", "--username", "tickdeck_owner", "--dbname", "tickdeck", "--tuples-only", "--no-align"]
        return self.compose("exec", "-T", "database", *psql, "--command", query).strip().split("|")

    @contextmanager
    def viewer(self) -> Iterator[ClientConnection]:
        """A page's connection that watches all symbols."""
        with connect(f"ws://127.0.0.1:{self.port}/ws", max_size=2**24) as viewer:
            viewer.send(json.dumps({"subscribe": {"watchlist": "all"}}))
            yield viewer


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("compose"))
    start = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
    lines = [f"{(start + timedelta(seconds=n)).isoformat()},TESTED,{100 + n % 7},10" for n in range(120)]
    stack.csv.write_text("time,symbol,price,size\n" + "\n".join(lines) + "\n")
    try:
        stack.compose("up", "--detach", "--no-build", "database", "migrate", "feed", "dashboard")
        stack.compose("up", "--detach", "--no-build", "--no-deps", "--wait", "dashboard")
        yield stack
    finally:
        print(stack.compose("logs", "--no-color", "--tail", "40", check=False))  # noqa: T201 - shown where a test fails
        stack.compose("down", "--volumes", "--timeout", "5", check=False)


def until(viewer: ClientConnection, wanted: str, holds: Any) -> dict[str, Any]:
    """Take messages until one satisfies `holds`."""
    end = datetime.now(UTC) + timedelta(seconds=PATIENCE_S)
    while (left := (end - datetime.now(UTC)).total_seconds()) > 0:
        message: dict[str, Any] = json.loads(viewer.recv(timeout=left))
        if holds(message):
            return message
    raise AssertionError(f"{wanted}: not within {PATIENCE_S} s")


def rows(message: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = message.get("watchlist", {}).get("rows", [])
    return found


def state(message: dict[str, Any]) -> str | None:
    found: str | None = message.get("status", {}).get("state")
    return found


def moving(message: dict[str, Any]) -> bool:
    return message["type"] == "frame" and bool(rows(message))


@pytest.mark.parametrize("profile", [[], ["--profile", "csv"], ["--profile", "retention"]])
def test_configuration_is_clean(profile: list[str]) -> None:
    done = subprocess.run(
        ["docker", "compose", *profile, "config", "--quiet"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_page_is_live(stack: Stack) -> None:
    with stack.viewer() as viewer:
        until(viewer, "a moving market", moving)


def test_everybody_logs_in_with_least_rights(stack: Stack) -> None:
    logins = "select string_agg(distinct usename, ',' order by usename) from pg_stat_activity where application_name like 'tickdeck %'"
    assert stack.sql(logins) == ["tickdeck_reader,tickdeck_settings,tickdeck_writer"]
    for service, roles in {"dashboard": ["reader", "settings"], "feed": ["writer"]}.items():
        assert stack.compose("exec", "-T", service, "id", "-u").strip() == "10001"
        assert stack.compose("exec", "-T", service, "ls", "/run/tickdeck").split() == roles


def test_only_the_page_is_published_on_loopback(stack: Stack) -> None:
    services = json.loads(stack.compose("config", "--format", "json"))["services"]
    published = {
        name: port["host_ip"] for name, service in services.items() for port in service.get("ports", [])
    }
    assert published == {"dashboard": "127.0.0.1"}


def test_check_finds_nothing_wrong(stack: Stack) -> None:
    url = "DATABASE_URL=postgresql://tickdeck_owner@database/tickdeck?passfile=/run/tickdeck/owner/pgpass"
    found = stack.compose(
        "run",
        "--rm",
        "-T",
        "--no-deps",
        "--env",
        url,
        "--entrypoint",
        "tickdeck",
        "migrate",
        "db",
        "check",
        "--json",
    )
    assert {finding["state"] for finding in json.loads(found)} <= {"ok", "mind"}


def test_file_is_replayed_by_the_profile(stack: Stack) -> None:
    stack.compose("up", "--detach", "--no-build", "--no-deps", "feed-csv")
    with stack.viewer() as viewer:
        until(
            viewer, "TESTED on the page", lambda message: "TESTED" in {row["symbol"] for row in rows(message)}
        )
    stack.compose("stop", "--timeout", "5", "feed-csv")


def test_database_is_killed_and_started_again(stack: Stack) -> None:
    """The page stays connected, says so, and goes on by itself; every tick ever made is stored, once."""
    with stack.viewer() as viewer:
        until(viewer, "a moving market", moving)
        seen = int(stack.sql("select count(*) from ticks where symbol <> 'TESTED'")[0])
        stack.compose("kill", "database")
        until(viewer, "reconnecting", lambda message: state(message) == "reconnecting")
        stack.compose("start", "database")
        until(viewer, "live again", lambda message: state(message) == "live")
        until(viewer, "a moving market again", moving)
    stack.compose("stop", "--timeout", "20", "feed")
    # The walk numbers its ticks one after the other: a gap would be a lost one.
    count, gaps = stack.sql(
        "select count(*), max(seq) - min(seq) + 1 - count(distinct seq) from ticks where symbol <> 'TESTED'"
    )
    assert int(count) > seen
    assert int(gaps) == 0
    wrong = stack.sql(
        "select count(*) from (select symbol, time_bucket('1 minute', time) as bucket, count(*) as trades from ticks group by 1, 2) t"
        " full join (select * from candles where interval = '1m') c using (symbol, bucket)"
        " where c.trades is distinct from t.trades"
    )
    assert wrong == ["0"]
