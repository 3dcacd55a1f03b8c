"""Who runs what when several workers share the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

BROWSER = Path(__file__).parent / "browser"


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
    """What takes longest and waits most is begun first."""
    items.sort(key=lambda item: BROWSER not in item.path.parents)
