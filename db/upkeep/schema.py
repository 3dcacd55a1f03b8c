"""What the migrations make, object by object, kept in db/upkeep/schema.json to hold a server against it.

`make schema` writes the file anew; a test fails when it is not what the migrations make.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psycopg

from tickdeck.db.statements import statement

Objects = Mapping[str, str]
"""Definitions by "kind name detail", such as "column ticks price"."""

FILE: Final = Path(__file__).parent / "schema.json"


def expected() -> Objects:
    """The objects that the newest migration leaves behind."""
    objects: Objects = json.loads(FILE.read_text(encoding="utf-8"))
    return objects


def described(connection: psycopg.Connection) -> Objects:
    """The objects that are in the connected database, other applications' ones included; reads only."""
    rows = connection.execute(statement("describe_schema").encode()).fetchall()
    return {" ".join(part for part in row[:3] if part): row[3] for row in rows}


def drift(found: Objects) -> list[str]:
    """In what `found` is not as expected, one sentence each.

    Tables and functions that are not Tickdeck's are nobody's business here; an index, a trigger or a column
    that somebody put on one of its tables is.
    """
    wanted = expected()
    ours = {name.split()[1] for name in wanted}
    sentences = [f"{name} is missing" for name in wanted if name not in found]
    sentences += [
        f"{name} is not part of Tickdeck" for name in found if name not in wanted and name.split()[1] in ours
    ]
    for name, definition in wanted.items():
        if found.get(name, definition) != definition:
            what = "has another body or property" if name.startswith("function") else f"is {found[name]!r}"
            sentences.append(f"{name} {what}")
    return sorted(sentences)
