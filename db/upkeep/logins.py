"""Lets the two roles log in with passwords of their own, as a deployment of several machines needs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import psycopg
from psycopg import sql

from tickdeck.db.errors import ConfigurationError, DatabaseError, DatabaseUnavailableError
from tickdeck.db.session import Role
from tickdeck.db.url import libpq_url, safe_url

SHORTEST_PASSWORD: Final = 12


def allow_logins(url: str, passwords: Mapping[Role, str]) -> None:
    """Make tickdeck_reader and tickdeck_writer log in with `passwords`; `url` is the owner's.

    The passwords leave this process only as SCRAM verifiers, so that no log of the server can hold them.
    Raises `ConfigurationError` for a short password, `DatabaseUnavailableError` and `DatabaseError`.
    """
    for role, password in passwords.items():
        if len(password) < SHORTEST_PASSWORD:
            raise ConfigurationError(
                f"the password of tickdeck_{role} is shorter than {SHORTEST_PASSWORD} characters"
            )
    try:
        with psycopg.connect(libpq_url(url), connect_timeout=10) as connection:
            for role, password in passwords.items():
                name = f"tickdeck_{role}"
                verifier = connection.pgconn.encrypt_password(
                    password.encode(), name.encode(), b"scram-sha-256"
                ).decode()
                connection.execute(
                    sql.SQL("alter role {} login password {}").format(
                        sql.Identifier(name), sql.Literal(verifier)
                    )
                )
    except psycopg.OperationalError as exc:
        raise DatabaseUnavailableError(f"cannot connect to {safe_url(url)}: {exc}") from exc
    except psycopg.Error as exc:
        raise DatabaseError(f"the server refused to let the roles log in: {exc}") from exc
