"""What holds for every command: quick to start, one rule for instants, one set of exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.feeding import Tickdeck
from tests.paths import ROOT
from tickdeck.app.cli.main import main
from tickdeck.testing.ticks import TickFactory


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['tickdeck', '--help']\n"
        "from tickdeck.app.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'dash', 'plotly', 'fastapi', 'uvicorn', 'pandas', 'alembic', 'structlog', 'exchange_calendars'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("start", ["2026-01-05", "2026-01-05T00:00Z", "2026-01-05T01:00+01:00"])
def test_an_instant_is_written_alike_for_every_command(
    tickdeck: Tickdeck, tick_factory: TickFactory, start: str
) -> None:
    tick_factory(100, symbols=["SPY"])
    exported = tickdeck("export", "--symbols", "SPY", "--from", start, "--to", "2026-01-06")
    assert (exported.code, len(exported.out.splitlines())) == (0, 101)
    replayed = tickdeck_lines(tickdeck, "--symbols", "SPY", "--from", start, "--to", "2026-01-06")
    assert json.loads(replayed[0])["type"] == "snapshot"
    walk = tickdeck("feed", "walk", "--symbols", "1", "--rate", "5", "--duration", "1s", "--speed", "max",
                    "--no-history", "--start", start)  # fmt: skip
    assert walk.code == 0
    assert "stored 5" in walk.err


def tickdeck_lines(tickdeck: Tickdeck, *arguments: str) -> list[str]:
    ran = tickdeck.outside("replay", *arguments)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


@pytest.mark.parametrize(
    "arguments",
    [
        ("export", "--from", "soon"),
        ("replay", "--symbols", "SPY", "--from", "soon"),
        ("feed", "walk", "--speed", "max", "--duration", "1s", "--start", "soon"),
    ],
)
def test_what_is_no_instant_is_told_alike(tickdeck: Tickdeck, arguments: tuple[str, ...]) -> None:
    ran = tickdeck(*arguments)
    assert (ran.code, ran.out) == (1, "")
    assert f"{arguments[-2]}: 'soon' is no time; write 2024-03-01 or 2024-03-01T14:30:00Z" in ran.err


def test_exit_codes_tell_refused_rows_from_a_wrong_call(tickdeck: Tickdeck, tmp_path: Path) -> None:
    path = tmp_path / "ticks.csv"
    path.write_text("ts,symbol,price,size\n2026-01-05T10:00:00Z,SPY,10,1\n")
    assert tickdeck("load", path).code == 0
    path.write_text("ts,symbol,price,size\n2026-01-05T10:00:01Z,SPY,10,1\n2026-01-05T10:00:02Z,SPY,-1,1\n")
    assert tickdeck("load", path).code == 3
    assert tickdeck("feed", "csv", path, "--speed", "max").code == 3
    assert tickdeck("load", path, "--no-such-option").code == 2
    assert tickdeck("load", tmp_path / "none.csv").code == 1


@pytest.mark.parametrize("address", ["postgresql://host:abc/name", "postgresql://[::1/name", "host", ":"])
@pytest.mark.parametrize("command", [("verify",), ("db", "status"), ("feed", "walk", "--duration", "1s")])
def test_an_address_that_is_none_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    address: str,
) -> None:
    monkeypatch.setenv("DATABASE_URL", address)
    monkeypatch.setattr(sys, "argv", ["tickdeck", *command])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said == "error: DATABASE_URL is no address of the form postgresql://user@host:port/name\n"
