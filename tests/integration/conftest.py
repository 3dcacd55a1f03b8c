"""Fixtures of the integration tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.feeding import Tickdeck


@pytest.fixture
def tickdeck(
    tickdeck_db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Tickdeck:
    return Tickdeck(tickdeck_db, tmp_path / "data", monkeypatch, capsys)
