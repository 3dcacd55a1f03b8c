"""Tickdeck as others have it: its wheel, installed beside a project with an `app/`, a `db/` and a `feeds/` of its own.

The environment is a fresh one that sees the locked dependencies and nothing of this checkout.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.paths import ROOT
from tickdeck.testing.servers import TimescaleServer
from tickdeck.testing.ticks import TickFactory

PATIENCE_S = 120
FOLDERS = ("app", "db", "feeds", "migrations")
OFFLINE = ("--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check", "--quiet")


def ran(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command's end, with nothing of this run's environment that could lead to the checkout."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env=kept | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def succeeded(*command: str | Path, cwd: Path, **environment: str) -> str:
    done = ran(*command, cwd=cwd, **environment)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def built(source: Path, folder: Path) -> Path:
    succeeded(sys.executable, "-m", "pip", "wheel", *OFFLINE, "-w", folder, source, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def commands(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `python` and `tickdeck` of an environment in which the wheel is installed."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    succeeded(sys.executable, "-m", "pip", "--python", python, "install", *OFFLINE, wheel, cwd=folder)
    # A folder that a .pth names is searched, and its own .pth, such as that of an editable install, are not read.
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "locked.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python.parent


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Somebody else's project: packages that are named as Tickdeck's folders are, and a conftest that uses them."""
    folder = tmp_path / "project"
    for name in ("app", "app/cli", "db", "feeds", "feeds/csv", "migrations", "bench"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"OWNER = 'somebody else, {name}'\n", encoding="utf-8")
    for name in ("app/config.py", "app/cli/main.py", "db/frames.py", "feeds/csv/reader.py"):
        (folder / name).write_text("raise ImportError('this is not Tickdeck')\n", encoding="utf-8")
    (folder / "conftest.py").write_text(
        "import app, app.cli, db, feeds, migrations\n"
        "assert {each.OWNER[:13] for each in (app, app.cli, db, feeds, migrations)} == {'somebody else'}\n",
        encoding="utf-8",
    )
    return folder


def test_wheel_holds_one_name_and_every_file_once(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"tickdeck", "tickdeck-0.1.0.dist-info"}
    held = sorted(name for name in names if name.startswith("tickdeck/"))
    folders = (
        ROOT / "tickdeck",
        *(ROOT / name for name in FOLDERS),
    )  # rglob does not follow the links in the first
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    wanted = [path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts]
    assert held == sorted(f"tickdeck/{name.removeprefix('tickdeck/')}" for name in wanted)
    kinds = {name.rpartition(".")[2] for name in held}
    assert {"py", "sql", "js", "css", "html", "json", "mako", "typed"} <= kinds


def test_wheel_of_the_sdist_is_the_same(wheel: Path, tmp_path: Path) -> None:
    succeeded(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path, cwd=ROOT)
    (sdist,) = tmp_path.glob("*.tar.gz")
    again = built(sdist, tmp_path)
    assert zipfile.ZipFile(again).namelist() == zipfile.ZipFile(wheel).namelist()


def test_nothing_of_the_checkout_is_importable(commands: Path, tmp_path: Path) -> None:
    code = (
        "import sys, importlib.util, tickdeck\n"
        "assert tickdeck.__file__.startswith(sys.prefix), tickdeck.__file__\n"
        "assert 'pandas' not in sys.modules\n"
        "names = ('app', 'db', 'feeds', 'migrations', 'bench', 'tests', 'scripts')\n"
        "assert [name for name in names if importlib.util.find_spec(name)] == []\n"
        "print(tickdeck.__version__)\n"
    )
    assert succeeded(commands / "python", "-c", code, cwd=tmp_path) == "0.1.0\n"
    assert succeeded(commands / "tickdeck", "--version", cwd=tmp_path) == "tickdeck 0.1.0\n"


def test_benchmarks_say_where_they_are(commands: Path, project: Path) -> None:
    done = ran(commands / "tickdeck", "bench", "ingest", cwd=project)
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "error: benchmarks come with a checkout of Tickdeck, not with an installation\n",
    )


