"""Runs `tickdeck` commands in this process, and looks at what they stored."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tickdeck.app.cli.main import main


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it printed.  An exception that is not for users fails the test by itself."""

    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict[str, Any]:
        """What `--json` printed."""
        summary: dict[str, Any] = json.loads(self.out)
        return summary


class Tickdeck:
    """`tickdeck` on one test's database; what it writes besides is below `folder`."""

    def __init__(
        self, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.url = url
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str | Path) -> Ran:
        with self._monkeypatch.context() as patch:
            patch.setenv("DATABASE_URL", self.url)
            patch.setenv("TICKDECK_DATA_DIR", str(self.folder))
            patch.setattr(sys, "argv", ["tickdeck", *map(str, arguments)])
            self._capsys.readouterr()
            with pytest.raises(SystemExit) as ended:
                main()
        said = self._capsys.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 1, said.out, said.err)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(query, values).fetchall()
