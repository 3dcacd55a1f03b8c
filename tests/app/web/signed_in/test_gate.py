"""Every path as everybody: who may pass is written down here, and a path that is not fails."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import select
import socket as raw_socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final
from urllib.parse import quote, urlsplit

import psycopg
import pytest
import requests
import websockets
from websockets.sync.client import connect as connect_socket

from tests.app.web.signed_in.desks import PATIENCE_S, Desk
from tests.paths import ROOT
from tests.people import PASSWORD, with_settings
from tickdeck.app.config import DashboardSettings, Settings
from tickdeck.app.main import create_app
from tickdeck.app.replay.room import CONTROLS
from tickdeck.app.users.access import TRIES, new_token, token_hash
from tickdeck.app.users.passwords import hash_password
from tickdeck.app.web.gate import COOKIE, RULES, SESSION_OVER, rule_of
from tickdeck.app.web.push import REQUESTS
from tickdeck.db import users
from tickdeck.db.errors import ConfigurationError
from tickdeck.db.market.spreadsheets import FORMULA_STARTS
from tickdeck.db.session import Pool, open_pool
from tickdeck.testing.dashboard import LiveServer
from tickdeck.testing.pace import Stopwatch
from tickdeck.testing.servers import TimescaleServer

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
    "/api/prints?symbol=A&start=2026-01-05&end=2026-01-06": _DATA,
    "/api/gaps": _DATA,
    "/api/feeds": _DATA,
    "/api/imported?symbol=A": _DATA,
    "/api/ticks?symbol=A": _DATA,
    "/api/frames?subscribe=%7B%7D": _DATA,
    "/api/replay/days?symbols=A": _DATA,
    "/api/sessions?symbol=A&start=2026-01-05T00:00Z&end=2026-01-06T00:00Z": _DATA,
    "/api/day?symbol=A&at=1767623400000": _DATA,
    "/api/drawings?symbol=A": _DATA,
    "/api/shared?shared=nothing": _DATA | dict.fromkeys((*_IN, "read token"), 403),
    "/api/shares": _PAGE | {"viewer": 403},
    "/api/watchlists": _DATA,
    "/workspace": _PAGE,
    "/api/workspaces": _DATA,
    "/api/panels": _DATA,
    "/api/shared-workspace?shared=nothing": _DATA | dict.fromkeys((*_IN, "read token"), 403),
    "/api/shared-watchlist?shared=nothing": _DATA | dict.fromkeys((*_IN, "read token"), 403),
    "/api/shared-alert?shared=nothing": _DATA | dict.fromkeys((*_IN, "read token"), 403),
    "/api/usual-volumes": _DATA,
    "/api/day-lines?symbols=A": _DATA,
    "/api/alerts": _DATA,
    "/api/alerts/log": _DATA,
}
"""The status of a GET, by path and by who asks."""
_ADMIN: Final = _OUT | {"viewer": 403, "analyst": 403, "read token": 403, "metrics token": 403}
_ANALYST: Final = _OUT | _NO_PROGRAM | {"viewer": 403}
CHANGES: Final[dict[str, dict[str, int]]] = {
    "POST /_dash-update-component": _OUT | _NO_PROGRAM | dict.fromkeys(_IN, 400),
    "POST /api/corrections": _ADMIN | {"admin": 422, "admin token": 422},
    "POST /api/feeds/symbols": _ADMIN | {"admin": 422, "admin token": 422},
    "PUT /api/drawings/{number}": _ANALYST | {"analyst": 422, "admin": 422},
    "DELETE /api/drawings/{number}": _ANALYST | {"analyst": 422, "admin": 422},
    "POST /api/shares": _ANALYST | {"analyst": 422, "admin": 422},
    "DELETE /api/shares/{number}": _ANALYST | {"analyst": 422, "admin": 422},
    "PUT /api/watchlists/{number}": _ANALYST | {"analyst": 422, "admin": 422},
    "DELETE /api/watchlists/{number}": _ANALYST | {"analyst": 422, "admin": 422},
    "PUT /api/watchlists/{number}/link": _ANALYST | {"analyst": 422, "admin": 422},
    "DELETE /api/watchlists/{number}/link": _ANALYST | {"analyst": 422, "admin": 422},
    "PUT /api/shared-watchlist/entries": _ANALYST | {"analyst": 422, "admin": 422},
    "PUT /api/workspaces/{number}": _ANALYST | {"analyst": 422, "admin": 422},
    "DELETE /api/workspaces/{number}": _ANALYST | {"analyst": 422, "admin": 422},
    "PUT /api/workspaces/{number}/link": _ANALYST | {"analyst": 422, "admin": 422},
    "DELETE /api/workspaces/{number}/link": _ANALYST | {"analyst": 422, "admin": 422},
    "PUT /api/panels/{name}": _ANALYST | {"analyst": 422, "admin": 422},
    "POST /api/panels/{name}/alive": _ANALYST | {"analyst": 404, "admin": 404},
    "DELETE /api/panels/{name}": _ANALYST | {"analyst": 404, "admin": 404},
    "POST /api/alerts/test": _ANALYST | {"analyst": 422, "admin": 422},
    "PUT /api/alerts/{number}": _ANALYST | {"analyst": 422, "admin": 422},
    "DELETE /api/alerts/{number}": _ANALYST | {"analyst": 422, "admin": 422},
    "PUT /api/alerts/{number}/link": _ANALYST | {"analyst": 422, "admin": 422},
    "DELETE /api/alerts/{number}/link": _ANALYST | {"analyst": 422, "admin": 422},
    "POST /login": dict.fromkeys(WHO, 401) | _NO_PROGRAM,
    "POST /logout": _OUT | _NO_PROGRAM | dict.fromkeys(_IN, 303),
}
"""The status of what changes something, asked for by a page of ours with a body that means nothing; of any other page's 403."""
CALLBACKS: Final = {"instrument.children": "viewer"}
"""What Dash answers on `/_dash-update-component`, and who may ask: its rule is one for all."""
OPEN_ASSETS: Final = {"favicon.svg", "login.css"}
ELSEWHERE: Final = {
    "GET /ws": "test_sockets",
    "GET /login/oidc": "tests/app/web/test_provider.py",
    "GET /login/oidc/back": "tests/app/web/test_provider.py",
    "GET /_dash-component-suites/{package_name}/{fingerprinted_path:path}": "the same rule as /_dash-layout",
    "GET /_reload-hash": "answers only where Dash reloads itself; the same rule as /_dash-layout",
}
"""What is no plain GET, and which test has it."""


