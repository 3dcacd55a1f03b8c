"""The forms of a database's address: as users write it, as libpq and asyncpg, and as SQLAlchemy want it."""

from __future__ import annotations

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from db.errors import ConfigurationError


def sqlalchemy_url(url: str) -> str:
    """`url` for SQLAlchemy with psycopg; raise `ConfigurationError` where it is no PostgreSQL address."""
    return _with_driver(url, "postgresql+psycopg")


def libpq_url(url: str) -> str:
    """`url` for asyncpg, psycopg and psql: the plain `postgresql://` form."""
    return _with_driver(url, "postgresql")


def with_database(url: str, database: str) -> str:
    """The same server, another database."""
    return make_url(libpq_url(url)).set(database=database).render_as_string(hide_password=False)


def safe_url(url: str) -> str:
    """`url` with its password hidden, for logs and messages."""
    return make_url(libpq_url(url)).render_as_string(hide_password=True)


def _with_driver(url: str, driver: str) -> str:
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise ConfigurationError(
            "DATABASE_URL is no address of the form postgresql://user@host/name"
        ) from exc
    if parsed.get_backend_name() not in {"postgresql", "postgres", "timescaledb"}:
        raise ConfigurationError(f"DATABASE_URL must start with postgresql://, not {parsed.drivername}://")
    return parsed.set(drivername=driver).render_as_string(hide_password=False)
