"""Writes db/schema.json anew from a freshly migrated throw-away database."""

from __future__ import annotations

import json

import psycopg

from app.testing.databases import Databases
from app.testing.servers import running
from db.schema import FILE, described

with running() as server:
    databases = Databases(server)
    with databases.template(), databases.copy() as url, psycopg.connect(url) as connection:
        objects = described(connection)
FILE.write_text(json.dumps(objects, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
