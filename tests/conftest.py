"""Who runs what when several workers share the tests, and the fixture of the command line's tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tests.feeding import Tickdeck
from tests.fuzzing import TIMES

HERE = Path(__file__).parent
LONG = (
    "browser",
    "faults",
    "app/cli",
    "app/replay",
    "app/web",
    "app/web/signed_in",
    "feeds/exchange",
    "feeds/bus",
    "db/embedded",
    "testing",
)
"""Folders whose files take longest."""
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

    Two browsers at once would take longer than one after the other: each draws with the processor alone, and
    each would need a walking market of its own.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = file.rpartition("/")[0]
        return folder if (HERE.parent / folder / "conftest.py").exists() and folder != HERE.name else file


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
    items.sort(key=lambda item: _rank(item.path))


def _asks_a_database(item: pytest.Item) -> bool:
    """Whether a test is one of the database's: all others are the same whatever answers the statements."""
    place = item.path.relative_to(HERE).as_posix()
    return not place.startswith(ON_ANY_VERSION) and "_tickdeck_databases" in getattr(item, "fixturenames", ())


def _rank(path: Path) -> int:
    folder = path.parent.relative_to(HERE).as_posix()
    # Files directly in tests/ are those about all of it.
    return LONG.index(folder) if folder in LONG else len(LONG) + (folder != ".")


@pytest.fixture
def tickdeck(
    tickdeck_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Tickdeck:
    return Tickdeck(tickdeck_db, tmp_path / "data", monkeypatch, capsys)
