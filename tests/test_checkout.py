"""What a checkout offers besides the `tickdeck` command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT
from tickdeck.db.revisions import head


def ran(*command: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_alembic_finds_its_migrations_and_the_database(tickdeck_db: str, tmp_path: Path) -> None:
    ini = str(ROOT / "alembic.ini")
    done = ran(sys.executable, "-m", "alembic", "-c", ini, "current", cwd=tmp_path, DATABASE_URL=tickdeck_db)
    assert (done.returncode, done.stdout) == (0, f"{head()} (head)\n"), done.stderr


def test_a_new_circle_is_refused(tmp_path: Path) -> None:
    """The contracts, on a copy in which the market's pure room imports the room that shows it."""
    compiled = shutil.ignore_patterns("__pycache__")  # which comes and goes while tests run beside
    for name in ("app", "db", "feeds", "migrations", "tickdeck"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=compiled)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    lint = str(Path(sys.executable).with_name("lint-imports"))
    # PYTHONPATH comes before what the editable install names.
    copy = {"PYTHONPATH": str(tmp_path)}
    assert ran(lint, "--no-cache", cwd=tmp_path, **copy).returncode == 0
    with (tmp_path / "db" / "market" / "types.py").open("a", encoding="utf-8") as types:
        types.write("\nfrom tickdeck.db.market.messages import Bars  # noqa: E402, F401\n")
    done = ran(lint, "--no-cache", cwd=tmp_path, **copy)
    assert done.returncode == 1
    assert "no circles, anywhere BROKEN" in done.stdout
