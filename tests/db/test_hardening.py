"""What the roles may not, whatever program they log in with; and the rules that every new function and table is held to."""

from __future__ import annotations

import asyncio
from typing import Final

import psycopg
import pytest
from psycopg import sql

from tickdeck.db import users
from tickdeck.db.migrate import downgrade, upgrade
from tickdeck.db.session import open_pool

ROLES: Final = ("tickdeck_reader", "tickdeck_writer", "tickdeck_settings")

THE_MARKET_S: Final = {
    "alembic_version", "alert_progress", "archive_identity", "archive_left", "archived_ticks", "candles", "dropped_ticks", "feed_gaps", "feed_positions", "feeds", "imported_candles", "instruments", "order_flow", "order_flow_hours", "stale_hours", "tick_history", "ticks",
}  # fmt: skip
"""Tables that are nobody's own: what is in them is the market's, or about the place."""
ABOUT_USERS: Final = {"users", "audit_log", "sign_in_tries"}


@pytest.fixture
def fresh(tickdeck_db: str) -> str:
    """A database that ran the migration itself: what belongs to a database, not to its tables, is in no template's copy."""
    downgrade(tickdeck_db, "0011")
    upgrade(tickdeck_db)
    return tickdeck_db


def refused(url: str, role: str, statement: str) -> str:
    """Why the server refuses the statement to the role."""
    with psycopg.connect(url) as connection:
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            connection.execute(statement.encode())
    return str(caught.value)


@pytest.mark.parametrize("role", ROLES)
def test_nobody_fills_the_disk_with_large_objects(tickdeck_db: str, role: str) -> None:
    for call in (
        "lo_create(0)", "lo_creat(131072)", "lo_from_bytea(0, 'x')", "lo_open(1, 131072)", "lo_put(1, 0, 'x')",
        "lo_unlink(1)", "lo_get(1)", "lowrite(0, 'x')", "loread(0, 1)", "lo_import('/etc/passwd')",
        "lo_export(1, '/tmp/x')", "lo_truncate64(0, 1)",
    ):  # fmt: skip
        assert "permission denied" in refused(tickdeck_db, role, f"select {call}")


def test_only_the_writer_makes_temporary_tables(fresh: str) -> None:
    for role in ("tickdeck_reader", "tickdeck_settings"):
        assert "temporary" in refused(fresh, role, "create temporary table x (y int)")
    with psycopg.connect(fresh) as connection:
        connection.execute("set local role tickdeck_writer")
        connection.execute("create temporary table x (y int)")


@pytest.mark.parametrize("role", ROLES)
def test_nobody_makes_objects_of_his_own(fresh: str, role: str) -> None:
    """Which a function of the owner might then find before its own."""
    for statement in ("create table public.x (y int)", "create schema x"):
        assert "permission denied" in refused(fresh, role, statement)


def test_roles_have_a_search_path_and_limits_for_other_programs_too(fresh: str) -> None:
    with psycopg.connect(fresh) as connection:
        rows = connection.execute(
            "select r.rolname, unnest(s.setconfig) from pg_db_role_setting s join pg_roles r on r.oid = s.setrole"
            " where s.setdatabase = (select oid from pg_database where datname = current_database())"
        ).fetchall()
    found = {role: {setting for name, setting in rows if name == role} for role in ROLES}
    common = {"search_path=public, pg_temp", "idle_in_transaction_session_timeout=1h"}
    assert found == {
        "tickdeck_reader": common | {"statement_timeout=5min"},
        "tickdeck_settings": common | {"statement_timeout=5min"},
        "tickdeck_writer": common,
    }


@pytest.mark.parametrize("role", ["reader", "writer", "settings"])
async def test_our_own_connections_have_them_by_themselves(tickdeck_db: str, role: str) -> None:
    pool = await open_pool(tickdeck_db, role=role, size=1)  # type: ignore[arg-type]
    try:
        assert await pool.fetchval("show search_path") == "public, pg_temp"
        assert await pool.fetchval("show statement_timeout") == "30s"
    finally:
        await pool.close()


