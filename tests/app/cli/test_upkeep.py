"""The commands that care for a database, as a person at a terminal meets them."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.feeding import Tickdeck
from tickdeck.db.errors import ConfigurationError
from tickdeck.db.upkeep.logins import allow_logins


@pytest.fixture(autouse=True)
def _no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is kept or compressed by a setting of whoever runs the tests, and files are named from here."""
    monkeypatch.chdir(tmp_path)
    for name in ("TICKDECK_KEEP_TICKS_DAYS", "TICKDECK_COMPRESS_AFTER_DAYS"):
        monkeypatch.delenv(name, raising=False)


def test_check_says_what_is_and_its_exit_code_whether_it_is_right(
    tickdeck: Tickdeck, tickdeck_db: str
) -> None:
    done = tickdeck("db", "check")
    assert done.code == 0, done.err
    assert "TimescaleDB" in done.out
    with psycopg.connect(tickdeck_db) as connection:
        connection.execute("drop trigger ticks_keep_candles on ticks")
    done = tickdeck("db", "check", "--json")
    assert done.code == 1
    wrong = [finding["detail"] for finding in json.loads(done.out) if finding["state"] == "wrong"]
    assert wrong == ["trigger ticks ticks_keep_candles is missing"]


def test_retention_without_a_setting_keeps_everything(tickdeck: Tickdeck) -> None:
    assert tickdeck("db", "retention").out == "ticks are kept for ever: TICKDECK_KEEP_TICKS_DAYS is not set\n"


def test_retention_says_what_it_would_do_and_does_it(tickdeck: Tickdeck, tickdeck_db: str) -> None:
    with psycopg.connect(tickdeck_db) as connection:
        connection.execute(
            "insert into ticks (time, symbol, price) values ('2020-01-01', 'SPY', 1), (now(), 'SPY', 2)"
        )
    assert tickdeck("db", "retention", "--keep-days", "30", "--dry-run").out.startswith(
        "1 chunks of ticks before "
    )
    assert tickdeck("db", "retention", "--keep-days", "30").out.endswith(" UTC dropped\n")
    with psycopg.connect(tickdeck_db) as connection:
        assert connection.execute("select price from ticks").fetchall() == [(2,)]
        assert connection.execute("select count(*) from candles where bucket < '2021-01-01'").fetchone() == (
            1,
        )


def test_logins_are_allowed_from_files(tickdeck: Tickdeck, tickdeck_db: str, tmp_path: Path) -> None:
    passwords = {"reader": "reader-password-1", "writer": "writer-password-2"}
    for role, password in passwords.items():
        (tmp_path / role).write_text(password + "\n")
    done = tickdeck("db", "logins", "--reader-password-file", "reader", "--writer-password-file", "writer")
    assert done.code == 0, done.err

    def connect(role: str) -> psycopg.Connection:
        url = make_url(tickdeck_db).set(username=f"tickdeck_{role}", password=passwords[role])
        return psycopg.connect(url.render_as_string(hide_password=False))

    insert = "insert into ticks (time, symbol, price) values (now(), 'SPY', 1)"
    with connect("writer") as connection:
        connection.execute(insert)
    with connect("reader") as connection:
        assert connection.execute("select count(*) from ticks").fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(insert)


def test_password_file_that_is_not_there(tickdeck: Tickdeck, tmp_path: Path) -> None:
    done = tickdeck("db", "logins", "--reader-password-file", "none", "--writer-password-file", "none")
    assert done.code == 1
    assert done.err.strip() == "error: none: No such file or directory"


def test_short_password_is_refused(tickdeck_db: str) -> None:
    with pytest.raises(ConfigurationError, match="tickdeck_reader is shorter than 12"):
        allow_logins(tickdeck_db, {"reader": "short"})