@pytest.mark.parametrize("path", TABLE)
def test_who_may_ask_for_what(desk: Desk, path: str) -> None:
    assert {who: desk.get(path, who).status_code for who in WHO} == TABLE[path]


@pytest.mark.parametrize("change", CHANGES)
def test_who_may_change_what(desk: Desk, change: str) -> None:
    method, path = change.replace("{number}", "1").split()

    def ask(who: str, headers: dict[str, str], **more: str) -> int:
        return requests.request(
            method,
            desk.server.url + path,
            headers=headers | more,
            data=f"name=no-{who}".replace(" ", "-") if path == "/login" else "{}",
            timeout=PATIENCE_S,
            allow_redirects=False,
        ).status_code

    own = dict(desk.sessions)
    if path in {"/logout", "/login"}:  # sessions that may end by it
        own = desk.settings(_more_sessions)
    headers = {who: {"Cookie": f"{COOKIE}={own[who]}"} if who in own else desk.headers(who) for who in WHO}
    for foreign in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert {ask(who, headers[who], **foreign) for who in WHO if "token" not in who} == {403}
    assert ask("admin", headers["admin"]) == 403, "a cookie, and nothing that says from where"
    answers = {who: ask(who, headers[who], **{"Sec-Fetch-Site": "same-origin"}) for who in WHO}
    assert answers == CHANGES[change]
    path += "%0a"  # the end of a line: a router may take it for the path without
    assert {ask(who, headers[who], **{"Sec-Fetch-Site": "same-origin"}) for who in WHO} <= {401, 404}


