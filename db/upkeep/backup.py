"""Base backups of a running database, and what one holds: PostgreSQL's own copy, beside running feeds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import class_row

from tickdeck.db.embedded import BackupError
from tickdeck.db.errors import DatabaseUnavailableError
from tickdeck.db.revisions import require_known, server_facts
from tickdeck.db.statements import statement
from tickdeck.db.url import libpq_url, safe_url

COMPRESSED: Final = (".tar.gz", ".tgz")
ARCHIVES: Final = (".tar", *COMPRESSED)
"""The names of targets that are files; any other is a folder."""


def back_up(url: str, target: Path, program: str, *, standby: str = "") -> int:
    """Copy the whole server of the database at `url` to `target`, which is not there yet, and say its size in bytes.

    `target` is there as a whole or not at all: a tar file where its name ends with one of `ARCHIVES`, else a folder.
    It holds every transaction that was committed when this was called, and may be read by its owner only.  `program`:
    the path of a `pg_basebackup` that is not older than the server.  `standby`: the folder is to become a standby of
    that server, by this name, and the server keeps the log for it from here on.
    Raises `DatabaseUnavailableError`, and `BackupError` where the login may not replicate or there is no room.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise BackupError(f"{target} is there already, and is not replaced: name another, or an empty folder")
    part = target.with_name(target.name + ".part")
    _remove(part)
    try:
        target.absolute().parent.mkdir(parents=True, exist_ok=True)
        with _log_kept(url):
            if target.name.endswith(ARCHIVES):
                _copy_to_file(url, part, program, compressed=target.name.endswith(COMPRESSED))
            else:
                _run(
                    [
                        program,
                        *_COMMON,
                        "--format=plain",
                        "--wal-method=stream",
                        f"--pgdata={part}",
                        *(["--write-recovery-conf", f"--slot={standby}"] if standby else []),
                    ],
                    url,
                    application=standby,
                )
        if target.is_dir():
            target.rmdir()
        part.rename(target)
    except OSError as exc:
        raise BackupError(f"{target} cannot be written: {exc.strerror or exc}") from exc
    finally:
        _remove(part)
    return sum(each.stat().st_size for each in (target.rglob("*") if target.is_dir() else [target]))


def newest(programs: Sequence[str]) -> str:
    """Of `pg_basebackup`s the newest, which copies all older servers as well; raises `BackupError` where there is none."""
    versions = []
    for program in programs:
        said = subprocess.run([program, "--version"], check=False, capture_output=True, text=True)  # noqa: S603
        if found := re.search(r"\) (\d+)", said.stdout):
            versions.append((int(found[1]), program))
    if not versions:
        raise BackupError(
            "pg_basebackup is not installed: install PostgreSQL's client programs, of the server's version or newer"
        )
    return max(versions)[1]


@dataclass(frozen=True, slots=True)
class Held:
    """What a database holds; `newest`: the time of its newest tick."""

    revision: str | None
    ticks: int
    symbols: int
    candles: int
    newest: datetime | None


def held(url: str) -> Held:
    """Count what the database at `url` holds; raises `SchemaError` where its schema is newer than this code."""
    with psycopg.connect(libpq_url(url)) as connection:
        revision = server_facts(connection).revision
        if revision is None:
            return Held(None, 0, 0, 0, None)
        require_known(revision)
        with connection.cursor(row_factory=class_row(Held)) as cursor:
            found = cursor.execute(statement("held").encode()).fetchone()
    assert found is not None  # noqa: S101 - a row of counts
    return found


# --checkpoint=fast: at once, where the server else takes minutes for the sake of its disk.
_COMMON: Final = ("--checkpoint=fast", "--no-password")


@contextmanager
def _log_kept(url: str) -> Iterator[None]:
    """Have the server keep its log from here on: a backup that takes long needs all of it."""
    try:
        connection = psycopg.connect(libpq_url(url), connect_timeout=10, autocommit=True)
    except psycopg.OperationalError as exc:
        raise DatabaseUnavailableError(f"cannot connect to {safe_url(url)}: {exc}") from exc
    with connection:
        row = connection.execute(
            "select rolreplication or rolsuper, current_user from pg_roles where rolname = current_user"
        ).fetchone()
        allowed, role = row or (False, "")
        if not allowed:
            grant = sql.SQL("alter role {} replication").format(sql.Identifier(role)).as_string(connection)
            raise BackupError(
                f"{role} may not copy the server of {safe_url(url)}: let an administrator say `{grant}`, or back "
                "that server up with its own tools"
            )
        name = f"tickdeck_backup_{connection.info.backend_pid}"
        try:
            connection.execute("select pg_create_physical_replication_slot(%s, true, true)", [name])
        except psycopg.Error as exc:
            raise BackupError(f"the server of {safe_url(url)} cannot be copied: {exc}") from exc
        yield


def _copy_to_file(url: str, part: Path, program: str, *, compressed: bool) -> None:
    command = [program, *_COMMON, "--format=tar", "--wal-method=fetch", "--pgdata=-"]
    if compressed:
        command.append("--compress=client-gzip:1")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        _run(command, url, output=file.fileno())
        os.fsync(file.fileno())


def _run(command: list[str], url: str, output: int = subprocess.DEVNULL, *, application: str = "") -> None:
    given: Mapping[str, object] = conninfo_to_dict(libpq_url(url))
    if application:  # by which synchronous_standby_names names it
        given = {**given, "application_name": application}
    password = given.get("password")
    # The list of processes shows everybody what a program was called with.
    public = make_conninfo(**{name: value for name, value in given.items() if name != "password"})  # type: ignore[arg-type]
    environment = os.environ | {"LC_ALL": "C"}
    if password is not None:
        environment["PGPASSWORD"] = str(password)
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
        [*command, f"--dbname={public}"],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=environment,
        check=False,
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "error:" in line] or done.stderr.splitlines()
        why = " ".join(line.removeprefix("pg_basebackup: ") for line in said)
        if "incompatible server version" in why:
            why += "; install PostgreSQL's client programs of that version or newer"
        raise BackupError(f"the server of {safe_url(url)} was not copied: {why or 'pg_basebackup failed'}")


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)
