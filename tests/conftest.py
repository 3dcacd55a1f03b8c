"""Who runs what when several workers share the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker has all tests with a browser, which wait a lot, and begins with them; files stay whole.

    Two browsers at once would take longer than one after the other: each draws with the processor alone.
    """
    items.sort(key=lambda item: HERE / "browser" not in item.path.parents)
    for item in items:
        group = "browser" if HERE / "browser" in item.path.parents else str(item.path.relative_to(HERE))
        item.add_marker(pytest.mark.xdist_group(group))