async def _more_sessions(pool: Pool) -> dict[str, str]:
    made: dict[str, str] = {"expired": new_token(), "wrong": new_token()}
    for role in ("viewer", "analyst", "admin"):
        user = await users.find_user(pool, role)
        assert user is not None
        made[role] = new_token()
        await users.open_session(
            pool, user.id, token_hash(made[role]), address="test", agent="", lasts_s=3600
        )
    return made


def test_no_route_answers_to_another_name_or_lets_other_sites_read(desk: Desk) -> None:
    with requests.Session() as browser:
        for path in TABLE:
            asked = desk.headers("admin") | {"Origin": "https://evil.example"}
            there = browser.get(desk.server.url + path, headers=asked, timeout=PATIENCE_S)
            assert [name for name in there.headers if name.lower().startswith("access-control")] == [], path
            for host in ("evil.example", "localhost.", "localhost, evil.example"):
                other = browser.get(
                    desk.server.url + path, headers=asked | {"Host": host}, timeout=PATIENCE_S
                )
                assert other.status_code == 421, (path, host)
        for change in CHANGES:
            method, path = change.split()
            other = browser.request(
                method, desk.server.url + path, headers=asked | {"Host": "evil.example"}, timeout=PATIENCE_S
            )
            assert other.status_code == 421, change


def test_every_asset_is_for_those_who_came_in(desk: Desk) -> None:
    folder = ROOT / "app" / "assets"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert len(names) > 50
    with requests.Session() as browser:
        found = {
            name: browser.get(f"{desk.server.url}/assets/{name}", timeout=PATIENCE_S).status_code
            for name in names
        }
    assert {name for name, status in found.items() if status == 200} == OPEN_ASSETS
    assert {status for name, status in found.items() if name not in OPEN_ASSETS} == {401}


def test_every_callback_is_in_the_table(desk: Desk) -> None:
    told = desk.get("/_dash-dependencies", "viewer").json()
    assert {each["output"] for each in told} == CALLBACKS.keys()
    assert rule_of("/_dash-update-component").role == "viewer"


def routes_of(router: Any) -> Iterator[str]:
    """`METHOD path` of all that a router answers, whether its documentation shows it or not."""
    for route in router.routes:
        if included := getattr(route, "original_router", None):
            yield from routes_of(included)
        elif path := getattr(route, "path", None):
            for method in getattr(route, "methods", None) or {"GET"}:
                yield f"{method} {path}"


async def test_every_route_is_in_the_table(tickdeck_db: str) -> None:
    """A new route fails here until somebody has written down who may use it."""
    async with create_app(Settings(), tickdeck_db) as app:
        found = {route for route in routes_of(app.router) if not route.startswith("HEAD ")}
    known = {f"GET {path.partition('?')[0]}" for path in TABLE} | CHANGES.keys() | ELSEWHERE.keys()
    assert {"GET /login", "POST /login", "GET /ws", "GET /api/docs"} < found, "some are not seen at all"
    assert found - known == {"GET /assets"}  # a folder: test_every_asset_is_for_those_who_came_in


