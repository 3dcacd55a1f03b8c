"""Addresses of databases, as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.engine import make_url

from tickdeck.db import revisions
from tickdeck.db.embedded.paths import LOGINS_MARK
from tickdeck.db.errors import ConfigurationError
from tickdeck.db.url import (
    as_role,
    each_server,
    each_url,
    host_of,
    libpq_url,
    place_of,
    safe_url,
    sqlalchemy_url,
    with_database,
)

WRITTEN = [
    "postgresql://desk.example/market",
    "postgres://anna@desk.example:5433/market?sslmode=require",
    "timescaledb://anna:p%40ss%2F%3A%25@desk.example/market",
    "postgresql+psycopg://anna:p#s?s/w:rd@[::1]:5432/market",
    "postgresql://postgres@/tickdeck?host=%2Ftmp%2Fa%20folder&port=5432",
    "postgresql:///market",
    "postgresql://desk.example",
    "postgresql://anna@a.example:5433,b.example,[::1]:5434/market?target_session_attrs=any",
    "postgresql://anna@/market?host=/run/a,/run/b&port=5432,5433&target_session_attrs=read-write",
]


@pytest.mark.parametrize("url", WRITTEN)
def test_every_driver_is_told_the_same(url: str) -> None:
    told = conninfo_to_dict(libpq_url(url))
    parsed = make_url(sqlalchemy_url(url))
    assert parsed.drivername == "postgresql+psycopg"
    (), seen = parsed.get_dialect()().create_connect_args(parsed)
    assert {name: str(value) for name, value in seen.items() if value} == {
        name: str(value) for name, value in told.items()
    }
    assert conninfo_to_dict(with_database(url, "other")) == told | {"dbname": "other"}
    assert libpq_url(libpq_url(url)) == libpq_url(url)


@pytest.mark.parametrize(
    "url", ["postgresql://a:s3cret@h/d", "postgresql://a@h/d?password=s3cret&sslmode=require"]
)
def test_a_password_is_shown_to_nobody(url: str) -> None:
    assert "s3cret" not in safe_url(url)
    assert conninfo_to_dict(safe_url(url)) == conninfo_to_dict(url) | {"password": "***"}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://h:port/d", "is no address"),
        ("market", "is no address"),
        ("", "is no address"),
        ("mysql://h/d", "must start with postgresql://, not mysql://"),
    ],
)
def test_what_is_no_address_is_refused(url: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        libpq_url(url)


def test_of_several_servers_the_one_that_takes_what_is_written_is_wanted() -> None:
    two = "postgresql://anna:x@a.example:5433,b.example/market"
    assert conninfo_to_dict(libpq_url(two))["target_session_attrs"] == "read-write"
    assert conninfo_to_dict(libpq_url(two + "?target_session_attrs=any"))["target_session_attrs"] == "any"
    assert [conninfo_to_dict(each) for each in each_server(two)] == [
        conninfo_to_dict(f"postgresql://anna:x@{host}/market?target_session_attrs=read-write")
        for host in ("a.example:5433", "b.example")
    ]
    sockets = each_server("postgresql://postgres@/t?host=/run/a,/run/b&port=5432")
    assert [place_of(each) for each in sockets] == ["/run/a:5432/t", "/run/b:5432/t"]
    assert place_of(two) == "a.example:5433,b.example:5432/market"
    assert host_of(two) == "a.example, b.example"
    with pytest.raises(ConfigurationError, match="another number of ports"):
        libpq_url("postgresql:///t?host=/run/a,/run/b&port=1,2,3")


def test_a_list_of_addresses_may_hold_such_with_several_servers() -> None:
    assert each_url(None) == []
    assert [place_of(each) for each in each_url("postgresql://a,b/d, postgres://c:1/d")] == [
        "a:5432,b:5432/d",
        "c:1/d",
    ]
    with pytest.raises(ConfigurationError, match="TICKDECK_READ_URL is no address"):
        each_url("a.example")


def test_a_place_is_the_same_whoever_logs_in() -> None:
    assert place_of("postgresql://a:x@h/d") == place_of("postgres://b@h:5432/d") == "h:5432/d"
    assert place_of("postgresql://postgres@/t?host=%2Frun&port=5433") == "/run:5433/t"
    assert (host_of("postgresql://a@[::1]/d"), host_of("postgresql:///d?host=/run")) == ("::1", "")


def test_a_role_logs_in_itself_where_the_server_is_the_embedded_one(tmp_path: Path) -> None:
    url = f"postgresql://postgres@/tickdeck?host={tmp_path}"
    assert as_role(url, "reader") == url
    (tmp_path / LOGINS_MARK).touch()
    assert as_role(url, "reader") == url.replace("postgres@", "tickdeck_reader@")


def test_revisions_are_those_that_alembic_finds() -> None:
    scripts = ScriptDirectory(str(revisions.migrations_dir()))
    assert [script.revision for script in scripts.walk_revisions()] == [*reversed(revisions.revisions())]
    assert scripts.get_current_head() == revisions.head()
