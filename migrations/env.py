"""Runs the migrations: one transaction each, under an advisory lock, with statement and lock timeouts."""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import create_engine, pool, text

from tickdeck.db.config import DatabaseSettings
from tickdeck.db.errors import ConfigurationError
from tickdeck.db.migrate import MIGRATION_LOCK
from tickdeck.db.revisions import allow_migration


def database_url() -> str:
    url = context.config.get_main_option("sqlalchemy.url") or DatabaseSettings().database_url
    if not url:
        raise ConfigurationError("no database to migrate: set DATABASE_URL, or use `tickdeck db migrate`")
    return url


def run() -> None:
    engine = create_engine(database_url(), poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text("set lock_timeout = '60s'"))
        connection.execute(text("select pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        connection.execute(text("set statement_timeout = '15min'"))
        connection.execute(text("set lock_timeout = '10s'"))
        connection.commit()
        try:
            # Here too, for whoever calls alembic itself.
            driver: Any = connection.connection.driver_connection
            allow_migration(driver, beside_others=bool(context.config.attributes.get("beside_others", False)))
            driver.rollback()
            context.configure(connection=connection, transaction_per_migration=True)
            with context.begin_transaction():
                context.run_migrations()
        finally:
            connection.rollback()
            connection.execute(text("select pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()


run()