def test_every_path_of_the_table_has_a_rule() -> None:
    for path in [*TABLE, *(each.split()[1] for each in (*CHANGES, *ELSEWHERE))]:
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
    with raw_socket.create_connection((url.hostname, url.port), timeout=PATIENCE_S) as raw:
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
        "/LOGIN/../metrics", "/login/x", "/healthz%0a", "/login%2f..%2fmetrics", "/metrics%0a", "/api/corrections%0a",
        "/metrics%0d", "/metrics%00", "/metrics%e2%80%a8",
    ],
)  # fmt: skip
def test_no_path_leads_round_the_gate(desk: Desk, path: str) -> None:
    url = urlsplit(desk.server.url)
    for who in ("nobody", "viewer") if "metrics" in path or "corrections" in path else ("nobody",):
        cookie = "".join(f"{name}: {value}\r\n" for name, value in desk.headers(who).items())
        with raw_socket.create_connection((url.hostname, url.port), timeout=PATIENCE_S) as raw:
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
    began = time.monotonic()
    tries = [desk.post("/login", "nobody", {"name": "guessed", "password": str(n)}) for n in range(8)]
    refused = [answer for answer in tries if answer.status_code == 429]
    assert [answer.status_code for answer in tries[:5]] == [401] * 5
    assert {answer.status_code for answer in tries[5:]} <= {401, 429}
    again = int(
        (time.monotonic() - began) / TRIES[0][1]
    )  # where it is that slow: one more each so many seconds
    assert len(refused) >= max(1, 3 - again)
    assert int(refused[-1].headers["retry-after"]) > 0


