"""A data folder that is destroyed, and made again of a base backup that was taken while ticks came."""

from __future__ import annotations

import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.engine import make_url

from tests.db.embedded.embedding import scalar
from tickdeck.app.cli.main import main as tickdeck
from tickdeck.db.embedded import BackupError, EmbeddedServer
from tickdeck.db.errors import SchemaError
from tickdeck.db.migrate import upgrade
from tickdeck.db.revisions import head
from tickdeck.db.upkeep.backup import back_up, held, newest
from tickdeck.testing.ticks import TickFactory

TABLES = {"ticks": "symbol, time, seq", "candles": "symbol, interval, bucket", "instruments": "symbol"}


@dataclass(frozen=True)
class Lost:
    """A database whose folder is gone, and its two backups with what was committed before the first began."""

    ticks: int
    later: int
    rows: dict[str, list[tuple[object, ...]]]
    """Of the time of the second, during which nothing came."""
    archive: Path
    folder: Path


def rows(url: str) -> dict[str, list[tuple[object, ...]]]:
    with psycopg.connect(url) as connection:
        return {
            table: connection.execute(f"select * from {table} order by {order}".encode()).fetchall()
            for table, order in TABLES.items()
        }


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Lost:
    base = tmp_path_factory.mktemp("backup")
    archive, folder = base / "backups" / "first.tar.gz", base / "backups" / "second"
    server = EmbeddedServer(base / "data", durable=False)
    with server as url:
        upgrade(url)
        ticks = TickFactory(url)
        ticks(5_000, symbols=["SPY", "QQQ", "IWM"])
        enough, written = threading.Event(), 5_000

        def feed() -> None:
            nonlocal written
            while not enough.is_set():
                ticks(200, symbols=["SPY", "QQQ"])
                written += 200

        feeding = threading.Thread(target=feed)
        feeding.start()
        try:
            back_up(url, archive, server.program("pg_basebackup"))
        finally:
            enough.set()
            feeding.join()
        back_up(url, folder, server.program("pg_basebackup"))
        kept = rows(url)
    shutil.rmtree(base / "data")
    return Lost(5_000, written, kept, archive, folder)


@pytest.mark.fault(
    "the data folder is lost",
    "`tickdeck db restore` makes it again of a backup that was taken while feeds wrote: equal ticks and candles",
)
def test_a_destroyed_folder_comes_back_with_equal_ticks_and_candles(lost: Lost, tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path, durable=False)
    server.restore(lost.folder)
    with server as url:
        assert rows(url) == lost.rows
        found = held(url)
        assert (found.revision, found.ticks, found.symbols) == (head(), lost.later, 3)
        assert found.newest == scalar(url, "select max(time) from ticks")
        with pytest.raises(BackupError, match="is in use: end what runs on it"):
            EmbeddedServer(tmp_path, durable=False).restore(lost.folder)
        with psycopg.connect(url) as connection:
            connection.execute("update alembic_version set version_num = '9999'")
        with pytest.raises(SchemaError, match="newer than this Tickdeck"):
            held(url)
    with pytest.raises(BackupError, match="holds a database, which is not replaced"):
        server.restore(lost.folder)


@pytest.mark.fault("the data folder is lost")
def test_a_backup_beside_a_feed_holds_all_that_was_committed_before_it(
    lost: Lost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("TICKDECK_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["tickdeck", "db", "restore", str(lost.archive)])
    with pytest.raises(SystemExit) as ended:
        tickdeck()
    assert not ended.value.code
    said = capsys.readouterr().out
    with EmbeddedServer(tmp_path) as url:
        stored = rows(url)
        count = len(stored["ticks"])
        assert lost.ticks <= count <= lost.later
        assert set(stored["ticks"]) <= set(lost.rows["ticks"])
        assert scalar(url, "select sum(trades)::bigint from candles where interval = '1m'") == count
        newest = scalar(
            url, "select to_char(max(time) at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') from ticks"
        )
    assert said == (
        f"restored in {tmp_path}: {count:,} ticks (newest {newest} UTC) of 3 symbols, "
        f"{len(stored['candles']):,} candles\n"
    )


def test_what_is_no_backup_or_not_whole_is_refused(lost: Lost, tmp_path: Path) -> None:
    server = EmbeddedServer(tmp_path / "data", durable=False)

    def refused(source: Path, why: str) -> None:
        with pytest.raises(BackupError, match=why):
            server.restore(source)
        assert not list((tmp_path / "data").glob("postgresql-17*"))

    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(lost.archive.read_bytes()[:-100_000])
    refused(cut, "is no backup, or not whole")
    changed = tmp_path / "changed"
    shutil.copytree(lost.folder, changed)
    file = changed / "base" / "1" / "1259"
    file.write_bytes(file.read_bytes()[::-1])
    refused(changed, 'is damaged: .*"base/1/1259"')
    (changed / "tickdeck.conf").unlink()
    refused(changed, "is the backup of another server")
    (changed / "PG_VERSION").unlink()
    refused(changed, "is no backup made by")


def test_the_newest_program_is_taken(tmp_path: Path) -> None:
    for version in ("15.9", "17.2", "9.6"):
        program = tmp_path / version
        program.write_text(f"#!/bin/sh\necho 'pg_basebackup (PostgreSQL) {version} (Debian)'\n")
        program.chmod(0o755)
    assert newest([str(each) for each in sorted(tmp_path.iterdir())]) == str(tmp_path / "17.2")
    with pytest.raises(BackupError, match="pg_basebackup is not installed"):
        newest([])


def test_a_backup_replaces_nothing_and_needs_a_login_that_may_replicate(
    tickdeck_db: str, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()
    with pytest.raises(BackupError, match="is there already, and is not replaced"):
        back_up(tickdeck_db, tmp_path / "there", "pg_basebackup")
    login = f"copies_{uuid4().hex}"
    with psycopg.connect(tickdeck_db, autocommit=True) as connection:
        connection.execute(f"create role {login} login password 'secret-1'".encode())
        try:
            url = make_url(tickdeck_db).set(username=login, password="secret-1")
            with pytest.raises(
                BackupError, match=f'{login} may not copy .*`alter role "?{login}"? replication`'
            ) as told:
                back_up(url.render_as_string(hide_password=False), tmp_path / "new", "pg_basebackup")
            assert "secret-1" not in str(told.value)
            assert not (tmp_path / "new").exists()
        finally:
            connection.execute(f"drop role {login}".encode())