def test_every_function_has_its_search_path_pinned(tickdeck_db: str) -> None:
    """With the temporary schema last: first by default, it would let anybody put a table in front of ours.

    What a function of one expression (`return …`) names is found once and for all when it is made.
    """
    with psycopg.connect(tickdeck_db) as connection:
        rows = connection.execute(
            "select p.proname, coalesce(array_to_string(proconfig, ' '), ''), prosecdef,"
            " exists (select from aclexplode(coalesce(proacl, acldefault('f', proowner))) where grantee = 0)"
            " from pg_proc p where pronamespace = 'public'::regnamespace and prosqlbody is null"
            " and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')"
        ).fetchall()
    assert len(rows) > 5
    assert [
        name for name, config, _, _ in rows if "search_path=" not in config or "pg_temp" not in config
    ] == []
    assert [name for name, _, definer, public in rows if definer and public] == []


def test_every_table_is_the_market_s_or_somebody_s(tickdeck_db: str) -> None:
    """Who adds a table says here that it is nobody's own, or gives it an `owner_id` that goes with its user.

    Null means the implicit owner, as long as there are no users; app.users.identity says who may what with it.
    """
    with psycopg.connect(tickdeck_db) as connection:
        tables = {
            row[0]
            for row in connection.execute(
                "select c.relname from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
                " and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')"
            ).fetchall()
        }
        owned = {
            row[0]
            for row in connection.execute(
                "select c.relname from pg_constraint k join pg_class c on c.oid = k.conrelid"
                " join pg_attribute a on a.attrelid = c.oid and a.attnum = k.conkey[1]"
                " where k.contype = 'f' and k.confrelid = 'users'::regclass and k.confdeltype = 'c'"
                " and a.attname = 'owner_id'"
            ).fetchall()
        }
        readable = connection.execute(
            "select table_name, grantee, privilege_type from information_schema.role_table_grants"
            " where grantee in ('tickdeck_reader', 'tickdeck_writer') and table_name = any(%s)",
            [list(owned | ABOUT_USERS)],
        ).fetchall()
    assert tables - owned == THE_MARKET_S | ABOUT_USERS
    assert readable == [], "what is somebody's own is read with his right, by tickdeck_settings alone"


def test_what_was_made_without_users_becomes_the_first_user_s(tickdeck_db: str) -> None:
    with psycopg.connect(tickdeck_db) as connection:
        connection.execute(
            "create table drawn (what text, owner_id bigint references users on delete cascade);"
            "insert into drawn values ('a line', null)"
        )

    async def add_two() -> list[int]:
        pool = await open_pool(tickdeck_db, role="settings", size=1)
        try:
            return [await users.add_user(pool, name, "admin") for name in ("first", "second")]
        finally:
            await pool.close()

    first, _ = asyncio.run(add_two())
    with psycopg.connect(tickdeck_db) as connection:
        assert connection.execute("select what, owner_id from drawn").fetchall() == [("a line", first)]


async def test_a_feed_writes_the_audit_log_and_reads_none_of_it(tickdeck_db: str) -> None:
    pool = await open_pool(tickdeck_db, role="writer", size=1)
    try:
        await users.audit_feed(pool, "feed_started", subject="binance", symbols=3)
    finally:
        await pool.close()
    with psycopg.connect(tickdeck_db) as connection:
        entry = connection.execute("select event, subject, detail, actor from audit_log").fetchone()
        assert entry is not None
        assert entry[:3] == ("feed_started", "binance", {"symbols": 3})
        assert entry[3]
    for statement in ("select * from audit_log", "insert into audit_log (event, actor) values ('x', 'anna')"):
        assert "permission denied" in refused(tickdeck_db, "tickdeck_writer", statement)