def test_signing_in_and_out(desk: Desk) -> None:
    answer = desk.post("/login", "nobody", {"name": "analyst", "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    cookie = answer.headers["set-cookie"].partition(";")[0]
    mine = {"Cookie": cookie, "Origin": desk.server.url}
    assert desk.get("/api/me", "nobody", Cookie=cookie).json() == {
        "name": "analyst", "role": "analyst", "signed_in": True,
    }  # fmt: skip
    again = desk.post("/login", "nobody", {"name": "analyst", "password": PASSWORD}, **mine)
    assert again.status_code == 303
    assert desk.get("/api/me", "nobody", Cookie=cookie).status_code == 401, "the one before ends with it"
    mine["Cookie"] = cookie = again.headers["set-cookie"].partition(";")[0]
    assert desk.post("/logout", "nobody", **mine).status_code == 303
    assert desk.get("/api/me", "nobody", Cookie=cookie).status_code == 401
    assert desk.get("/api/me", "analyst").status_code == 200  # the other session


@pytest.mark.parametrize(
    "foreign",
    [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
)
def test_changes_are_asked_for_by_our_own_pages_only(desk: Desk, foreign: dict[str, str]) -> None:
    assert desk.post("/logout", "admin", "{}", **foreign).status_code == 403
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
    with connect_socket(
        desk.server.ws_url, additional_headers=desk.headers(who), open_timeout=PATIENCE_S
    ) as socket:
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


ALL_WHO_LOOK: Final = {"viewer", "analyst", "read token"}
MESSAGES: Final[dict[str, set[str]]] = {
    "subscribe": ALL_WHO_LOOK,
    "ping": ALL_WHO_LOOK,
    "painted": ALL_WHO_LOOK,
    "replay open": {"analyst"},
    "replay join": ALL_WHO_LOOK,
    **{
        each: {"analyst"}
        for each in (
            "play", "pause", "seek", "step", "speed", "loop", "open", "close", "corrections", "nights", "order", "cancel",
            "costs", "give", "take",
        )
    },
    "leave": ALL_WHO_LOOK,
    "live": ALL_WHO_LOOK,
}  # fmt: skip
"""Who may send what over a socket: each request, and each control of a replay that he is in."""


def test_who_may_say_what_over_a_socket(desk: Desk) -> None:
    """A new request or control fails here until somebody has written down who may send it."""
    assert {*REQUESTS, *CONTROLS} - {"replay"} | {"replay open", "replay join"} == MESSAGES.keys()

    def say(socket: Any, message: object) -> tuple[str, dict[str, Any]]:
        """What is complained of, and the newest about the replay, until the answers to the message are there."""
        socket.send(json.dumps(message))
        socket.send('{"ping": "all"}')
        complaints = ""
        replay: dict[str, Any] = {}
        while True:
            answer = json.loads(socket.recv(PATIENCE_S))
            if answer.get("pong") == "all":
                return complaints, replay
            complaints += answer.get("message", "")
            replay = answer.get("replay") or replay

    opened = {"open": {"symbols": ["A"], "from": "2026-01-05T14:00Z", "to": "2026-01-05T15:00Z"}}
    refused: dict[str, set[str]] = {each: set() for each in MESSAGES}
    with (
        connect_socket(desk.server.ws_url, additional_headers=desk.headers("analyst")) as holder,
        connect_socket(desk.server.ws_url, additional_headers=desk.headers("viewer")) as viewer,
        connect_socket(desk.server.ws_url, additional_headers=desk.headers("read token")) as program,
    ):
        _, replay = say(holder, {"replay": opened})
        while "room" not in replay:
            _, replay = say(holder, {})
        people = {"analyst": holder, "viewer": viewer, "read token": program}
        for each in MESSAGES:
            for who, socket in people.items():
                if each in REQUESTS:
                    message: dict[str, Any] = {each: {}}
                elif each == "replay open":
                    message = {"replay": opened | {"open": opened["open"] | {"symbols": []}}}
                elif each == "replay join":
                    message = {"replay": {"join": replay["room"]}}
                else:
                    message = {"replay": {"do": each}}
                complaint, _ = say(socket, message)
                if "not yours" in complaint or "it needs" in complaint or "this needs" in complaint:
                    refused[each].add(who)
    assert {each: ALL_WHO_LOOK - refused[each] for each in MESSAGES} == MESSAGES


ENDS: Final = (
    "signed out everywhere", "disabled", "another role", "another password", "over", "token revoked", "token over",
    "its owner disabled", "reads nothing",
)  # fmt: skip
"""What ends a session or a token while its socket is open."""


def test_open_sockets_end_with_their_sessions(desk: Desk) -> None:
    """Within five seconds; those of one who takes nothing as well, to whom nobody can say so."""
    made: dict[str, tuple[int, str]] = {}

    def name(way: str) -> str:
        return f"late-{way}".replace(" ", "-")

    async def people(pool: Pool) -> None:
        for way in ENDS:
            number = await users.add_user(pool, name(way), "viewer")
            token = new_token()
            if way.startswith(("token", "its")):
                days = None if way != "token over" else 1
                await users.add_token(pool, number, "x", token_hash(token), ["read"], days=days)
            else:
                await users.open_session(
                    pool, number, token_hash(token), address="test", agent="", lasts_s=3600
                )
            made[way] = number, token

    async def end(pool: Pool) -> None:
        await users.end_sessions_of(pool, made["signed out everywhere"][0])
        await users.end_sessions_of(pool, made["reads nothing"][0])
        await users.change_user(pool, name("disabled"), disabled=True)
        await users.change_user(pool, name("its owner disabled"), disabled=True)
        await users.change_user(pool, name("another role"), role="analyst")
        await users.change_user(pool, name("another password"), password_hash=hash_password(PASSWORD))
        await users.revoke_token(pool, made["token revoked"][0], "x")
        await pool.execute(
            "update user_sessions set expires_at = now() where token_hash = $1", token_hash(made["over"][1])
        )
        await pool.execute(
            "update api_tokens set expires_at = now() where token_hash = $1",
            token_hash(made["token over"][1]),
        )

    def headers(way: str) -> dict[str, str]:
        token = made[way][1]
        if way.startswith(("token", "its")):
            return {"Authorization": f"Bearer {token}"}
        return {"Cookie": f"{COOKIE}={token}"}

    desk.settings(people)
    with ExitStack() as stack:
        sockets = {}
        for way in ENDS[:-1]:
            socket = stack.enter_context(connect_socket(desk.server.ws_url, additional_headers=headers(way)))
            socket.send('{"ping": 1}')
            assert "pong" in str(socket.recv(PATIENCE_S))
            sockets[way] = socket
        stuffed = stack.enter_context(stuffed_socket(desk.server, headers("reads nothing")))
        desk.settings(end)
        watch = Stopwatch()
        for way, socket in sockets.items():
            with pytest.raises(websockets.ConnectionClosedError):
                socket.recv(PATIENCE_S)  # nothing is watched, so nothing comes but the end
            assert socket.close_code == SESSION_OVER, way
            watch.seconds()  # it looks how slow the machine is
        poll = select.poll()
        poll.register(stuffed, select.POLLHUP | select.POLLERR)
        assert poll.poll(1000 * PATIENCE_S), "it is not cut off"
        assert watch.seconds() < 5
    for way in ENDS:
        if way != "another role":  # then it is another's already, which nobody need sign in for again
            me = desk.get("/api/me", "nobody", **headers(way))
            assert me.status_code == 401, "what is known for a moment outlives no socket"


@contextmanager
def stuffed_socket(server: LiveServer, headers: dict[str, str]) -> Iterator[raw_socket.socket]:
    """A socket whose client has asked until nothing was taken any more, and reads none of the answers."""
    url = urlsplit(server.url)
    ping = masked(json.dumps({"ping": "x" * 900}).encode())
    with raw_socket.socket() as made:
        made.setsockopt(raw_socket.SOL_SOCKET, raw_socket.SO_RCVBUF, 4096)
        made.connect((url.hostname, url.port))
        lines = [
            f"{name}: {value}"
            for name, value in (
                headers
                | {
                    "Host": url.netloc, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
                }
            ).items()
        ]  # fmt: skip
        made.sendall(("GET /ws HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode())
        assert b" 101 " in made.recv(1024)
        made.settimeout(0)
        with suppress(BlockingIOError):
            while True:
                made.send(ping * 50)
        yield made


def masked(data: bytes) -> bytes:
    """A text frame of a client (RFC 6455), with a mask of zeros."""
    return b"\x81\xfe" + len(data).to_bytes(2) + bytes(4) + data


async def test_without_users_others_are_not_let_in(tickdeck_db: str) -> None:
    open_to_all = Settings(dashboard=DashboardSettings(host="0.0.0.0"))  # noqa: S104 - nothing is bound
    with pytest.raises(ConfigurationError, match=r"tickdeck user add NAME --role admin.*--host 127\.0\.0\.1"):
        async with create_app(open_to_all, tickdeck_db):
            pass


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


def test_no_csv_of_any_route_holds_a_formula(desk: Desk) -> None:
    """All that a spreadsheet may be made of: a new route with CSV is asked here by itself."""
    symbol = "=cmd|x"
    with psycopg.connect(desk.server.database) as connection:
        connection.execute(
            "insert into ticks (time, symbol, price, size, exchange, conditions)"
            " values ('2026-01-05 14:30Z', %s, 10, 1, '@x', '+1')",
            [symbol],
        )
        connection.execute(
            "insert into feed_gaps (id, symbol, from_time, to_time, feed, why, state)"
            " values (gen_random_uuid(), %s, '2026-01-05 14:31Z', '2026-01-05 14:32Z', '-feed', '\uff1dwhy', 'missing')",
            [symbol],
        )
    paths = desk.get("/api/openapi.json", "admin").json()["paths"]
    tables = [
        path
        for path, operations in paths.items()
        if "text/csv" in operations.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
    ]
    assert len(tables) >= 3
    for path in tables:
        found = desk.get(f"{path}?symbol={quote(symbol)}&interval=1m&format=csv", "admin")
        assert found.headers["content-type"].startswith("text/csv")
        rows = list(csv.reader(io.StringIO(found.content.decode())))
        assert len(rows) == 2, path
        assert [cell for row in rows for cell in row if cell.startswith(tuple(FORMULA_STARTS))] == [], path


def test_docs_say_how_to_sign_in() -> None:
    assert "tickdeck user add" in (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
