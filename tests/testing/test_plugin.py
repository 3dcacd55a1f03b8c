"""The pytest plugin as a project of somebody else's uses it."""

from __future__ import annotations

import re

import pytest

from tests.paths import ROOT
from tickdeck.testing.servers import TimescaleServer

pytest_plugins = ["pytester"]

EXAMPLE = re.compile(r"```python\n(.+?)```", re.DOTALL)
DOCS = ROOT / "docs" / "testing.md"
PATIENCE_S = 250.0

ALL_FIXTURES = """
import asyncio, json, urllib.request
from datetime import datetime, timezone
import psycopg, pytest, websockets
from tickdeck.testing.ticks import Row

def count(url):
    with psycopg.connect(url) as connection:
        return connection.execute("select count(*) from ticks").fetchone()[0]

@pytest.mark.parametrize("turn", range(3))
def test_each_test_starts_empty(tickdeck_db, tick_factory, turn):
    assert count(tickdeck_db) == 0
    tick_factory(50, symbols=["SPY", "AIG"])
    assert count(tickdeck_db) == 50

def test_rows_spelled_out(tickdeck_db, tick_factory):
    noon = datetime(2026, 1, 5, 12, tzinfo=timezone.utc)
    batch = tick_factory.rows([Row("IBM", noon, 250.0, 10, bid=249.9), Row("IBM", noon, 251.0)])
    assert tick_factory.write(batch).stored == 2
    assert tick_factory.write(batch).already == 2

def test_from_a_running_event_loop(tickdeck_db, tick_factory):
    async def main():
        tick_factory(10)
        await tick_factory.write_async(tick_factory.batch(10))
    asyncio.run(main())
    assert count(tickdeck_db) == 20

def test_page_and_push(live_server, tick_factory):
    with urllib.request.urlopen(live_server.url + "/healthz") as answer:
        assert json.load(answer)["status"] == "ok"

    async def pushed():
        async with websockets.connect(live_server.ws_url) as viewer:
            await viewer.send(json.dumps({"subscribe": {"watchlist": "all"}}))
            while "SPY" not in await viewer.recv():
                tick_factory(1)
    asyncio.run(asyncio.wait_for(pushed(), 60))
"""


@pytest.fixture
def on_our_server(timescale: TimescaleServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other project's tests use the server of this run: starting one is another test's matter."""
    monkeypatch.setenv("TICKDECK_TEST_DB", timescale.url)


@pytest.fixture
def few_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without those that cost seconds of each process: what is installed beside Tickdeck, which the first test has."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "xdist.plugin,tickdeck.testing.plugin")


@pytest.mark.usefixtures("on_our_server")
def test_example_of_the_docs_runs_as_it_stands_and_all_fixtures_work(pytester: pytest.Pytester) -> None:
    """The example names no import of the plugin: installing Tickdeck is all it takes."""
    example = EXAMPLE.search(DOCS.read_text(encoding="utf-8"))
    assert example is not None
    pytester.makepyfile(test_example=example[1], test_all=ALL_FIXTURES)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", timeout=PATIENCE_S)
    result.assert_outcomes(passed=example[1].count("def test_") + 6)
    result.stdout.re_match_lines(
        [r"tickdeck: tests run on .+, TimescaleDB \d+\.\d+.* edition\), PostgreSQL \d+"]
    )


@pytest.mark.usefixtures("few_plugins")
def test_workers_side_by_side_share_one_server(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os, pathlib, psycopg, pytest

        @pytest.mark.parametrize("turn", range(4))
        def test_here(timescale, tickdeck_db, turn):
            with psycopg.connect(tickdeck_db) as connection:
                started = connection.execute("select pg_postmaster_start_time()").fetchone()[0]
            note = pathlib.Path(f"{os.environ['PYTEST_XDIST_WORKER']}-{turn}.note")
            note.write_text(f"{timescale.url} {started}")
        """
    )
    result = pytester.runpytest_subprocess(
        "-p", "no:cacheprovider", "-n", "2", "--dist", "each", timeout=PATIENCE_S
    )
    result.assert_outcomes(passed=8)
    result.stdout.re_match_lines([r"tickdeck: tests run on .+, TimescaleDB \d+"])
    notes = [path.read_text() for path in pytester.path.glob("gw*.note")]
    assert len(notes) == 8
    assert len(set(notes)) == 1


@pytest.mark.usefixtures("few_plugins")
def test_run_without_the_fixtures_starts_no_server(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_nothing(): pass")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*tickdeck: *")


@pytest.fixture
def no_engine(few_plugins: None, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> str:
    """A container is demanded where no engine answers; returns what is said of it."""
    monkeypatch.setenv("TICKDECK_TEST_DB", "container")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{pytester.path}/no.sock")
    return f"no database for the tests: no container engine answers at unix://{pytester.path}/no.sock"


MANY = """
import pytest

@pytest.mark.parametrize("turn", range(20))
def test_it(tickdeck_db, turn): pass

def test_other(): pass
"""


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "side by side"])
def test_run_without_a_server_stops_once_and_says_why(
    pytester: pytest.Pytester, no_engine: str, alone: bool
) -> None:
    pytester.makepyfile(MANY)
    if alone:
        result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    else:
        result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n", "2", timeout=PATIENCE_S)
    assert result.ret != 0
    result.assert_outcomes()
    assert str(result.stdout).count(no_engine) == 1


def test_run_that_needs_no_server_goes_on_without(pytester: pytest.Pytester, no_engine: str) -> None:
    pytester.makepyfile(MANY)
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-k", "other")
    result.assert_outcomes(passed=1, deselected=20)
    assert no_engine not in str(result.stdout)


def test_server_that_is_first_asked_for_in_a_test_stops_the_run_too(
    pytester: pytest.Pytester, no_engine: str
) -> None:
    pytester.makepyfile(
        "def test_late(request): request.getfixturevalue('tickdeck_db')\ndef test_later(request): request.getfixturevalue('tickdeck_db')"
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    assert result.ret != 0
    result.assert_outcomes()
    assert str(result.stdout).count(no_engine) == 1


@pytest.mark.usefixtures("few_plugins")
@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ("oracle", "TICKDECK_TEST_DB is auto, embedded, container or a server's address, not 'oracle'"),
        (
            "postgresql://nobody@127.0.0.1:1/none",
            "tests cannot run on the server postgresql://nobody@127.0.0.1:1/none",
        ),
    ],
)
def test_wrong_choice_of_a_server_is_told(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, choice: str, says: str
) -> None:
    monkeypatch.setenv("TICKDECK_TEST_DB", choice)
    pytester.makepyfile("def test_it(tickdeck_db): pass")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    assert result.ret != 0
    result.assert_outcomes()
    result.stdout.fnmatch_lines([f"*no database for the tests: {says}*"])