@contextmanager
def started(*command: str | Path, cwd: Path, database: str) -> Iterator[subprocess.Popen[str]]:
    """Run the command until the block ends."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    settings = {
        "DATABASE_URL": database,
        "TICKDECK_DATA_DIR": str(cwd.parent / "data"),
        "TICKDECK_STANDBY": "false",
    }
    with (cwd.parent / "log").open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*map(str, command)],
            cwd=cwd,
            env=kept | settings | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE_S)


@contextmanager
def live(*command: str | Path, cwd: Path, database: str) -> Iterator[str]:
    """Run the dashboard until the block ends; yields the page's address."""
    with started(*command, cwd=cwd, database=database) as process:
        watchdog = threading.Timer(PATIENCE_S, process.kill)
        watchdog.start()
        assert process.stdout is not None
        found = (re.search(r"live at (\S+)", line) for line in process.stdout)
        address = next((each[1] for each in found if each), "")
        watchdog.cancel()
        assert address, (cwd.parent / "log").read_text(encoding="utf-8")
        yield address


def moving(page: str, symbol: str | None = None) -> None:
    """Return once three frames have brought rows that ticks changed, one of them that of `symbol`."""
    frames, seen = 0, symbol is None
    address = page.replace("http", "ws", 1) + "/ws"
    with connect(address, max_size=2**24, open_timeout=PATIENCE_S) as viewer:
        viewer.send(json.dumps({"subscribe": {"watchlist": "all"}}))
        while frames < 3 or not seen:
            message = json.loads(viewer.recv(timeout=PATIENCE_S))
            rows = message.get("watchlist", {}).get("rows", [])
            frames += message["type"] == "frame" and bool(rows)
            seen = seen or any(row["symbol"] == symbol for row in rows)


def test_dashboard_has_its_feed_and_its_page_and_shows_another_feed(
    commands: Path, project: Path, tickdeck_db: str
) -> None:
    # A standard module's name in the folder where it is started, which a child must not import either.
    (project / "queue.py").write_text("raise ImportError('this is not the library')\n", encoding="utf-8")
    run = (commands / "tickdeck", "run", "--port", "0", "--symbols", "2", "--rate", "50")
    start = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
    ticks = [f"{(start + timedelta(seconds=n / 10)).isoformat()},SPY,{100 + n % 7},10" for n in range(600)]
    (project / "day.csv").write_text("time,symbol,price,size\n" + "\n".join(ticks) + "\n", encoding="utf-8")
    with live(*run, cwd=project, database=tickdeck_db) as page:
        moving(page)
        with urllib.request.urlopen(page) as answer:  # noqa: S310 - our own server
            html = answer.read().decode()
        for name in set(re.findall(r'(?:src|href)="/(assets/[^"]+)"', html)):
            with urllib.request.urlopen(f"{page}/{name}") as answer:  # noqa: S310 - our own server
                assert answer.read()
        assert "assets/" in html
        feed = (commands / "tickdeck", "feed", "csv", "day.csv", "--shift-to-now")
        with started(*feed, cwd=project, database=tickdeck_db):
            moving(page, "SPY")
    assert "error" not in (project.parent / "log").read_text(encoding="utf-8").lower()


NOTEBOOK = """
import app, db, feeds
from tickdeck import frames

assert (app.OWNER, db.OWNER, feeds.OWNER) == tuple(f"somebody else, {name}" for name in ("app", "db", "feeds"))
day = frames.candles("SPY", "1m")
print(int(day["trades"].sum()), len(frames.ticks("SPY")))
"""


def test_notebook_reads_frames(
    commands: Path, project: Path, tickdeck_db: str, tick_factory: TickFactory
) -> None:
    tick_factory(1200)
    (project / "notebook.py").write_text(NOTEBOOK, encoding="utf-8")
    read = succeeded(commands / "python", "-W", "error", "notebook.py", cwd=project, DATABASE_URL=tickdeck_db)
    assert read == "1200 1200\n"


OWN_INDICATOR = '''
from tickdeck.indicators import CandleColumns, indicator


@indicator(lines=["above", "below"], warm_up=lambda period, share: period)
def envelope(candles: CandleColumns, period: int = 20, share: float = 0.01):
    """Envelope: a share above and below the average"""
    import talib

    middle = talib.SMA(candles.close, period)
    return middle * (1 + share), middle * (1 - share)
'''
OWN_PACKAGE = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "desk-indicators"
version = "1.0"

[project.entry-points."tickdeck.indicators"]
envelope = "desk_indicators:envelope"
gone = "desk_indicators:gone"

[tool.hatch.build.targets.wheel]
only-include = ["desk_indicators.py"]
"""
USES_OWN = """
from tickdeck import frames, indicators

