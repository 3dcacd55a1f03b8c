"""Who is let in, and until when."""

from __future__ import annotations

import asyncio

import pytest

from tickdeck.app.config import UserSettings
from tickdeck.app.users import access
from tickdeck.app.users.access import Access, TooOftenError, _folded, token_hash
from tickdeck.app.users.identity import Identity
from tickdeck.app.users.passwords import hash_password
from tickdeck.db import users
from tickdeck.db.errors import ConfigurationError
from tickdeck.db.session import Pool, open_pool

END = ["signing out", "signing out everywhere", "by an administrator"]


@pytest.mark.parametrize("end", END)
async def test_a_look_up_under_way_while_a_session_ends_is_not_remembered(
    tickdeck_db: str, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """The database had answered it before the session ended; whoever comes later is asked about anew."""
    answered, go_on = asyncio.Event(), asyncio.Event()
    ask = users.find_session

    async def held_up(pool: Pool, key: bytes, *, idle_s: float) -> users.User | None:
        found = await ask(pool, key, idle_s=idle_s)
        answered.set()
        await go_on.wait()
        return found

    async with await open_pool(tickdeck_db, role="settings", size=2) as pool:
        await users.add_user(pool, "ada", role="analyst", password_hash=None)
        ada = await users.find_user(pool, "ada")
        assert ada is not None
        access = Access(pool, UserSettings())
        cookie = await access.open_session(ada, address="here", agent="a test", way="password")
        assert cookie is not None
        session = Identity.of(ada, token_hash(cookie))

        async def who() -> Identity | None:
            return await access.identify(cookie=cookie, authorization=None, named=[], peer=None)

        monkeypatch.setattr(users, "find_session", held_up)
        under_way = asyncio.create_task(who())
        await answered.wait()
        if end == "by an administrator":
            await users.end_session(pool, token_hash(cookie))
            assert await access.living([session]) == set()
        else:
            await access.sign_out(session, cookie, everywhere=end == "signing out everywhere", address="here")
        go_on.set()
        assert await under_way == session
        assert await who() is None


async def test_tries_are_counted_over_all_processes_and_restarts(
    tickdeck_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A try that comes with time comes so late that no machine is slow enough for it.
    monkeypatch.setattr(access, "TRIES", tuple((burst, 100 * period_s) for burst, period_s in access.TRIES))
    async with await open_pool(tickdeck_db, role="settings", size=2) as pool:
        await users.add_user(pool, "ada", role="analyst", password_hash=hash_password("a long password"))

        async def tried(password: str, address: str = "192.0.2.1") -> str | None:
            process = Access(pool, UserSettings())  # which remembers nothing of those before
            return await process.sign_in("Ada", password, address=address, agent="")

        assert [await tried("wrong") for _ in range(4)] == [None] * 4
        assert await tried("a long password")
        # Five at once, of which the right one was forgiven; the name has had more, from elsewhere.
        assert [await tried("wrong") for _ in range(5)] == [None] * 5
        with pytest.raises(TooOftenError) as refused:
            await tried("a long password")
        assert 0 < refused.value.wait_s <= 1200
        assert await tried("a long password", "192.0.2.2")
        # An address has twenty at once: those that were right are given back, in the memory of a process too.
        house = Access(pool, UserSettings())
        assert None not in [
            await house.sign_in("ada", "a long password", address="192.0.2.3", agent="") for _ in range(21)
        ]

        # A right password costs as much as a wrong one, and a line of the audit log: not on and on, and not as many sessions.
        monkeypatch.setattr(access, "SIGN_INS", (4, 6000.0))
        monkeypatch.setattr(access, "MOST_SESSIONS", 3)
        house = Access(pool, UserSettings())
        kept = [
            await house.sign_in("ada", "a long password", address="192.0.2.4", agent="") for _ in range(4)
        ]
        with pytest.raises(TooOftenError):
            await house.sign_in("ADA", "a long password", address="192.0.2.4", agent="")
        assert await house.sign_in("ada", "a long password", address="192.0.2.5", agent="")
        assert len(await users.list_sessions(pool, "ada", idle_s=60)) == 3
        assert await users.find_session(pool, token_hash(kept[0] or ""), idle_s=60) is None
        assert await users.find_session(pool, token_hash(kept[3] or ""), idle_s=60) is not None

        at_once = [users.Tries(bytes([n]) * 32, burst=5, period_s=6000.0) for n in (1, 2)]
        waits = await asyncio.gather(
            *(users.take_try(pool, at_once if n % 2 else at_once[::-1]) for n in range(20))
        )
        assert sum(wait == 0 for wait in waits) == 5


@pytest.mark.parametrize("change", ["another password", "disabled"])
async def test_a_password_that_is_changed_while_it_is_checked_lets_nobody_in(
    tickdeck_db: str, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """An administrator ends all sessions then, and this one would come after them."""
    async with await open_pool(tickdeck_db, role="settings", size=2) as pool:
        await users.add_user(pool, "bob", role="admin")
        await users.add_user(pool, "ada", role="analyst", password_hash=hash_password("a long password"))
        access = Access(pool, UserSettings())
        find = users.find_user

        async def changed_meanwhile(pool: Pool, name: str) -> users.User | None:
            found = await find(pool, name)
            if change == "disabled":
                await users.change_user(pool, "ada", disabled=True)
            else:
                await users.change_user(pool, "ada", password_hash=hash_password("another password"))
            return found

        monkeypatch.setattr(users, "find_user", changed_meanwhile)
        assert await access.sign_in("ada", "a long password", address="192.0.2.1", agent="") is None
        assert await users.list_sessions(pool, None, idle_s=60) == []


async def test_whatever_a_name_is_written_in_is_answered_and_audited(tickdeck_db: str) -> None:
    names = ("a\x00b", "\x1b[31mroot\r\nsigned_in", "x" * 10_000, "'; drop table users --")
    async with await open_pool(tickdeck_db, role="settings", size=2) as pool:
        access = Access(pool, UserSettings())
        for number, name in enumerate(names):
            assert await access.sign_in(name, "wrong", address=f"192.0.2.{number}", agent="\x00") is None
        entries = [each.actor async for each in users.read_audit(pool)]
        assert entries[:2] == ["a\ufffdb", "\x1b[31mroot\r\nsigned_in"]
        assert entries[2] == "x" * 64


async def test_each_way_to_write_a_name_has_the_same_tries(tickdeck_db: str) -> None:
    """As the database compares names: it knows more capital letters of an i than one."""
    letters = [letter for code in range(0x110000) if (letter := chr(code)).isalpha()]
    async with await open_pool(tickdeck_db, role="settings", size=1) as pool:
        rows = await pool.fetch("select letter, lower(letter) from unnest($1::text[]) letter", letters)
    mine: dict[str, set[str]] = {}
    for letter, folded in rows:
        mine.setdefault(folded, set()).add(_folded(letter))
    assert {each: found for each, found in mine.items() if len(found) > 1} == {}


async def test_a_linked_user_is_who_the_provider_says(tickdeck_db: str) -> None:
    async with await open_pool(tickdeck_db, role="settings", size=2) as pool:
        for name in ("ada", "bob"):
            await users.add_user(pool, name, role="analyst")
        ada = await users.find_user(pool, "ada")
        assert ada is not None
        access = Access(pool, UserSettings())
        await access.open_session(ada, address="here", agent="", way="password")
        await users.link_user(pool, "ADA", "https://id.example", "17")
        assert await users.find_subject(pool, "https://id.example", "17") == ada
        assert await users.list_sessions(pool, "ada", idle_s=60) == []
        with pytest.raises(ConfigurationError, match="is another user already"):
            await users.link_user(pool, "bob", "https://id.example", "17")
        with pytest.raises(ConfigurationError, match="no user 'eve'"):
            await users.link_user(pool, "eve", "https://id.example", "18")
        await users.link_user(pool, "ada", None, None)
        assert await users.find_subject(pool, "https://id.example", "17") is None
