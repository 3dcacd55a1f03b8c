"""Writes db/upkeep/schema.json anew from a freshly migrated throw-away database."""

from __future__ import annotations

import json

import psycopg

from tickdeck.db.upkeep.schema import FILE, described
from tickdeck.testing.databases import Databases
from tickdeck.testing.servers import running

with running() as server:
    databases = Databases(server)
    with databases.template(), databases.copy() as url, psycopg.connect(url) as connection:
        objects = described(connection)
FILE.write_text(json.dumps(objects, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
