"""Every path as everybody: who may pass is written down here, and a path that is not fails."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import psycopg
import pytest
import requests
import websockets
from websockets.sync.client import connect as connect_socket

from tests.paths import ROOT
from tickdeck.app.config import DashboardSettings, Settings
from tickdeck.app.main import create_app
from tickdeck.app.users.access import TOKEN_PREFIX, new_token, token_hash
from tickdeck.app.users.passwords import hash_password
from tickdeck.app.web.gate import COOKIE, RULES, SESSION_OVER
from tickdeck.db import users
from tickdeck.db.errors import ConfigurationError
from tickdeck.db.session import Pool, open_pool
from tickdeck.db.users import Scope, UserRole
from tickdeck.testing.dashboard import LiveServer, serving
from tickdeck.testing.databases import Databases
from tickdeck.testing.servers import TimescaleServer

T = TypeVar("T")
PASSWORD: Final = "correct horse battery"
PATIENCE_S: Final = 60

WHO: Final = (
    "nobody", "expired", "wrong", "viewer", "analyst", "admin", "read token", "metrics token", "admin token", "wrong token",
)  # fmt: skip
_IN: Final = {"viewer": 200, "analyst": 200, "admin": 200}
_OUT: Final = {"nobody": 401, "expired": 401, "wrong": 401, "wrong token": 401}
_ALL: Final = dict.fromkeys(WHO, 200) | {"wrong token": 401}
_NO_PROGRAM: Final = {"read token": 403, "metrics token": 403, "admin token": 403}
_DATA: Final = _OUT | _IN | {"read token": 200, "metrics token": 403, "admin token": 403}
_PAGE: Final = _OUT | _IN | _NO_PROGRAM

TABLE: Final[dict[str, dict[str, int]]] = {
    "/healthz": _ALL | {"metrics token": 200},
    "/readyz": _ALL,
    "/login": _ALL | dict.fromkeys(_IN, 303) | _NO_PROGRAM,
    "/assets/favicon.svg": _ALL | _NO_PROGRAM,
    "/assets/login.css": _ALL | _NO_PROGRAM,
    "/assets/main.js": _PAGE,
    "/": _PAGE,
    "/_dash-layout": _PAGE,
    "/_dash-dependencies": _PAGE,
    "/_favicon.ico": _PAGE,
    "/metrics": _OUT
    | {
        "viewer": 403,
        "analyst": 403,
        "admin": 200,
        "read token": 403,
        "metrics token": 200,
        "admin token": 403,
    },
    "/api/corrections?symbol=A": _OUT
    | {
        "viewer": 403,
        "analyst": 403,
        "admin": 200,
        "read token": 403,
        "metrics token": 403,
        "admin token": 200,
    },
    "/api/me": _DATA,
    "/api/docs": _DATA,
    "/api/openapi.json": _DATA,
    "/api/instruments": _DATA,
    "/api/candles?symbol=A&interval=1m": _DATA,
    "/api/indicators": _DATA,
    "/api/profile?symbol=A&start=2026-01-05&end=2026-01-06": _DATA,
    "/api/footprint?symbol=A&interval=1m&start=2026-01-05&end=2026-01-06": _DATA,
    "/api/gaps": _DATA,
    "/api/imported?symbol=A": _DATA,
    "/api/ticks?symbol=A": _DATA,
    "/api/frames?subscribe=%7B%7D": _DATA,
    "/api/replay/days?symbols=A": _DATA,
    "/api/sessions?symbol=A&start=2026-01-05T00:00Z&end=2026-01-06T00:00Z": _DATA,
    "/api/day?symbol=A&at=1767623400000": _DATA,
    "/api/drawings?symbol=A": _DATA,
    "/api/alerts": _DATA,
    "/api/alerts/log": _DATA,
}
"""The status of a GET, by path and by who asks."""
ELSEWHERE: Final = {
    "/ws": "test_sockets",
    "/api/drawings/{number}": "test_drawings.test_who_may_draw",
    "/api/alerts/{number}": "test_alerts.test_who_may_make_alerts",
    "/logout": "test_signing_in_and_out",
    "/login/oidc": "tests/app/web/test_provider.py",
    "/login/oidc/back": "tests/app/web/test_provider.py",
    "/_dash-component-suites/{package_name}/{fingerprinted_path:path}": "the same rule as /_dash-layout",
    "/_dash-update-component": "test_changes_are_asked_for_by_our_own_pages_only",
    "/_reload-hash": "answers only where Dash reloads itself; the same rule as /_dash-layout",
}
"""Paths that are no plain GET, and which test has them."""


@dataclass
class Desk:
    """A dashboard with a viewer, an analyst, an admin, and tokens of the admin."""

    server: LiveServer
    sessions: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def headers(self, who: str) -> dict[str, str]:
        if who in self.tokens:
            return {"Authorization": f"Bearer {self.tokens[who]}"}
        return {"Cookie": f"{COOKIE}={self.sessions[who]}"} if who in self.sessions else {}

    def get(self, path: str, who: str, **headers: str) -> requests.Response:
        return requests.get(
            self.server.url + path,
            headers=self.headers(who) | headers,
            timeout=PATIENCE_S,
            allow_redirects=False,
        )

    def post(self, path: str, who: str, data: Any = None, **headers: str) -> requests.Response:
        return requests.post(
            self.server.url + path,
            data=data,
            headers=self.headers(who) | headers,
            timeout=PATIENCE_S,
            allow_redirects=False,
        )

    def settings(self, work: Callable[[Pool], Awaitable[T]]) -> T:
        return with_settings(self.server.database, work)


def with_settings(url: str, work: Callable[[Pool], Awaitable[T]]) -> T:
    async def run() -> T:
        pool = await open_pool(url, role="settings", size=1)
        try:
            return await work(pool)
        finally:
            await pool.close()

    return asyncio.run(run())


async def _people(pool: Pool, desk: Desk) -> None:
    roles: tuple[UserRole, ...] = ("admin", "viewer", "analyst")
    for role in roles:
        user = await users.add_user(pool, role, role, password_hash=hash_password(PASSWORD))
        token = new_token()
        await users.open_session(pool, user, token_hash(token), address="test", agent="", lasts_s=3600)
        desk.sessions[role] = token
    admin = await users.find_user(pool, "admin")
    assert admin is not None
    scopes: tuple[Scope, ...] = ("read", "metrics", "admin")
    for scope in scopes:
        token = TOKEN_PREFIX + new_token()
        await users.add_token(pool, admin.id, scope, token_hash(token), [scope], days=1)
        desk.tokens[f"{scope} token"] = token
    over = new_token()
    await users.open_session(pool, admin.id, token_hash(over), address="test", agent="", lasts_s=-1)
    desk.sessions |= {"expired": over, "wrong": new_token()}
    desk.tokens["wrong token"] = TOKEN_PREFIX + new_token()


@pytest.fixture(scope="module")
def desk(_tickdeck_databases: Databases) -> Iterator[Desk]:
    with _tickdeck_databases.copy() as url:
        with psycopg.connect(url) as connection:
            connection.execute(
                "insert into ticks (time, symbol, price, size) values ('2026-01-05 14:30Z', 'A', 10, 1)"
            )
        with serving(url) as server:
            made = Desk(server)
            made.settings(lambda pool: _people(pool, made))
            made.get("/", "nobody")  # asked before there were users, if at all: known again within 2 s
            wait_for(lambda: made.get("/api/me", "nobody").status_code == 401)
            yield made


def wait_for(reached: Callable[[], bool]) -> None:
    over = threading.Event()
    for _ in range(200):
        if reached():
            return
        over.wait(0.05)
    raise AssertionError("it did not come to that")


@pytest.mark.parametrize("path", TABLE)
def test_who_may_ask_for_what(desk: Desk, path: str) -> None:
    assert {who: desk.get(path, who).status_code for who in WHO} == TABLE[path]


async def test_every_route_is_in_the_table(tickdeck_db: str) -> None:
    """A new route fails here until somebody has written down who may use it."""
    async with create_app(Settings(), tickdeck_db) as app:
        described = set(app.openapi()["paths"])
        mounted = {
            str(path)
            for route in app.router.routes
            if (path := getattr(route, "path", None)) and path != "/assets"
        }
    known = {path.partition("?")[0] for path in TABLE} | ELSEWHERE.keys()
    assert described | mounted <= known


def test_every_path_of_the_table_has_a_rule() -> None:
    for path in [*TABLE, *ELSEWHERE]:
        assert any(re.fullmatch(rule.path, path.partition("?")[0]) for rule in RULES), path


def test_whoever_has_not_signed_in_learns_whether_it_runs_and_no_more(desk: Desk) -> None:
    assert desk.get("/healthz", "nobody").json() == {"status": "ok"}
    assert "database" in desk.get("/healthz", "viewer").json()


def test_a_path_that_no_rule_names_is_closed(desk: Desk) -> None:
    assert desk.get("/something-new", "nobody").status_code == 401


def test_people_are_led_to_the_door_and_back(desk: Desk) -> None:
    answer = desk.get("/?symbol=A", "nobody", Accept="text/html")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2F%3Fsymbol%3DA")
    signed_in = desk.post("/login", "nobody", {"name": "Viewer", "password": PASSWORD, "next": "/?symbol=A"})
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/?symbol=A")
    cookie = signed_in.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "/a\nb", "/\t/evil.example", "//[",
        "", "evil.example", "/\u202emoc", "\\\\evil.example",
    ],
)  # fmt: skip
def test_the_door_leads_nowhere_else(desk: Desk, wanted: str) -> None:
    answer = desk.post("/login", "nobody", {"name": "viewer", "password": PASSWORD, "next": wanted})
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("origin", ["null", "http://[", "http://[::1", "http://", "://", "evil", "\xff"])
def test_no_origin_is_too_strange_to_be_refused(desk: Desk, origin: str) -> None:
    assert desk.post("/logout", "admin", Origin=origin).status_code == 403
    with pytest.raises(websockets.InvalidStatus) as refused:
        connect_socket(desk.server.ws_url, additional_headers=desk.headers("admin") | {"Origin": origin})
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("length", ["0" * 30 + "9" * 9, "9" * 9, "-1", "1_0"])
def test_no_body_is_longer_than_it_may_be_however_that_is_written(desk: Desk, length: str) -> None:
    url = urlsplit(desk.server.url)
    with socket.create_connection((url.hostname, url.port), timeout=PATIENCE_S) as raw:
        raw.sendall(
            f"POST /login HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {length}\r\n\r\n".encode()
        )
        assert raw.recv(100).split()[1] in {b"413", b"400"}


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "PROPFIND"])
def test_no_method_leads_past_the_gate(desk: Desk, method: str) -> None:
    for path in ("/", "/api/instruments", "/metrics", "/assets/main.js", "/api/drawings/1", "/_dash-layout"):
        answer = requests.request(method, desk.server.url + path, timeout=PATIENCE_S, allow_redirects=False)
        assert answer.status_code in {401, 405}, (method, path)


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../pyproject.toml", "/assets/%2e%2e/main.py", "/assets/..%2fmain.py", "/assets/%2e%2e%5cmain.py",
        "/assets//etc/passwd", "/login/../api/ticks", "/login/../assets/main.js", "/login/%2e%2e/metrics",
        "/healthz/../metrics", "/login;/../metrics", "/assets/favicon.svg/../main.js", "/api/../metrics", "//metrics",
        "/LOGIN/../metrics", "/login/x", "/healthz%0a", "/login%2f..%2fmetrics",
    ],
)  # fmt: skip
def test_no_path_leads_round_the_gate(desk: Desk, path: str) -> None:
    url = urlsplit(desk.server.url)
    whos = ("nobody", "viewer") if path.endswith("metrics") else ("nobody",)
    for who in whos:
        cookie = "".join(f"{name}: {value}\r\n" for name, value in desk.headers(who).items())
        with socket.create_connection((url.hostname, url.port), timeout=PATIENCE_S) as raw:
            head = f"GET {path} HTTP/1.1\r\nHost: {url.netloc}\r\n{cookie}Connection: close\r\n\r\n"
            raw.sendall(head.encode())
            said = raw.makefile("rb").read()
        assert said.split()[1] in {b"401", b"403", b"404"}, said[:200]


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(desk: Desk) -> None:
    answers = [
        desk.post("/login", "nobody", {"name": name, "password": "wrong"}) for name in ("analyst", "analyse")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].text.replace("analyst", "analyse") == answers[1].text
    assert "set-cookie" not in answers[0].headers


def test_wrong_passwords_cannot_be_tried_on_and_on(desk: Desk) -> None:
    tries = [desk.post("/login", "nobody", {"name": "guessed", "password": str(n)}) for n in range(8)]
    assert [answer.status_code for answer in tries] == [401] * 5 + [429] * 3
    assert int(tries[-1].headers["retry-after"]) > 0


def test_signing_in_and_out(desk: Desk) -> None:
    answer = desk.post("/login", "nobody", {"name": "analyst", "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    cookie = answer.headers["set-cookie"].partition(";")[0]
    mine = {"Cookie": cookie, "Origin": desk.server.url}
    assert desk.get("/api/me", "nobody", Cookie=cookie).json() == {
        "name": "analyst", "role": "analyst", "signed_in": True,
    }  # fmt: skip
    assert desk.post("/logout", "nobody", **mine).status_code == 303
    assert desk.get("/api/me", "nobody", Cookie=cookie).status_code == 401
    assert desk.get("/api/me", "analyst").status_code == 200  # the other session


@pytest.mark.parametrize(
    "foreign",
    [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
)
def test_changes_are_asked_for_by_our_own_pages_only(desk: Desk, foreign: dict[str, str]) -> None:
    for path in ("/_dash-update-component", "/logout"):
        assert desk.post(path, "admin", "{}", **foreign).status_code == 403
        assert desk.post(path, "admin", "{}").status_code == 403  # a cookie, and nothing that says from where
    own = desk.post("/_dash-update-component", "admin", "{}", Origin=desk.server.url)
    assert own.status_code not in {401, 403}
    assert desk.get("/api/me", "admin").status_code == 200


@pytest.mark.parametrize("who", WHO)
def test_sockets(desk: Desk, who: str) -> None:
    opened = who in {"viewer", "analyst", "admin", "read token"}
    if not opened:
        with pytest.raises(websockets.InvalidStatus) as refused:
            connect_socket(desk.server.ws_url, additional_headers=desk.headers(who), open_timeout=PATIENCE_S)
        assert refused.value.response.status_code == 403
        return
    with connect_socket(desk.server.ws_url, additional_headers=desk.headers(who)) as socket:
        socket.send('{"subscribe": {"watchlist": "all"}}')
        assert '"snapshot"' in str(socket.recv(PATIENCE_S))


def test_viewers_watch_replays_and_analysts_control_them(desk: Desk) -> None:
    request = {"replay": {"open": {"symbols": ["A"], "from": "2026-01-05T14:00Z", "to": "2026-01-05T15:00Z"}}}

    def say(socket: Any, message: object) -> dict[str, Any]:
        """The next answer about replays, or the next complaint."""
        socket.send(json.dumps(message))
        while True:
            answer: dict[str, Any] = json.loads(socket.recv(PATIENCE_S))
            if answer["type"] in {"error", "replay"} and answer.get("replay", {}) is not None:
                return answer

    with (
        connect_socket(desk.server.ws_url, additional_headers=desk.headers("analyst")) as analyst,
        connect_socket(desk.server.ws_url, additional_headers=desk.headers("viewer")) as viewer,
        connect_socket(desk.server.ws_url, additional_headers=desk.headers("read token")) as program,
    ):
        assert "needs the role 'analyst'" in say(viewer, request)["message"]
        assert "needs the scope 'replay'" in say(program, request)["message"]
        room = say(analyst, request)["replay"]["room"]
        assert len(room) >= 20
        joined = say(viewer, {"replay": {"join": room}})["replay"]
        assert joined["controls"] is False
        for wanted in ({"do": "play"}, {"do": "take"}):
            assert "message" in say(viewer, {"replay": wanted})
        assert "needs the role" in say(analyst, {"replay": {"do": "give", "to": joined["you"]}})["message"]
        analyst.send(json.dumps({"replay": {"do": "leave"}}))
        while (
            json.loads(viewer.recv(PATIENCE_S)).get("replay", {}).get("holder", joined["holder"]) is not None
        ):
            pass
        assert "needs the role" in say(viewer, {"replay": {"do": "take"}})["message"]


@pytest.mark.parametrize("way", ["signed out everywhere", "disabled", "another role", "another password"])
def test_an_open_socket_ends_with_its_session(desk: Desk, way: str) -> None:
    async def somebody(pool: Pool) -> str:
        number = await users.add_user(pool, f"late {way}".replace(" ", "-"), "viewer")
        token = new_token()
        await users.open_session(pool, number, token_hash(token), address="test", agent="", lasts_s=3600)
        return token

    async def end(pool: Pool) -> None:
        name = f"late {way}".replace(" ", "-")
        user = await users.find_user(pool, name)
        assert user is not None
        if way == "signed out everywhere":
            await users.end_sessions_of(pool, user.id)
        elif way == "disabled":
            await users.change_user(pool, name, disabled=True)
        elif way == "another role":
            await users.change_user(pool, name, role="analyst")
        else:
            await users.change_user(pool, name, password_hash=hash_password(PASSWORD))

    token = desk.settings(somebody)
    with connect_socket(desk.server.ws_url, additional_headers={"Cookie": f"{COOKIE}={token}"}) as socket:
        socket.send('{"ping": 1}')
        assert "pong" in str(socket.recv(PATIENCE_S))
        desk.settings(end)
        with pytest.raises(websockets.ConnectionClosedError):
            socket.recv(5)  # nothing is watched, so nothing comes but the end, within five seconds
        assert socket.close_code == SESSION_OVER
    if way != "another role":  # then it is another's already, which nobody need sign in for again
        me = desk.get("/api/me", "nobody", Cookie=f"{COOKIE}={token}")
        assert me.status_code == 401, "what is known for a moment outlives no socket"


async def test_without_users_others_are_not_let_in(tickdeck_db: str) -> None:
    open_to_all = Settings(dashboard=DashboardSettings(host="0.0.0.0"))  # noqa: S104 - nothing is bound
    with pytest.raises(ConfigurationError, match=r"tickdeck user add NAME --role admin.*--host 127\.0\.0\.1"):
        async with create_app(open_to_all, tickdeck_db):
            pass


def test_without_users_whoever_is_here_is_the_owner(live_server: LiveServer) -> None:
    me = requests.get(f"{live_server.url}/api/me", timeout=PATIENCE_S).json()
    assert me == {"name": "owner", "role": "admin", "signed_in": False}


def test_the_last_administrator_stays(tickdeck_db: str) -> None:
    async def work(pool: Pool) -> None:
        await users.add_user(pool, "only", "admin")
        with pytest.raises(ConfigurationError, match="last administrator"):
            await users.change_user(pool, "only", role="viewer")
        with pytest.raises(ConfigurationError, match="last administrator"):
            await users.change_user(pool, "ONLY", disabled=True)
        with pytest.raises(ConfigurationError, match="already"):
            await users.add_user(pool, "Only", "viewer")

    with_settings(tickdeck_db, work)


def test_the_audit_log_is_only_added_to(tickdeck_db: str) -> None:
    with_settings(tickdeck_db, lambda pool: users.audit(pool, "tested", actor="me"))
    for change in ("update audit_log set actor = 'you'", "delete from audit_log", "truncate audit_log"):
        with (
            psycopg.connect(tickdeck_db) as connection,
            pytest.raises(psycopg.Error, match="only ever added to"),
        ):
            connection.execute(change)


def test_no_secret_is_stored(desk: Desk) -> None:
    with psycopg.connect(desk.server.database) as connection:
        stored = " ".join(
            str(row)
            for table in ("users", "user_sessions", "api_tokens", "audit_log")
            for row in connection.execute(f"select to_jsonb(t)::text from {table} t").fetchall()
        )
    for secret in (PASSWORD, *desk.sessions.values(), *desk.tokens.values()):
        assert secret not in stored


def test_the_embedded_dashboard_cannot_make_itself_the_owner(desk: Desk, timescale: TimescaleServer) -> None:
    if timescale.kind != "embedded":
        pytest.skip("elsewhere the login is the user's to choose")

    async def attempt() -> str:
        pool = await open_pool(desk.server.database, role="reader", size=1)
        try:
            async with pool.acquire() as connection:
                await connection.execute("reset role")
                me: str = await connection.fetchval("select current_user")
                return me
        finally:
            await pool.close()

    assert asyncio.run(attempt()) == "tickdeck_reader"


def test_docs_say_how_to_sign_in() -> None:
    assert "tickdeck user add" in (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