day = frames.candles("SPY", "1m", indicators=["envelope(3, share=0.5)", "sma(3)"])
wanted = 1.5 * day["sma(3)"]
assert (day["envelope(3, 0.5).above"].dropna() == wanted.dropna()).all()
names = [kind.name for kind in indicators.kinds()[0]]
print(names[-1], len(day["envelope(3, 0.5).below"].dropna()) > 0, indicators.kinds()[1])
"""


def test_indicator_of_an_own_package(
    commands: Path, project: Path, tickdeck_db: str, tick_factory: TickFactory
) -> None:
    tick_factory(1200, every=timedelta(seconds=1))
    package = project / "package"
    package.mkdir()
    (package / "desk_indicators.py").write_text(OWN_INDICATOR, encoding="utf-8")
    (package / "pyproject.toml").write_text(OWN_PACKAGE, encoding="utf-8")
    own = project / "own"  # in no environment: nobody has to take it away again
    succeeded(sys.executable, "-m", "pip", "install", *OFFLINE, "--target", own, package, cwd=project)
    own_and_database = {"PYTHONPATH": str(own), "DATABASE_URL": tickdeck_db}
    (project / "uses_own.py").write_text(USES_OWN, encoding="utf-8")
    said = succeeded(commands / "python", "-W", "error", "uses_own.py", cwd=project, **own_and_database)
    assert said == (
        "envelope True [\"indicator 'gone' of desk-indicators cannot be loaded: AttributeError: "
        "module 'desk_indicators' has no attribute 'gone'\"]\n"
    )
    shown = succeeded(
        commands / "tickdeck", "export", "--candles", "1m", "--indicators", "envelope", cwd=project,
        **own_and_database,
    )  # fmt: skip
    assert shown.startswith(
        "time,symbol,open,high,low,close,volume,turnover,trades,"
        '"envelope(20, 0.01).above","envelope(20, 0.01).below"\n'
    )


LIBRARIES = """
[mypy]
[mypy-pandas.*,numpy.*,asyncpg.*,pydantic.*,sqlalchemy.*,structlog.*,psycopg.*]
follow_imports = skip
follow_imports_for_stubs = True
"""
"""The types of libraries are not what is tried, and take a quarter of a minute to read."""


def test_types_are_seen(commands: Path, project: Path) -> None:
    """One run over two scripts: the wrong one is all that is found."""
    (project / "mypy.ini").write_text(LIBRARIES, encoding="utf-8")
    (project / "right.py").write_text(
        "import tickdeck\nfrom tickdeck import frames\n\n"
        "version: str = tickdeck.__version__\nprint(frames.candles('SPY', '1m').describe())\n",
        encoding="utf-8",
    )
    (project / "wrong.py").write_text(
        "from tickdeck import frames\n\nframes.candles('SPY', 1)\n", encoding="utf-8"
    )
    mypy = (commands / "python", "-m", "mypy", "--strict", "--cache-dir", os.devnull)
    done = ran(*mypy, "right.py", "wrong.py", cwd=project)
    assert done.returncode == 1
    assert re.fullmatch(
        r"wrong\.py:3: error: .*\[arg-type\]\nFound 1 error in 1 file \(checked 2 source files\)\n",
        done.stdout,
        re.DOTALL,
    ), done.stdout


OWN_TESTS = """
import asyncio, json, urllib.request
import app.cli, db, feeds, psycopg

def test_own_packages(timescale):
    assert {app.cli.OWNER, db.OWNER, feeds.OWNER} == {f"somebody else, {n}" for n in ("app/cli", "db", "feeds")}

def test_database(tickdeck_db, tick_factory):
    assert tick_factory.write(tick_factory.batch(50)).stored == 50
    with psycopg.connect(tickdeck_db) as connection:
        assert connection.execute("select count(*) from ticks").fetchone() == (50,)

def test_page(live_server, tick_factory):
    tick_factory(600)
    with urllib.request.urlopen(live_server.url + "/api/candles?symbol=SPY&interval=1m") as answer:
        assert [candle["trades"] for candle in json.load(answer)] == [600]
"""


def test_plugin_serves_the_project(commands: Path, project: Path, timescale: TimescaleServer) -> None:
    (project / "tests").mkdir()
    (project / "tests" / "test_own.py").write_text(OWN_TESTS, encoding="utf-8")
    shutil.rmtree(project / "bench")
    few = "-p no:dash -p no:schemathesis -p no:hypothesispytest"  # each costs a second
    said = succeeded(
        commands / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=project,
        TICKDECK_TEST_DB=timescale.url, PYTEST_ADDOPTS=few,
    )  # fmt: skip
    assert "3 passed" in said
