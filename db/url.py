"""The forms of a database's address: as users write it, as libpq and asyncpg, and as SQLAlchemy want it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from tickdeck.db.embedded.paths import LOGINS_MARK
from tickdeck.db.errors import ConfigurationError

_HOST: Final = r"(?:\[[^]/?,]+]|[^]\[:/?,]*)(?::\d*)?"
_FORM: Final = re.compile(
    r"(?P<scheme>\w+)(?:\+\w+)?://"
    r"(?:(?P<user>[^:/@]*)(?::(?P<password>[^@]*))?@)?"
    rf"(?P<hosts>{_HOST}(?:,{_HOST})*)"
    r"(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?"
)
"""Wider than what a URL may be: a password may have any character but @ as it is, or all of them as %40."""


@dataclass(frozen=True, slots=True)
class _Address:
    """`hosts` (with their ports), `database` and `query` are as they were written, of the login neither part is escaped."""

    user: str | None
    password: str | None
    hosts: str
    database: str | None
    query: str

    def written(self, scheme: str = "postgresql") -> str:
        login = "" if self.user is None else quote(self.user, safe="")
        if self.password is not None:
            login += f":{quote(self.password, safe='*')}"
        path = "" if self.database is None else f"/{self.database}"
        return f"{scheme}://{login and login + '@'}{self.hosts}{path}{self.query and '?' + self.query}"

    def parameter(self, name: str) -> str:
        """One of `query`; empty where it has none of the name."""
        found = (part.partition("=") for part in self.query.split("&"))
        return next((unquote(value) for key, _, value in found if key == name), "")

    def with_parameters(self, **values: str) -> _Address:
        """Those of `query` replaced; an empty one is left out."""
        kept = [part for part in self.query.split("&") if part and part.partition("=")[0] not in values]
        added = [f"{name}={quote(value, safe='/,:-')}" for name, value in values.items() if value]
        return replace(self, query="&".join([*kept, *added]))

    def places(self) -> list[tuple[str, str]]:
        """Each server's host, a folder for a socket, and its port, empty where none is written."""
        if self.hosts:
            pairs = (re.fullmatch(r"\[?(.*?)]?(?::(\d*))?", each) for each in _split(self.hosts))
            return [(found[1], found[2] or "") for found in pairs if found]
        hosts, ports = _split(self.parameter("host")), _split(self.parameter("port"))
        if len(ports) not in {1, len(hosts)}:
            raise ConfigurationError("DATABASE_URL has another number of ports than of hosts")
        return list(zip(hosts, ports * len(hosts) if len(ports) == 1 else ports, strict=True))


def _split(text: str) -> list[str]:
    return text.split(",")


def sqlalchemy_url(url: str) -> str:
    """`url` for SQLAlchemy with psycopg; raise `ConfigurationError` where it is no PostgreSQL address."""
    parsed = _parsed(url)
    places = parsed.places()
    if parsed.hosts and len(places) > 1:  # it takes several in the query only
        hosts, ports = zip(*places, strict=True)
        parsed = replace(parsed, hosts="").with_parameters(host=",".join(hosts), port=",".join(ports))
    return parsed.written("postgresql+psycopg")


def libpq_url(url: str) -> str:
    """`url` for asyncpg, psycopg and psql: the plain `postgresql://` form."""
    return _parsed(url).written()


def each_server(url: str) -> list[str]:
    """The address of each of the servers that `url` names, which is most often one."""
    parsed = _parsed(url)
    places = parsed.places()
    if len(places) == 1:
        return [parsed.written()]
    if parsed.hosts:
        return [replace(parsed, hosts=each).written() for each in _split(parsed.hosts)]
    return [parsed.with_parameters(host=host, port=port).written() for host, port in places]


def each_url(text: str | None) -> list[str]:
    """The addresses of TICKDECK_READ_URL, a list with commas between, each for libpq; of nothing, none.  A comma within one parts its hosts."""
    return [
        _parsed(each.strip(), "TICKDECK_READ_URL").written()
        for each in re.split(r",(?=\s*\w+(?:\+\w+)?://)", text or "")
        if each.strip()
    ]


def with_database(url: str, database: str) -> str:
    """The same server, another database."""
    return replace(_parsed(url), database=database).written()


def as_role(url: str, role: str) -> str:
    """The address with which to log in as tickdeck_`role`: on the embedded server that role's own, else `url` itself.

    Elsewhere the login of `url` is set to act as the role once it is connected; the embedded server's own login is
    its superuser, who could set it back.
    """
    parsed = _parsed(url)
    if all(host.startswith("/") and (Path(host) / LOGINS_MARK).exists() for host, _ in parsed.places()):
        parsed = replace(parsed, user=f"tickdeck_{role}")
    return parsed.written()


def host_of(url: str) -> str:
    """The host that `url` names before its path, several with commas between; empty where it names none, as for a socket."""
    parsed = _parsed(url)
    return ", ".join(host for host, _ in parsed.places()) if parsed.hosts else ""


def safe_url(url: str) -> str:
    """`url` with its password hidden, for logs and messages."""
    parsed = _parsed(url)
    query = re.sub(r"(?:^|(?<=&))password=[^&]*", "password=***", parsed.query)
    return replace(parsed, password=parsed.password and "***", query=query).written()


def place_of(url: str) -> str:
    """Which database that is, whoever logs in."""
    parsed = _parsed(url)
    servers = ",".join(f"{host}:{port or parsed.parameter('port') or 5432}" for host, port in parsed.places())
    return f"{servers}/{parsed.database or ''}"


def _parsed(url: str, name: str = "DATABASE_URL") -> _Address:
    found = _FORM.fullmatch(url)
    if found is None:
        raise ConfigurationError(f"{name} is no address of the form postgresql://user@host:port/name")
    if found["scheme"] not in {"postgresql", "postgres", "timescaledb"}:
        raise ConfigurationError(f"{name} must start with postgresql://, not {found['scheme']}://")
    user, password = found["user"], found["password"]
    parsed = _Address(
        None if user is None else unquote(user),
        None if password is None else unquote(password),
        found["hosts"] or "",
        found["database"],
        found["query"] or "",
    )
    if len(parsed.places()) > 1 and not parsed.parameter("target_session_attrs"):
        # Of several servers the one that takes what is written; a standby among them is one for later.
        return parsed.with_parameters(target_session_attrs="read-write")
    return parsed
