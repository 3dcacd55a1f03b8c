"""Looks a database over and says what is right, what to mind, and what is wrong.  Reads only."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import psycopg
from psycopg.rows import dict_row

from tickdeck.db.config import DatabaseSettings
from tickdeck.db.errors import DatabaseUnavailableError
from tickdeck.db.market.buckets import is_known_zone
from tickdeck.db.revisions import (
    MINIMUM_POSTGRESQL,
    MINIMUM_TIMESCALEDB,
    head,
    revisions,
    timescaledb_version,
)
from tickdeck.db.statements import statement
from tickdeck.db.upkeep.schema import described, drift
from tickdeck.db.url import libpq_url, safe_url

State = Literal["ok", "mind", "wrong"]
LOW_DISK_BYTES: Final = 2 * 2**30
EDITIONS: Final = {"apache": "Apache", "timescale": "Community"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `wrong` is what Tickdeck cannot or should not run with."""

    subject: str
    state: State
    detail: str


def check(url: str, settings: DatabaseSettings, *, disk: Path | None = None) -> list[Finding]:
    """Look the database at `url` over; `disk` is a folder on the disk it writes to, where that is here.

    Raises `DatabaseUnavailableError` where no connection can be made.
    """
    try:
        connection = psycopg.connect(libpq_url(url), connect_timeout=10)
    except psycopg.OperationalError as exc:
        raise DatabaseUnavailableError(f"cannot connect to {safe_url(url)}: {exc}") from exc
    with connection:
        connection.read_only = True
        facts = _row(connection, "check_facts")
        findings = list(_server(facts))
        if not facts["has_schema"]:
            return [*findings, Finding("schema", "wrong", "there is none: run `tickdeck db migrate`")]
        findings += _schema(connection)
        if all(finding.state != "wrong" for finding in findings):
            findings += _data(_row(connection, "check_data"), facts, settings)
            findings.append(_zones(connection))
    if disk is not None:
        findings.append(_disk(disk))
    return findings


def _row(connection: psycopg.Connection, name: str) -> dict[str, Any]:
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(statement(name).encode()).fetchone()
    return row or {}


def _server(facts: dict[str, Any]) -> Iterator[Finding]:
    old = facts["server_number"] < MINIMUM_POSTGRESQL * 10000
    wanted = f", {MINIMUM_POSTGRESQL} or newer is needed" if old else ""
    yield Finding("PostgreSQL", "wrong" if old else "ok", facts["server_version"] + wanted)

    version, available = facts["timescaledb"], facts["timescaledb_available"]
    if version is None:
        yield Finding(
            "TimescaleDB", "wrong", "the extension is not in this database: run `tickdeck db migrate`"
        )
    elif timescaledb_version(version) < MINIMUM_TIMESCALEDB:
        needed = ".".join(map(str, MINIMUM_TIMESCALEDB))
        yield Finding("TimescaleDB", "wrong", f"{version}, {needed} or newer is needed")
    elif available != version:
        update = f"{version}; the server has {available}: run `alter extension timescaledb update`"
        yield Finding("TimescaleDB", "mind", update)
    else:
        yield Finding("TimescaleDB", "ok", version)
    edition = facts["edition"]
    yield Finding("edition", "ok", EDITIONS.get(edition, str(edition)))
    missing = {"tickdeck_reader", "tickdeck_writer"} - set(facts["roles"] or [])
    if missing:
        yield Finding("roles", "wrong", f"missing: {', '.join(sorted(missing))}; run `tickdeck db migrate`")


def _schema(connection: psycopg.Connection) -> Iterator[Finding]:
    revision = _row(connection, "schema_revision").get("version_num")
    if revision == head():
        yield Finding("schema", "ok", f"revision {revision}")
        sentences = drift(described(connection))
        for sentence in sentences:
            yield Finding("drift", "wrong", sentence)
        if not sentences:
            yield Finding("drift", "ok", "the server's objects are those of the migrations")
    elif revision in revisions() or revision is None:
        yield Finding(
            "schema", "wrong", f"revision {revision}, {head()} is needed: run `tickdeck db migrate`"
        )
    else:
        newer = f"revision {revision} is newer than this Tickdeck ({head()}): install a newer Tickdeck"
        yield Finding("schema", "wrong", newer)


def _data(data: dict[str, Any], facts: dict[str, Any], settings: DatabaseSettings) -> Iterator[Finding]:
    if data["reader_writes"]:
        yield Finding("roles", "wrong", "tickdeck_reader, as which the dashboard reads, may write")
    elif not (data["reader_reads"] and data["writer_writes"]):
        yield Finding(
            "roles", "wrong", "tickdeck_reader cannot read ticks, or tickdeck_writer cannot insert them"
        )
    else:
        yield Finding("roles", "ok", f"reader reads, writer inserts; this check ran as {facts['login']}")
    since = f" since {data['first_tick_day']:%Y-%m-%d}" if data["first_tick_day"] else ""
    yield Finding(
        "size",
        "ok",
        f"{_megabytes(facts['bytes'])}: ticks {_megabytes(data['tick_bytes'])} in {data['chunks']} chunks{since}, "
        f"candles {_megabytes(data['candle_bytes'])}",
    )
    waiting = data["waiting_hours"]
    yield Finding(
        "candles",
        "mind" if waiting else "ok",
        f"{waiting} hours older than a day wait to be built; a running dashboard builds them"
        if waiting
        else "no hour older than a day waits to be built",
    )
    kept = settings.keep_ticks_days
    yield Finding(
        "retention", "ok", "ticks are kept for ever" if kept is None else f"ticks are kept {kept:g} days"
    )
    after = settings.compress_after_days
    if after is None:
        yield Finding("compression", "ok", "off")
    elif facts["edition"] == "timescale":
        yield Finding(
            "compression", "ok", f"after {after:g} days; {data['compressed']} chunks are compressed"
        )
    else:
        yield Finding(
            "compression", "mind", "set, but only the Community edition of TimescaleDB can compress"
        )


def _zones(connection: psycopg.Connection) -> Finding:
    rows = connection.execute(statement("check_zones").encode()).fetchall()
    unknown = [row for row in rows if not is_known_zone(row[0])]
    if not unknown:
        return Finding("time zones", "ok", "every instrument's is an IANA name")
    said = "; ".join(
        f"{zone!r} of {symbol}{f' and {count - 1:,} more' if count > 1 else ''}"
        for zone, symbol, count in unknown
    )
    return Finding("time zones", "wrong", f"{said}: no IANA name, so its days are read as those of UTC")


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    return Finding("disk", "mind" if free < LOW_DISK_BYTES else "ok", f"{_megabytes(free)} free for {folder}")


def _megabytes(count: int | None) -> str:
    return f"{(count or 0) / 2**20:,.0f} MB"
