"""Who runs what when several workers share the tests, and the fixture of the command line's tests."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tests.feeding import Tickdeck
from tests.fuzzing import TIMES

HERE = Path(__file__).parent
LONGEST = (
    "browser", "test_installed.py", "faults/test_run.py", "testing/test_plugin.py", "db/candles/test_read.py",
    "app/cli/test_feed.py", "app/test_export.py", "feeds/csv/test_load.py", "test_real_day.py", "feeds/csv/test_reader.py",
    "db/candles/test_build.py", "app/replay/test_state.py", "feeds/csv/test_tables.py", "feeds/exchange/test_contract.py",
    "app/replay/test_stream.py", "feeds/exchange/test_faults.py", "feeds/bus/test_bus.py", "db/ticks/test_corrections.py",
    "feeds/csv/test_packing.py", "db/embedded/test_install.py", "db/embedded/test_embedded.py", "feeds/csv/test_odd_files.py",
    "feeds/walk/test_random_walk.py", "app/web/test_errors.py", "db/ticks/test_store.py", "db/upkeep/test_compression.py",
    "app/web/signed_in", "db/archive/test_moving.py", "app/cli/test_databases_of_others.py", "app/web/test_rest.py",
    "feeds/exchange/test_ccxt.py", "app/test_export_file.py", "feeds/test_writer.py", "bench/test_push.py",
    "app/cli/test_live_feeds.py", "feeds/csv/test_cases.py", "feeds/csv/test_wrong_files.py", "app/cli/test_commands.py",
)  # fmt: skip
"""What one worker has longest to do with, files and folders that stay whole: from minutes down to about half of one."""
ON_ANY_VERSION = (
    "bench", "browser", "db/embedded", "faults", "feeds/bus", "feeds/exchange", "testing", "app/ui", "app/web", "test_installed.py",
)  # fmt: skip
"""What a database of another version, in a container, tells nothing new about: its statements are tested elsewhere."""

# A run starts hundreds of processes: where none may keep what it has compiled, each compiles all modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# What is made up is the same in every run, so that a red one is red for its change; `make fuzz` makes up anything.
settings.register_profile("same every time", derandomize=TIMES == 1, deadline=None)
settings.load_profile("same every time")


class WholeFiles(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Files stay whole, and so do folders with a conftest.py of their own: what that makes is made once, by one worker.

    The browser's are two: those beside the walking market, which costs all others time while it runs, and the rest.
    One after the other they would take longer than everything else together.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = file.rpartition("/")[0]
        if folder == f"{HERE.name}/browser":
            return f"{folder}, walking" if _walks(file) else folder
        return folder if (HERE.parent / folder / "conftest.py").exists() and folder != HERE.name else file


@cache
def _walks(file: str) -> bool:
    """Whether any test of this file looks at the walking market (the fixture of tests/browser/conftest.py)."""
    return "walking: Dashboard" in (HERE.parent / file).read_text(encoding="utf-8")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> WholeFiles | None:
    return WholeFiles(config, log) if config.option.dist == "loadfile" else None


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """A worker more than there are processors: half of what a test does is waiting for what it has started."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest is begun first: short files at the end keep all workers busy to it."""
    if os.environ.get("TICKDECK_TEST_DB") == "container":
        chosen = [item for item in items if _asks_a_database(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
        items[:] = chosen
    gone = [each for each in LONGEST if not (HERE / each).exists()]
    if gone:
        raise pytest.UsageError(f"{Path(__file__).name} names as long what is not there: {', '.join(gone)}")
    items.sort(key=lambda item: _rank(item.path.relative_to(HERE).as_posix()))


def _asks_a_database(item: pytest.Item) -> bool:
    """Whether a test is one of the database's: all others are the same whatever answers the statements."""
    place = item.path.relative_to(HERE).as_posix()
    return not place.startswith(ON_ANY_VERSION) and "_tickdeck_databases" in getattr(item, "fixturenames", ())


def _rank(place: str) -> int:
    places = (place, *(parent.as_posix() for parent in PurePosixPath(place).parents))
    return next((number for number, each in enumerate(LONGEST) if each in places), len(LONGEST))


@pytest.fixture
def tickdeck(
    tickdeck_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Tickdeck:
    return Tickdeck(tickdeck_db, tmp_path / "data", monkeypatch, capsys)
