"""Moves the ticks of whole days from the table into the archive's files, and back.

Each symbol and day is one transaction at REPEATABLE READ: what it reads is what it writes to the file, compares with the file
and deletes, and others see either those ticks in the table or the catalogue's row that names the file.  The file is on
disk before that is committed; one that nothing names, because the process was killed, is written again by the next run.  Rows are
deleted, not chunks dropped, so that a read that has begun keeps what it sees; an empty chunk is dropped once none of them is
left.

Needs the owner's rights, as retention does.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import errors

from tickdeck.db.archive.layout import (
    broken,
    digest_of,
    parquet,
    read_day,
    schema,
    write_day,
)
from tickdeck.db.archive.read import YOUNGEST_DAYS
from tickdeck.db.errors import ConfigurationError, DatabaseError, DatabaseUnavailableError
from tickdeck.db.statements import statement
from tickdeck.db.url import libpq_url, safe_url

if TYPE_CHECKING:
    import pyarrow as pa

_ARCHIVE_LOCK: Final = 7455000031
"""One process moves at a time."""
_UPKEEP_LOCK: Final = 7455000003
"""Held by whoever drops ticks or folds their order flow: neither may find half a day."""
_WRITERS_LOCK: Final = 7455000001
"""Shared by writers; whoever folds candles anew from their ticks takes it alone."""
LOCK_TIMEOUT_MS: Final = 200
"""The longest that a feed can have to wait behind a lock that is itself waited for."""
_TRIES: Final = 20
_LEFT_FOR_S: Final = 3600.0
"""A file that no day needs any more stays so long, for reads that began before."""
_MARK: Final = "tickdeck-archive"
"""The file that says whose a folder is."""
_BLOCK: Final = 1 << 23
_DAY: Final = timedelta(days=1)
_BUSY: Final = (errors.SerializationFailure, errors.DeadlockDetected, errors.LockNotAvailable)

Report = Callable[[str, float | None], None]


@dataclass(frozen=True, slots=True)
class Archived:
    """What a run did: days (of one symbol each) that were archived, their ticks and the size of their files, days that were
    in use and are left for the next run, and chunks that are compressed and stay.
    """

    days: int = 0
    ticks: int = 0
    bytes: int = 0
    in_use: int = 0
    compressed: int = 0


@dataclass(frozen=True, slots=True)
class CatalogueDay:
    """A row of the catalogue; `bytes` is the size of the file, `file` its name below the archive's folder."""

    symbol: str
    day: date
    file: str
    sha256: str
    ticks: int
    bytes: int
    first_time: datetime
    first_seq: int
    last_time: datetime
    last_seq: int


def archive_days(
    url: str, root: Path, older_than_days: float, *, now: datetime | None = None, report: Report | None = None
) -> Archived:
    """Move each day (UTC) that has been over for `older_than_days` before `now` (default: the clock) into files below `root`.

    Ticks that are in the table of a day that is archived already are added to its file.  Feeds and reads go on
    meanwhile.  Raises `ConfigurationError` where pyarrow is not installed or another process is at it, `DatabaseError` and
    `DatabaseUnavailableError`.
    """
    parquet()
    if older_than_days < YOUNGEST_DAYS:
        raise ConfigurationError(f"days are archived once they are {YOUNGEST_DAYS:g} day old, not earlier")
    before = (now or datetime.now(UTC)) - timedelta(days=older_than_days)
    with _connected(url) as connection:
        _claim(connection, root)
        stretches = connection.execute(statement("archive/stretches").encode(), {"before": before}).fetchall()
        done = Archived(compressed=sum(compressed for *_, compressed in stretches))
        places = list(_places(connection, stretches, before))
        for number, (symbol, day) in enumerate(places):
            if report is not None:
                report(f"archiving {symbol} {day}", number / len(places))
            moved = _archive_day(connection, root, symbol, day)
            if moved is None:
                done = replace(done, in_use=done.in_use + 1)
            else:
                done = replace(
                    done, days=done.days + 1, ticks=done.ticks + moved[0], bytes=done.bytes + moved[1]
                )
        _drop_empty_chunks(connection, before)
        _remove_left_files(connection, root)
    return done


