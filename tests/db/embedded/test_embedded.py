"""The embedded TimescaleDB: real servers, real crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import asyncpg
import psycopg
import pytest
import sqlalchemy

from tests.db.embedded.embedding import UP, answers, scalar, wait_for
from tickdeck.db.embedded import EmbeddedServer, watch
from tickdeck.db.embedded.account import server_account
from tickdeck.db.url import sqlalchemy_url


@contextmanager
def stopping(server: EmbeddedServer) -> Iterator[EmbeddedServer]:
    try:
        yield server
    finally:
        server.down()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a database, which was never in use."""
    folder = tmp_path_factory.mktemp("made")
    with EmbeddedServer(folder, durable=False):
        pass
    (folder / "postgresql.log").unlink()
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of that, for what needs no new one: making it takes seconds."""
    subprocess.run(["cp", "-a", f"{made}/.", tmp_path], check=True)
    return tmp_path


def kill(server: EmbeddedServer) -> None:
    pid = server.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not server.status().running)


async def test_every_driver_gets_timescaledb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PGPORT": "1",
        "PGHOST": "nowhere",
        "PGDATABASE": "none",
        "TZ": "Asia/Kolkata",
    }.items():
        monkeypatch.setenv(name, value)
    version = "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
    server = EmbeddedServer(tmp_path, durable=False)
    with server as url:
        expected = server.status().timescaledb
        assert scalar(url, version) == expected
        engine = sqlalchemy.create_engine(sqlalchemy_url(url), poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            assert connection.scalar(sqlalchemy.text(version)) == expected
        pooled = await asyncpg.connect(url)
        assert await pooled.fetchval(version) == expected
        assert await pooled.fetchval("SHOW timezone") == "GMT"
        assert await pooled.fetchval(
            "SELECT '2024-07-01 12:00Z'::timestamptz AT TIME ZONE 'America/New_York'"
        )
        await pooled.close()


def test_the_last_to_leave_stops_it(folder: Path) -> None:
    first, second = EmbeddedServer(folder, durable=False), EmbeddedServer(folder, durable=False)
    assert not first.status().running
    with ExitStack() as late:
        with first as url:
            assert first.started_here
            assert late.enter_context(second) == url
            assert not second.started_here
        status = second.status()
        assert status.running, "the second still uses it"
        assert status.size > 2**20
        asked = [*second.psql_command(), "-XAtc", "SELECT current_database()"]
        assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "tickdeck\n"
        assert status.pid is not None
        assert os.getsid(status.pid) != os.getsid(0), "a Ctrl-C in our terminal would reach the server"
    assert not first.status().running
    assert first.down() is False


def test_what_was_told_to_be_up_stays_up_until_it_is_told_to_be_down(folder: Path) -> None:
    server = EmbeddedServer(folder, durable=False)
    with stopping(EmbeddedServer(folder, durable=False)) as kept:
        with server:
            kept.up()
        assert kept.status().running
        assert kept.down() is True
        with server:
            assert server.started_here
        assert not kept.status().running


def test_a_killed_user_does_not_keep_it_up(folder: Path) -> None:
    server = EmbeddedServer(folder, durable=False)
    code = (
        "import sys; from pathlib import Path; from tickdeck.db.embedded import EmbeddedServer\n"
        "with EmbeddedServer(Path(sys.argv[1]), durable=False): print('up', flush=True); sys.stdin.read()"
    )
    with (
        stopping(server),
        subprocess.Popen(
            [sys.executable, "-c", code, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as user,
    ):
        assert user.stdout is not None
        assert user.stdout.readline() == "up\n"
        user.kill()
        user.wait()
        assert server.status().running
        with server:
            assert not server.started_here
        assert not server.status().running


def test_default_settings_are_durable_and_rows_outlive_a_stop(folder: Path) -> None:
    with stopping(EmbeddedServer(folder)) as server:
        url = server.up()
        assert [
            scalar(url, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")
        ] == ["on"] * 3
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        assert server.down() is True
        assert server.up() == url
        assert scalar(url, "SELECT n FROM kept") == 7


@pytest.mark.fault(
    "kill -9 of the embedded postmaster or of a backend",
    "the server is started again; writers try again, the page reads anew; nothing committed is lost",
    soak=True,
)
def test_no_row_is_lost_to_kill_9(folder: Path) -> None:
    with stopping(EmbeddedServer(folder)) as server:
        with psycopg.connect(server.up()) as connection:
            connection.execute("CREATE TABLE kept (n int)")
        for round_ in range(1, 6):
            with psycopg.connect(server.url) as writer:
                writer.execute("INSERT INTO kept VALUES (%s)", [round_])
                writer.commit()
                kill(server)
                assert scalar(server.up(), "SELECT count(*) FROM kept") == round_
                assert server.started_here


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGQUIT])
@pytest.mark.fault("kill -9 of the embedded postmaster or of a backend")
def test_who_uses_it_has_it_started_again(
    folder: Path, how: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedServer(folder, durable=False) as url:
        server = EmbeddedServer(folder, durable=False)
        before = server.status().pid
        assert before is not None
        os.kill(before, how)
        wait_for(lambda: server.status().running and server.status().pid != before and answers(url))
        wait_for(lambda: "the embedded database is up again" in caplog.messages)
        assert caplog.messages[0].startswith("the embedded database has ended and is started again: ")
        assert len(caplog.messages) == 2
    assert not server.status().running


def test_who_uses_it_leaves_it_down_where_it_was_told_to_be(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedServer(folder, durable=False) as url:
        other = EmbeddedServer(folder, durable=False)
        assert other.down() is True
        time.sleep(3 * watch.LOOK_S)  # nothing is to happen
        assert not other.status().running
        assert caplog.messages == []
        with other:
            assert scalar(url, "SELECT 1") == 1


def test_a_data_folder_that_is_gone_is_not_replaced_by_an_empty_one(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedServer(folder, durable=False) as url:
        data = folder / "postgresql-17"
        data.rename(folder / "away")
        wait_for(lambda: any("is gone: put it back" in each for each in caplog.messages))
        assert not data.exists()
        assert sum("is gone" in each for each in caplog.messages) == 1
        (folder / "away").rename(data)
        wait_for(lambda: "the embedded database is up again" in caplog.messages)
        assert scalar(url, "SELECT 1") == 1


def test_a_backend_that_outlives_its_server_bars_no_start(folder: Path) -> None:
    with stopping(EmbeddedServer(folder, durable=False)) as server:
        url = server.up()
        long = "DO 'BEGIN FOR i IN 1..2000000000 LOOP NULL; END LOOP; END'"  # half a minute of pure computing
        with subprocess.Popen([*server.psql_command(), "-Xqc", long], stderr=subprocess.DEVNULL) as busy:
            active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO %'"
            wait_for(lambda: scalar(url, active) == 1)
            kill(server)
            assert scalar(server.up(), "SELECT 1") == 1
            assert busy.wait() != 0


def test_two_processes_start_it_at_once(tmp_path: Path) -> None:
    with stopping(EmbeddedServer(tmp_path)) as server:
        command = [sys.executable, "-c", UP, str(tmp_path), str(server.cache_dir)]
        starts = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        addresses = [start.communicate()[0].strip() for start in starts]
        assert [start.returncode for start in starts] == [0, 0]
        assert set(addresses) == {server.url}
        log = (tmp_path / "postgresql.log").read_text()
        assert log.count("starting PostgreSQL") == 1


@pytest.mark.fault(
    "a pid file of a server that is no more",
    "the server is started; whoever has the number now is left alone",
)
@pytest.mark.parametrize("claimant", ["stranger", "zombie", "nobody", "cut off"])
def test_a_stale_pid_file_stops_no_start(folder: Path, claimant: str) -> None:
    with stopping(EmbeddedServer(folder, durable=False)) as server:
        server.up()
        data = folder / "postgresql-17"
        pid_file, lock = data / "postmaster.pid", folder / "run/.s.PGSQL.5432.lock"
        claims = pid_file.read_text(), lock.read_text()
        server.down()
        # As the server's own account: only then does PostgreSQL take the process for a rival.
        command, identity = server_account(data).command(["/bin/cat"], Path("/"))
        with subprocess.Popen(command, stdin=subprocess.PIPE, **identity) as stranger:
            assert stranger.stdin is not None
            if claimant != "stranger":
                stranger.stdin.close()
                os.waitid(os.P_PID, stranger.pid, os.WEXITED | os.WNOWAIT)  # dead and not reaped
            if claimant == "nobody":
                stranger.wait()
            for path, text in zip((pid_file, lock), claims, strict=True):
                path.write_text(
                    "" if claimant == "cut off" else f"{stranger.pid}\n" + text.partition("\n")[2]
                )
                os.chown(path, data.stat().st_uid, data.stat().st_gid)
            assert not server.status().running
            assert scalar(server.up(), "SELECT 1") == 1
            assert server.status().pid != stranger.pid


def test_a_database_cut_off_while_it_was_made_is_made_again(tmp_path: Path) -> None:
    with stopping(EmbeddedServer(tmp_path, durable=False)) as server:
        (tmp_path / "postgresql-17.part").mkdir()
        (tmp_path / "postgresql-17.part/PG_VERSION").write_text("17\n")
        url = server.up()
        with psycopg.connect(url.replace("/tickdeck?", "/postgres?"), autocommit=True) as connection:
            connection.execute("DROP DATABASE tickdeck")
        (tmp_path / "database.made").unlink()  # written last
        assert scalar(server.up(), "SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'") == 1
        assert not server.started_here


def test_a_server_whose_socket_was_tidied_away_is_restarted(folder: Path) -> None:
    with stopping(EmbeddedServer(folder, durable=False)) as server:
        url = server.up()
        (folder / "run/.s.PGSQL.5432").unlink()
        assert scalar(server.up(), "SELECT 1") == 1
        assert server.url == url


@pytest.mark.parametrize("name", ["deep" * 30, "with space, comma and 'quotes' %41?#"])
def test_awkward_paths(tmp_path: Path, name: str) -> None:
    server = EmbeddedServer(tmp_path / name, durable=False)
    with server as url:
        assert scalar(url, "SELECT 1") == 1
        folder = Path(str(scalar(url, "SHOW unix_socket_directories")).strip('"'))
        assert folder.stat().st_mode & 0o077 == 0, "whoever gets at the socket is superuser"
    folder.rmdir()


@pytest.mark.fault("the locale is C, and the folder's name has umlauts and blanks")
def test_the_locale_c_and_an_umlaut_in_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "Zürich über alles"
    server = EmbeddedServer(folder, durable=False)
    with stopping(server):
        # As a Python that was told to take the locale at its word.
        plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        command = [sys.executable, "-c", UP, str(folder), str(server.cache_dir)]
        up = subprocess.run(
            command, env=os.environ | plain, capture_output=True, text=True, check=False, encoding="utf-8"
        )
        assert up.returncode == 0, up.stderr
        assert scalar(up.stdout.strip(), "SELECT 1") == 1
        assert server.url == up.stdout.strip()
    assert not server.status().running


def test_throw_away_databases_can_be_copied(folder: Path) -> None:
    with (
        EmbeddedServer(folder, durable=False) as url,
        psycopg.connect(url.replace("/tickdeck?", "/postgres?"), autocommit=True) as connection,
    ):
        connection.execute("CREATE DATABASE copied TEMPLATE tickdeck")
        assert scalar(url.replace("/tickdeck?", "/copied?"), "SELECT count(*) FROM pg_extension") == 2
