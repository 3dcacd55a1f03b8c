"""A dashboard that people may sign in to: a viewer, an analyst and an administrator, each with a session, and tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import requests

from tests.people import PASSWORD, with_settings
from tickdeck.app.users.access import TOKEN_PREFIX, new_token, token_hash
from tickdeck.app.users.passwords import hash_password
from tickdeck.app.web.gate import COOKIE
from tickdeck.db import users
from tickdeck.db.session import Pool
from tickdeck.db.users import Scope, UserRole
from tickdeck.testing.dashboard import LiveServer, serving

T = TypeVar("T")
PATIENCE_S: Final = 60
FROM_HERE: Final = {"Sec-Fetch-Site": "same-origin"}
"""What a browser says of a request that one of our own pages makes."""
TICK: Final[dict[str, Any]] = {"symbol": "A", "time": "2026-01-05T14:30:00.000001Z", "seq": 7}
"""One of the two that are stored; the other one's seq is 8."""


@dataclass
class Desk:
    """Who asks is named: a role, a `… token`, or one of those whom nobody knows."""

    server: LiveServer
    sessions: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def headers(self, who: str) -> dict[str, str]:
        if who in self.tokens:
            return {"Authorization": f"Bearer {self.tokens[who]}"}
        return {"Cookie": f"{COOKIE}={self.sessions[who]}"} if who in self.sessions else {}

    def ask(
        self, method: str, path: str, who: str, *, data: Any = None, json: Any = None, **headers: str
    ) -> requests.Response:
        return requests.request(
            method,
            self.server.url + path,
            data=data,
            json=json,
            headers=self.headers(who) | headers,
            timeout=PATIENCE_S,
            allow_redirects=False,
        )

    def get(self, path: str, who: str, **headers: str) -> requests.Response:
        return self.ask("GET", path, who, **headers)

    def post(self, path: str, who: str, data: Any = None, **headers: str) -> requests.Response:
        return self.ask("POST", path, who, data=data, **headers)

    def settings(self, work: Callable[[Pool], Awaitable[T]]) -> T:
        return with_settings(self.server.database, work)


@contextmanager
def desk_on(url: str) -> Iterator[Desk]:
    """Serve the database at `url` until the block ends, with the people in it."""
    sessions: dict[str, str] = {}
    tokens: dict[str, str] = {}
    with_settings(url, lambda pool: _people(pool, sessions, tokens))
    with serving(url) as server:
        yield Desk(server, sessions, tokens)


async def _people(pool: Pool, sessions: dict[str, str], tokens: dict[str, str]) -> None:
    hashed = hash_password(PASSWORD)
    roles: tuple[UserRole, ...] = ("admin", "viewer", "analyst")
    for role in roles:
        user = await users.add_user(pool, role, role, password_hash=hashed)
        sessions[role] = new_token()
        await users.open_session(
            pool, user, token_hash(sessions[role]), address="test", agent="", lasts_s=3600
        )
    admin = await users.find_user(pool, "admin")
    assert admin is not None
    scopes: tuple[Scope, ...] = ("read", "metrics", "admin", "panels")
    for scope in scopes:
        token = tokens[f"{scope} token"] = TOKEN_PREFIX + new_token()
        await users.add_token(pool, admin.id, scope, token_hash(token), [scope], days=1)
    sessions["expired"] = new_token()
    await users.open_session(
        pool, admin.id, token_hash(sessions["expired"]), address="test", agent="", lasts_s=-1
    )
    sessions["wrong"] = new_token()
    tokens["wrong token"] = TOKEN_PREFIX + new_token()