def restore_day(url: str, root: Path, symbol: str, day: date) -> int:
    """Bring the ticks of an archived day back into the table, and forget its file; how many.

    Their candles are folded anew from them; feeds wait meanwhile.  Raises `DatabaseError` where the day is not archived or its file is not what was
    written, and as `archive_days`.
    """
    parquet()
    with _connected(url) as connection:
        _claim(connection, root)
        for left in reversed(range(_TRIES)):
            try:
                return _restore(connection, root, symbol, day)
            except _BUSY:
                if not left:
                    raise
                time.sleep(0.05)
    raise AssertionError


def catalogue(url: str) -> list[CatalogueDay]:
    """All archived days, oldest first.  Raises `DatabaseError` and `DatabaseUnavailableError`."""
    with _connected(url, alone=False) as connection:
        return _catalogue(connection)


def verify_archive(url: str, root: Path, report: Report | None = None) -> list[str]:
    """What is wrong with the archive, a sentence each: files that are missing, are not what was written, or are not what the
    candles count.  [] is the good answer.
    """
    parquet()
    wrong: list[str] = []
    with _connected(url, alone=False) as connection:
        days = _catalogue(connection)
        for number, each in enumerate(days):
            if report is not None:
                report(f"reading {each.symbol} {each.day}", number / len(days))
            with suppress(_Gone):
                wrong += [f"{each.symbol} {each.day}: {what}" for what in _faults(connection, root, each)]
    return wrong


class _Gone(Exception):  # noqa: N818 - no error: the day was restored meanwhile
    pass


def _faults(connection: psycopg.Connection, root: Path, each: CatalogueDay) -> Iterator[str]:
    path = root / each.file
    place = {"symbol": each.symbol, "day": each.day}
    try:
        digest = digest_of(path)
    except OSError as exc:
        if connection.execute(statement("archive/find_day").encode(), place).fetchone() is None:
            raise _Gone from exc
        yield f"{path} cannot be read: {exc.strerror or exc}"
        return
    if digest != each.sha256:
        yield f"{path} is not what was written: its SHA-256 is {digest}, not {each.sha256}"
        return
    ticks = read_day(path)
    if _ends(ticks) != (each.ticks, each.first_time, each.first_seq, each.last_time, each.last_seq):
        yield f"{path} has other ticks than the catalogue says"
        return
    counted = connection.execute(
        statement("archive/minutes_counted").encode(), _bounds(each.symbol, each.day)
    ).fetchone()
    if counted is not None and counted[0] != each.ticks:
        yield f"{path} has {each.ticks:,} ticks, the candles of its minutes count {counted[0]:,}"


def _ends(ticks: pa.Table) -> tuple[int, datetime, int, datetime, int]:
    rows = len(ticks)
    ends = [(ticks.column("time")[row].as_py(), ticks.column("seq")[row].as_py()) for row in (0, rows - 1)]
    return rows, *ends[0], *ends[1]


def _catalogue(connection: psycopg.Connection) -> list[CatalogueDay]:
    rows = connection.execute(statement("archive/list_days").encode()).fetchall()
    return [CatalogueDay(*row) for row in rows]


def _places(
    connection: psycopg.Connection, stretches: list[Any], before: datetime
) -> Iterator[tuple[str, date]]:
    """Symbols and days that have ticks in the table and end no later than `before`, oldest first; those that are compressed are left out."""
    looked: set[date] = set()
    for first, until, compressed in stretches:
        day = first.astimezone(UTC).date()
        while not compressed and _start(day) < until and _start(day) + _DAY <= before:
            if day not in looked:
                looked.add(day)
                bounds = {"start": _start(day), "until": _start(day) + _DAY}
                found = connection.execute(statement("archive/candidates").encode(), bounds).fetchall()
                yield from ((symbol, day) for (symbol,) in found)
            day += _DAY


def _archive_day(
    connection: psycopg.Connection, root: Path, symbol: str, day: date
) -> tuple[int, int] | None:
    """Ticks in its file and the file's size; None where others were in the way each time."""
    place = _bounds(symbol, day)
    while _row(connection, "build_order_flow", place)[0]:
        pass
    for _ in range(_TRIES):
        with suppress(*_BUSY), _upkeep_locked(connection):
            return _move(connection, root, symbol, day)
        time.sleep(0.05)
    return None


