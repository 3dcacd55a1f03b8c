"""The forms of a database's address: as users write it, as libpq and asyncpg, and as SQLAlchemy want it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from tickdeck.db.embedded.paths import LOGINS_MARK
from tickdeck.db.errors import ConfigurationError

_FORM: Final = re.compile(
    r"(?P<scheme>\w+)(?:\+\w+)?://"
    r"(?:(?P<user>[^:/@]*)(?::(?P<password>[^@]*))?@)?"
    r"(?:\[(?P<ipv6>[^]/?]+)]|(?P<host>[^:/?]*))(?::(?P<port>\d*))?"
    r"(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?"
)
"""Wider than what a URL may be: a password may have any character but @ as it is, or all of them as %40."""


@dataclass(frozen=True, slots=True)
class _Address:
    """`host`, `database` and `query` are as they were written, of the login neither part is escaped."""

    user: str | None
    password: str | None
    host: str
    port: str
    database: str | None
    query: str

    def written(self, scheme: str = "postgresql") -> str:
        login = "" if self.user is None else quote(self.user, safe="")
        if self.password is not None:
            login += f":{quote(self.password, safe='*')}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = self.port and f":{self.port}"
        path = "" if self.database is None else f"/{self.database}"
        return f"{scheme}://{login and login + '@'}{host}{port}{path}{self.query and '?' + self.query}"

    def parameter(self, name: str) -> str:
        """One of `query`; empty where it has none of the name."""
        found = (part.partition("=") for part in self.query.split("&"))
        return next((unquote(value) for key, _, value in found if key == name), "")


def sqlalchemy_url(url: str) -> str:
    """`url` for SQLAlchemy with psycopg; raise `ConfigurationError` where it is no PostgreSQL address."""
    return _parsed(url).written("postgresql+psycopg")


def libpq_url(url: str) -> str:
    """`url` for asyncpg, psycopg and psql: the plain `postgresql://` form."""
    return _parsed(url).written()


def with_database(url: str, database: str) -> str:
    """The same server, another database."""
    return replace(_parsed(url), database=database).written()


def as_role(url: str, role: str) -> str:
    """The address with which to log in as tickdeck_`role`: on the embedded server that role's own, else `url` itself.

    Elsewhere the login of `url` is set to act as the role once it is connected; the embedded server's own login is
    its superuser, who could set it back.
    """
    parsed = _parsed(url)
    folder = parsed.host or parsed.parameter("host")
    if folder.startswith("/") and (Path(folder) / LOGINS_MARK).exists():
        parsed = replace(parsed, user=f"tickdeck_{role}")
    return parsed.written()


def host_of(url: str) -> str:
    """The host that `url` names before its path; empty where it names none, as for a socket."""
    return _parsed(url).host


def safe_url(url: str) -> str:
    """`url` with its password hidden, for logs and messages."""
    parsed = _parsed(url)
    query = re.sub(r"(?:^|(?<=&))password=[^&]*", "password=***", parsed.query)
    return replace(parsed, password=parsed.password and "***", query=query).written()


def place_of(url: str) -> str:
    """Which database that is, whoever logs in."""
    parsed = _parsed(url)
    host = parsed.host or parsed.parameter("host")
    return f"{host}:{parsed.port or parsed.parameter('port') or 5432}/{parsed.database or ''}"


def _parsed(url: str) -> _Address:
    found = _FORM.fullmatch(url)
    if found is None:
        raise ConfigurationError("DATABASE_URL is no address of the form postgresql://user@host:port/name")
    if found["scheme"] not in {"postgresql", "postgres", "timescaledb"}:
        raise ConfigurationError(f"DATABASE_URL must start with postgresql://, not {found['scheme']}://")
    user, password = found["user"], found["password"]
    return _Address(
        None if user is None else unquote(user),
        None if password is None else unquote(password),
        found["ipv6"] or found["host"] or "",
        found["port"] or "",
        found["database"],
        found["query"] or "",
    )
