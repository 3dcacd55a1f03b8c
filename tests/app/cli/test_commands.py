"""What holds for every command: quick to start, one rule for instants, one set of exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from tests.feeding import Tickdeck
from tests.paths import ROOT
from tickdeck.app.cli.main import main
from tickdeck.app.cli.user import json_line
from tickdeck.db.market.moments import iso
from tickdeck.db.users import AuditEntry
from tickdeck.testing.ticks import TickFactory


def test_what_a_command_does_not_need_is_not_imported() -> None:
    code = (
        "import sys\n"
        "from tickdeck.app.cli.main import main\n"
        "def imported(command, *heavy):\n"
        "    sys.argv = ['tickdeck', command]\n"
        "    try: main()\n"
        "    except SystemExit: pass\n"
        "    print(sorted(set(heavy) & set(sys.modules)))\n"
        "imported('--version', 'numpy', 'asyncpg', 'psycopg', 'pydantic_settings', 'rich.table')\n"
        "imported('--help', 'dash', 'plotly', 'fastapi', 'uvicorn', 'pandas', 'sqlalchemy', 'alembic', 'structlog',"
        " 'exchange_calendars')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    lines = ran.stdout.splitlines()
    assert (lines[1], lines[-1]) == ("[]", "[]")


def test_an_instant_is_written_alike_for_every_command(tickdeck: Tickdeck, tick_factory: TickFactory) -> None:
    tick_factory(100, symbols=["SPY"])
    starts = ("2026-01-05", "2026-01-05T00:00Z", "2026-01-05T01:00+01:00")
    said = []
    for start in starts:
        exported = tickdeck("export", "--symbols", "SPY", "--from", start, "--to", "2026-01-06")
        assert (exported.code, len(exported.out.splitlines())) == (0, 101)
        walk = tickdeck("feed", "walk", "--symbols", "1", "--rate", "5", "--duration", "1s", "--speed", "max",
                        "--no-history", "--start", start)  # fmt: skip
        assert walk.code == 0
        said.append(walk.err.strip())
    stored, again = "stored 5, already there 0, rejected 0", "stored 0, already there 5, rejected 0"
    assert said == [stored, again, again]
    replayed = replays(tickdeck.url, starts)
    assert json.loads(replayed[0].splitlines()[0])["type"] == "snapshot"
    assert replayed == replayed[:1] * 3


REPLAYS = """
import sys
from tickdeck.app.cli.main import main

for start in sys.argv[1:]:
    sys.argv = ["tickdeck", "replay", "--symbols", "SPY", "--from", start, "--to", "2026-01-06", "--every", "3600"]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, ended
    print("---", flush=True)
"""


def replays(url: str, starts: Sequence[str]) -> list[str]:
    """What replays from there print, one after the other in one process: they write to standard output itself."""
    ran = subprocess.run(
        [sys.executable, "-c", REPLAYS, *starts],
        env={**os.environ, "DATABASE_URL": url}, capture_output=True, text=True, check=False, cwd=ROOT, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split("---\n")[:-1]


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


HOSTILE = "\x1b[31m\x9b2J\x7f\u202egpj\r\n[/]admin signed in[bold]"
"""Commands of terminals, a right-to-left override, another line, and markup of the library that draws tables."""


def test_nothing_that_is_stored_commands_the_terminal(tickdeck: Tickdeck, tick_factory: TickFactory) -> None:
    ticks = tick_factory(1, symbols=["A"])
    which = ("A", iso(int(ticks.time_us[0])), str(int(ticks.seq[0])))
    assert tickdeck("ticks", "cancel", *which, "--reason", HOSTILE).code == 0
    with psycopg.connect(tickdeck.url) as connection:
        connection.execute("update instruments set name = %s", (HOSTILE,))
        connection.execute("insert into users (name, role) values ('anna', 'admin')")
        connection.execute(
            "insert into user_sessions (token_hash, owner_id, address, agent, expires_at)"
            " select sha256('x'), id, %s, %s, 'infinity' from users",
            (HOSTILE, HOSTILE),
        )
        connection.execute(
            "insert into api_tokens (token_hash, owner_id, name, scopes) select sha256('y'), id, %s, '{read}' from users",
            (HOSTILE,),
        )
    for command in (
        ("ticks", "history", "A"), ("instruments", "list"), ("user", "sessions"), ("user", "token", "list"),
        ("user", "list"), ("user", "role", HOSTILE, "viewer"), ("ticks", "history", HOSTILE),
        ("export", "--symbols", HOSTILE), ("load", HOSTILE), ("user", "token", "revoke", "anna", "--name", HOSTILE),
    ):  # fmt: skip
        ran = tickdeck(*command)
        lines = (ran.out + ran.err).split("\n")
        assert lines != [""]
        assert [line for line in lines if not line.isprintable() or line.startswith("[/]admin")] == [], (
            command
        )


def test_the_audit_log_is_one_printable_line_an_entry() -> None:
    entry = AuditEntry(datetime(2026, 1, 5, tzinfo=UTC), "x", HOSTILE, None, "\U000e0001", {"why": HOSTILE})
    line = json_line(entry).decode()
    assert line.removesuffix("\n").isprintable()
    told = json.loads(line)
    assert (told["actor"], told["subject"], told["detail"]["why"]) == (HOSTILE, "\U000e0001", HOSTILE)


def test_commands_print_by_what_escapes() -> None:
    """Any other way to print would have to think of what names may hold."""
    strays = [
        f"{path.name}: {line.strip()}"
        for path in (ROOT / "app" / "cli").glob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if path.name != "common.py"
        and ("typer.echo(" in line or "Console(" in line or line.lstrip().startswith("print("))
    ]
    assert strays == []