def _move(connection: psycopg.Connection, root: Path, symbol: str, day: date) -> tuple[int, int]:
    place = _bounds(symbol, day)
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read")
        in_table = ticks = _copied(connection, place)
        kept = connection.execute(statement("archive/find_day").encode(), place).fetchone()
        if kept is not None:
            ticks = _merged(_checked(root / kept[0], kept[1]), in_table)
        name, digest, size = write_day(root, symbol, day, ticks)
        if not read_day(root / name).equals(ticks):
            raise DatabaseError(f"{root / name} is not what was to be written: the ticks stay in the table")
        deleted = connection.execute(statement("archive/delete_day").encode(), place).rowcount
        if deleted != len(in_table):
            raise DatabaseError(
                f"{symbol} {day}: {deleted:,} ticks would be deleted, {len(in_table):,} were read"
            )
        rows, first_time, first_seq, last_time, last_seq = _ends(ticks)
        connection.execute(
            statement("archive/keep_day").encode(),
            place
            | {"first_time": first_time, "first_seq": first_seq, "last_time": last_time, "last_seq": last_seq}
            | {"ticks": rows, "file": name, "sha256": digest, "bytes": size},
        )
        if kept is not None and kept[0] != name:
            connection.execute(statement("archive/leave_file").encode(), {"file": kept[0]})
        # Who folds candles anew has this lock alone: he sees all of these ticks, or that they are archived.
        connection.execute(f"set local lock_timeout = {LOCK_TIMEOUT_MS}".encode())
        connection.execute("select pg_advisory_xact_lock_shared(%s)", (_WRITERS_LOCK,))
    return rows, size


def _restore(connection: psycopg.Connection, root: Path, symbol: str, day: date) -> int:
    place = _bounds(symbol, day)
    with _upkeep_locked(connection), connection.transaction():
        kept = connection.execute(statement("archive/find_day").encode(), place).fetchone()
        if kept is None:
            raise DatabaseError(f"{symbol} {day} is not in the archive")
        ticks = _checked(root / kept[0], kept[1])
        connection.execute(statement("archive/staged").encode())
        with connection.cursor().copy(statement("archive/stage").encode()) as copy:
            copy.write(_csv(ticks))
        connection.execute(f"set local lock_timeout = {LOCK_TIMEOUT_MS}".encode())
        connection.execute("select pg_advisory_xact_lock(%s)", (_WRITERS_LOCK,))
        connection.execute("set local lock_timeout = 0")
        connection.execute("set local tickdeck.ticks_since = '-infinity'")
        connection.execute(statement("archive/forget_day").encode(), place)
        connection.execute(statement("archive/put_back").encode())
        connection.execute(statement("archive/refold").encode())
        connection.execute(statement("archive/leave_file").encode(), {"file": kept[0]})
    return len(ticks)


def _copied(connection: psycopg.Connection, place: dict[str, Any]) -> pa.Table:
    """The ticks of a day in the table."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import csv  # noqa: PLC0415

    kinds = {field.name: field.type for field in schema()} | {"time": pa.int64()}
    reading = csv.ReadOptions(column_names=list(kinds))
    converting = csv.ConvertOptions(
        column_types=kinds, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
    )
    pieces: list[pa.Table] = []

    def parse(content: bytes) -> None:
        parsed = csv.read_csv(
            io.BytesIO(content), reading, csv.ParseOptions(newlines_in_values=True), converting
        )
        pieces.append(parsed)

    held = bytearray()
    with connection.cursor().copy(statement("archive/copy_day").encode(), place) as copy:
        for row in copy:  # a whole row at a time
            held += row
            if len(held) >= _BLOCK:
                parse(bytes(held))
                held.clear()
    if held:
        parse(bytes(held))
    if not pieces:
        return schema().empty_table()
    ticks = pa.concat_tables(pieces)
    times = ticks.column("time").cast(schema().field("time").type)
    return ticks.set_column(0, schema().field("time"), times).cast(schema())


def _csv(ticks: pa.Table) -> bytes:
    """As COPY takes it: null is an empty field, an empty text a quoted one."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import csv  # noqa: PLC0415

    out = io.BytesIO()
    times = ticks.column("time").cast(pa.string())
    csv.write_csv(
        ticks.set_column(0, "time", times),
        out,
        csv.WriteOptions(include_header=False, quoting_style="needed"),
    )
    return out.getvalue()


