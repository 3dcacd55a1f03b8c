"""What the tests of the embedded database share."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg

UP = """
import sys
from pathlib import Path
from tickdeck.db.embedded import EmbeddedServer
print(EmbeddedServer(Path(sys.argv[1]), cache_dir=Path(sys.argv[2]), durable=False).up())
"""


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def answers(url: str) -> bool:
    """Does a server answer there?  One that has just begun may refuse."""
    try:
        return scalar(url, "SELECT 1") == 1
    except psycopg.OperationalError:
        return False


def scalar(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None
