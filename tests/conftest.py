"""Who runs what when several workers share the tests, and the fixture of the command line's tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.feeding import Tickdeck

HERE = Path(__file__).parent
LONG = ("browser", "faults", "app/cli", "app/replay", "app/web", "feeds/exchange", "db/embedded", "testing")
"""Folders whose files take longest."""

# A run starts hundreds of processes: where none may keep what it has compiled, each compiles all modules anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


class OneBrowser(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Files stay whole, and one worker has all of tests/browser.

    Two browsers at once would take longer than one after the other: each draws with the processor alone, and
    each would need a walking market of its own.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "browser" if file.startswith("tests/browser/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneBrowser | None:
    return OneBrowser(config, log) if config.option.dist == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest is begun first: short files at the end keep all workers busy to it."""
    items.sort(key=lambda item: _rank(item.path))


def _rank(path: Path) -> int:
    folder = path.parent.relative_to(HERE).as_posix()
    # Files directly in tests/ are those about all of it.
    return LONG.index(folder) if folder in LONG else len(LONG) + (folder != ".")


@pytest.fixture
def tickdeck(
    tickdeck_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Tickdeck:
    return Tickdeck(tickdeck_db, tmp_path / "data", monkeypatch, capsys)
