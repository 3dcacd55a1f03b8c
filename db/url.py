"""The forms of a database's address: as users write it, as libpq and asyncpg, and as SQLAlchemy want it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from tickdeck.db.embedded.paths import LOGINS_MARK
from tickdeck.db.errors import ConfigurationError


def sqlalchemy_url(url: str) -> str:
    """`url` for SQLAlchemy with psycopg; raise `ConfigurationError` where it is no PostgreSQL address."""
    return _with_driver(url, "postgresql+psycopg")


def libpq_url(url: str) -> str:
    """`url` for asyncpg, psycopg and psql: the plain `postgresql://` form."""
    return _with_driver(url, "postgresql")


def with_database(url: str, database: str) -> str:
    """The same server, another database."""
    return make_url(libpq_url(url)).set(database=database).render_as_string(hide_password=False)


def as_role(url: str, role: str) -> str:
    """The address with which to log in as tickdeck_`role`: on the embedded server that role's own, else `url` itself.

    Elsewhere the login of `url` is set to act as the role once it is connected; the embedded server's own login is
    its superuser, who could set it back.
    """
    parsed = make_url(libpq_url(url))
    folder = parsed.host or parsed.query.get("host", "")
    if isinstance(folder, str) and folder.startswith("/") and (Path(folder) / LOGINS_MARK).exists():
        parsed = parsed.set(username=f"tickdeck_{role}")
    return parsed.render_as_string(hide_password=False)


def safe_url(url: str) -> str:
    """`url` with its password hidden, for logs and messages."""
    return make_url(libpq_url(url)).render_as_string(hide_password=True)


def place_of(url: str) -> str:
    """Which database that is, whoever logs in."""
    parsed = make_url(libpq_url(url))
    folder = parsed.query.get("host", "")
    return f"{parsed.host or folder}:{parsed.port or parsed.query.get('port', 5432)}/{parsed.database or ''}"


def _with_driver(url: str, driver: str) -> str:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as exc:  # ValueError: a port that is no number
        raise ConfigurationError(
            "DATABASE_URL is no address of the form postgresql://user@host:port/name"
        ) from exc
    if parsed.get_backend_name() not in {"postgresql", "postgres", "timescaledb"}:
        raise ConfigurationError(f"DATABASE_URL must start with postgresql://, not {parsed.drivername}://")
    return parsed.set(drivername=driver).render_as_string(hide_password=False)
