"""`tickdeck db check` finds what is wrong with a database, and nothing where all is right."""

from __future__ import annotations

import psycopg
import pytest

from tickdeck.db.config import DatabaseSettings
from tickdeck.db.errors import DatabaseUnavailableError
from tickdeck.db.migrate import downgrade
from tickdeck.db.upkeep.check import Finding, check
from tickdeck.db.upkeep.schema import described, expected


def settings(**values: object) -> DatabaseSettings:
    return DatabaseSettings(**({"database_url": None} | values))  # type: ignore[arg-type]


def found(url: str, **values: object) -> dict[str, Finding]:
    return {finding.subject: finding for finding in check(url, settings(**values))}


def wrong(url: str) -> list[str]:
    return [f"{f.subject}: {f.detail}" for f in check(url, settings()) if f.state == "wrong"]


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode())


def test_schema_file_is_what_the_migrations_make(tickdeck_db: str) -> None:
    with psycopg.connect(tickdeck_db) as connection:
        assert described(connection) == expected(), "write it anew: make schema"


def test_migrated_database_has_nothing_wrong(tickdeck_db: str) -> None:
    findings = found(tickdeck_db)
    assert wrong(tickdeck_db) == []
    assert findings["schema"].detail.startswith("revision ")
    assert {"PostgreSQL", "TimescaleDB", "edition", "drift", "roles", "size", "retention"} <= findings.keys()


def test_objects_of_other_applications_are_no_drift(tickdeck_db: str) -> None:
    execute(tickdeck_db, "create table notes (t text); create function sum3(a int) returns int return a")
    assert wrong(tickdeck_db) == []


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("drop index ticks_identity", "drift: index ticks ticks_identity is missing"),
        (
            "alter table instruments add remark text",
            "drift: column instruments remark is not part of Tickdeck",
        ),
        (
            "alter table feeds alter kind type varchar(9)",
            "drift: column feeds kind is 'character varying(9) not null'",
        ),
        (
            (
                "create or replace function tickdeck_on_timezone_v1() returns trigger language plpgsql as "
                "$$ begin return null; end $$"
            ),
            "drift: function tickdeck_on_timezone_v1 has another body or property",
        ),
        ("drop trigger ticks_keep_candles on ticks", "drift: trigger ticks ticks_keep_candles is missing"),
        ("revoke insert on ticks from tickdeck_writer", "drift: grant ticks tickdeck_writer is 'select'"),
        (
            "update alembic_version set version_num = '9999'",
            "schema: revision 9999 is newer than this Tickdeck",
        ),
    ],
)
def test_drift_is_named(tickdeck_db: str, statement: str, says: str) -> None:
    execute(tickdeck_db, statement)
    sentences = wrong(tickdeck_db)
    assert len(sentences) == 1
    assert sentences[0].startswith(says)


@pytest.mark.parametrize("zone", ["america/new_york", "PST", "EST5EDT4"])
def test_a_zone_that_only_the_server_knows_is_wrong(tickdeck_db: str, zone: str) -> None:
    execute(
        tickdeck_db,
        "insert into instruments (symbol, timezone)"
        f" values ('A', 'UTC'), ('B', '{zone}'), ('C', '{zone}'), ('D', 'Europe/Berlin')",
    )
    assert wrong(tickdeck_db) == [
        f"time zones: {zone!r} of B and 1 more: no IANA name, so its days are read as those of UTC"
    ]


def test_reader_that_may_write_is_wrong(tickdeck_db: str) -> None:
    execute(tickdeck_db, "grant insert on ticks to tickdeck_reader")
    assert any("tickdeck_reader" in sentence for sentence in wrong(tickdeck_db))


def test_database_without_schema_is_wrong(tickdeck_db: str) -> None:
    downgrade(tickdeck_db, "base")
    execute(tickdeck_db, "drop table alembic_version")
    assert wrong(tickdeck_db) == ["schema: there is none: run `tickdeck db migrate`"]


def test_compression_on_apache_says_why_it_does_nothing(tickdeck_db: str) -> None:
    finding = found(tickdeck_db, compress_after_days=7)["compression"]
    apache = found(tickdeck_db)["edition"].detail == "Apache"
    assert (finding.state == "mind") is apache
    assert ("Community" in finding.detail) is apache


def test_server_that_is_not_there(tickdeck_db: str) -> None:
    with pytest.raises(DatabaseUnavailableError, match="cannot connect"):
        check("postgresql://nobody@127.0.0.1:1/none", settings())