def _merged(kept: pa.Table, late: pa.Table) -> pa.Table:
    """A file's ticks and those that came to the table since, in order."""
    import pyarrow as pa  # noqa: PLC0415

    both = (
        pa.concat_tables([kept, late]).sort_by([("time", "ascending"), ("seq", "ascending")]).combine_chunks()
    )
    places = both.select(["time", "seq"])
    if len(both) > 1 and places.group_by(["time", "seq"]).aggregate([]).num_rows != len(both):
        raise DatabaseError(
            f"{late.column('symbol')[0]} {late.column('time')[0]}: a tick in the table is in the archive, too"
        )
    return both


def _checked(path: Path, sha256: str) -> pa.Table:
    try:
        digest = digest_of(path)
    except OSError as exc:
        raise broken(path, exc) from exc
    if digest != sha256:
        raise DatabaseError(f"{path} is not what was written: its SHA-256 is {digest}, not {sha256}")
    return read_day(path)


def _drop_empty_chunks(connection: psycopg.Connection, before: datetime) -> None:
    """Drop the chunks that archiving has emptied and that no read can still see rows of: VACUUM leaves nothing of such a one."""
    found = connection.execute(statement("archive/emptied_chunks").encode(), {"before": before}).fetchall()
    for chunk, first, until in found:
        if connection.execute(f"select from {chunk} limit 1".encode()).fetchone() is not None:
            continue
        connection.execute(f"vacuum (truncate, index_cleanup on) {chunk}".encode())
        with suppress(errors.LockNotAvailable), connection.transaction():
            connection.execute(f"set local lock_timeout = {LOCK_TIMEOUT_MS}".encode())
            connection.execute(f"lock table {chunk} in access exclusive mode".encode())
            if connection.execute("select pg_relation_size(%s::regclass)", (chunk,)).fetchone() == (0,):
                connection.execute(
                    "select drop_chunks('public.ticks', older_than => %s, newer_than => %s)", (until, first)
                )


def _remove_left_files(connection: psycopg.Connection, root: Path) -> None:
    """Remove the files that no day has needed for a while: nothing else in the folder, whatever it is."""
    for (name,) in connection.execute(
        statement("archive/left_files").encode(), {"seconds": _LEFT_FOR_S}
    ).fetchall():
        with suppress(OSError):
            (root / name).unlink(missing_ok=True)
            connection.execute(statement("archive/forget_file").encode(), {"file": name})


def _claim(connection: psycopg.Connection, root: Path) -> None:
    """Make the folder this database's; raise `ConfigurationError` where it is another one's."""
    (mine,) = _row(connection, "identity", {})
    mark = root / _MARK
    try:
        root.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), mark.open("x", encoding="utf-8") as file:
            file.write(mine)
        theirs = mark.read_text(encoding="utf-8")
    except OSError as exc:
        raise DatabaseError(f"{root} cannot be used: {exc}") from exc
    if theirs != mine:
        raise ConfigurationError(
            f"{root} is the archive of another database ({_MARK} says so): name another folder in TICKDECK_ARCHIVE_DIR"
        )


@contextmanager
def _connected(url: str, *, alone: bool = True) -> Iterator[psycopg.Connection]:
    """A connection; `alone`: of the only process that moves ticks."""
    try:
        with psycopg.connect(libpq_url(url), connect_timeout=10, autocommit=True) as connection:
            connection.execute("set timezone = 'GMT'")
            if alone:
                row = connection.execute("select pg_try_advisory_lock(%s)", (_ARCHIVE_LOCK,)).fetchone()
                if not row or not row[0]:
                    raise ConfigurationError("another process is moving ticks to or from the archive")
            yield connection
    except psycopg.OperationalError as exc:
        raise DatabaseUnavailableError(f"{safe_url(url)}: {exc}") from exc
    except psycopg.Error as exc:
        raise DatabaseError(f"the archive: {exc}") from exc


@contextmanager
def _upkeep_locked(connection: psycopg.Connection) -> Iterator[None]:
    connection.execute("select pg_advisory_lock(%s)", (_UPKEEP_LOCK,))
    try:
        yield
    finally:
        connection.execute("select pg_advisory_unlock(%s)", (_UPKEEP_LOCK,))


def _row(connection: psycopg.Connection, name: str, place: dict[str, Any]) -> tuple[Any, ...]:
    row = connection.execute(statement(f"archive/{name}").encode(), place).fetchone()
    return () if row is None else row


def _bounds(symbol: str, day: date) -> dict[str, Any]:
    return {"symbol": symbol, "day": day, "start": _start(day), "until": _start(day) + _DAY}


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
