"""Every route of the whole server answers an error with the same shape, and the status that its cause has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import psycopg
import pytest
import requests
import schemathesis
import structlog
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from psycopg.conninfo import conninfo_to_dict
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.types import Message

from tests.fuzzing import examples
from tickdeck.app.push.protocol import ProtocolError
from tickdeck.app.replay.clock import ReplayError
from tickdeck.app.ui.page import build_page
from tickdeck.app.web.errors import answer_errors, status_of
from tickdeck.db.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    MarketDataError,
    SchemaError,
    UnknownSymbolError,
)
from tickdeck.db.market.types import Instrument
from tickdeck.db.url import libpq_url, with_database
from tickdeck.testing.dashboard import LiveServer, serving
from tickdeck.testing.databases import Databases
from tickdeck.testing.ticks import TickFactory

REPLAY_ROUTES = (
    "replay/days?symbols={symbol}",
    "sessions?symbol={symbol}&start=2026-01-05T00:00Z&end=2026-01-06T00:00Z",
    "day?symbol={symbol}&at=1767623400000",
)
DATA_ROUTES = ("candles?symbol={symbol}&interval=1m", "ticks?symbol={symbol}")


@contextmanager
def database_away(url: str) -> Iterator[None]:
    """Cut every connection of the dashboard and let none in until the block ends."""
    name = conninfo_to_dict(libpq_url(url))["dbname"]
    with psycopg.connect(with_database(url, "postgres"), autocommit=True) as admin:
        admin.execute(f'alter database "{name}" allow_connections false')
        try:
            admin.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s", (name,)
            )
            yield
        finally:
            admin.execute(f'alter database "{name}" allow_connections true')


@pytest.fixture(scope="module")
def server(_tickdeck_databases: Databases) -> Iterator[LiveServer]:
    """One dashboard for all tests that leave it as it is: ten ticks of SPY, and one symbol that no spreadsheet likes."""
    with _tickdeck_databases.copy() as url:
        TickFactory(url)(10, symbols=["SPY", "=A1"])
        with serving(url) as running:
            yield running


def test_an_unknown_symbol_is_not_found(server: LiveServer) -> None:
    for route in (*REPLAY_ROUTES, *DATA_ROUTES):
        answer = requests.get(f"{server.url}/api/{route.format(symbol='NONE')}", timeout=60)
        assert (answer.status_code, answer.json()) == (404, {"detail": "symbol 'NONE' is unknown"}), route
        answer = requests.get(f"{server.url}/api/{route.format(symbol='SPY')}", timeout=60)
        assert answer.status_code == 200, route


def test_a_database_that_is_away_is_no_fault_of_the_request(
    live_server: LiveServer, tickdeck_db: str, tick_factory: TickFactory
) -> None:
    tick_factory(10, symbols=["SPY"])
    with database_away(tickdeck_db):
        for route in (*REPLAY_ROUTES, *DATA_ROUTES, "instruments"):
            answer = requests.get(f"{live_server.url}/api/{route.format(symbol='SPY')}", timeout=60)
            assert (answer.status_code, answer.headers.get("retry-after")) == (503, "5"), route
            assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("address", "begins"),
    [
        ("sessions?symbol=SPY&start=soon&end=2026-01-06T00:00Z", "start: 'soon' is no time"),
        ("day?symbol=SPY&at=soon", "at: "),
        ("day?symbol=SPY", "at: Field required"),
        ("replay/days?symbols=", "a replay has 1 to 50 symbols"),
        ("candles?symbol=SPY&interval=1m&limit=0", "limit: "),
        ("candles?symbol=%00&interval=1m", "symbol: "),
        ("candles?symbol=S%0AY&interval=1m", "symbol: "),
        ("ticks?symbol=%1B", "symbol: "),
        ("ticks?symbol=SPY&start=%00", "start: "),
        ("sessions?symbol=%00&start=2026-01-05T00:00Z&end=2026-01-06T00:00Z", "symbol: "),
        ("day?symbol=S%7F&at=0", "symbol: "),
        ("replay/days?symbols=SPY,%00", "symbols: "),
    ],
)
def test_what_is_wrong_with_a_request_is_named(server: LiveServer, address: str, begins: str) -> None:
    answer = requests.get(f"{server.url}/api/{address}", timeout=60)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(begins)


@pytest.mark.parametrize(
    "path", ["/nothing", "/readyz/x", "/_dash-nothing", "/assets/none.js", "/index.html"]
)
def test_a_path_that_is_not_there_is_not_found(server: LiveServer, path: str) -> None:
    answer = requests.get(server.url + path, headers={"accept": "text/html,*/*"}, timeout=60)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    answer = requests.get(f"{server.url}/api{path}", headers={"accept": "text/html"}, timeout=60)
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
    assert requests.get(server.url + path, timeout=60).json() == {"detail": "Not Found"}


def test_scripts_of_no_package_are_not_found(server: LiveServer) -> None:
    for name in ("none/x.js", "dash/none.js", "dash/../page.py"):
        answer = requests.get(f"{server.url}/_dash-component-suites/{name}", timeout=60)
        assert answer.status_code == 404, name


def test_the_page_is_at_the_root_with_any_query(server: LiveServer) -> None:
    answer = requests.get(f"{server.url}/?symbol=SPY&interval=5m", timeout=60)
    assert answer.status_code == 200
    assert "<title>Tickdeck</title>" in answer.text


def test_browsers_keep_the_files_of_this_version_only(server: LiveServer) -> None:
    page = requests.get(server.url, timeout=60).text
    named = re.findall(r'(?:src|href)="(/?_dash-[^"]+|assets/[^"]+)"', page)
    # What the first view draws with is named as well.
    assert any("/async-community." in path for path in named)
    for path in named:
        answer = requests.get(f"{server.url}/{path.lstrip('/')}", timeout=60)
        assert answer.status_code == 200, path
        assert "max-age=31536000" in answer.headers["cache-control"], path
    (script,) = [path for path in named if path.endswith("/main.js")]
    _, version, name = script.split("/")
    other = version[:-1] + ("1" if version.endswith("0") else "0")
    # A page from before an update gets what it loads later.
    for path in (name, f"{other}/{name}"):
        answer = requests.get(f"{server.url}/assets/{path}", timeout=60)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache"), path
    for path in ("", "/none.js", f"/{version}/{name}", "/..%2f..%2fpage.py"):
        assert requests.get(f"{server.url}/assets/{version}{path}", timeout=60).status_code == 404, path


@pytest.mark.parametrize(
    "path",
    ["/", "/healthz", "/readyz", "/metrics", "/api/docs", "/api/openapi.json", "/api/instruments", "/assets/app.css",
     "/api/ticks?symbol=SPY&format=csv", "/_dash-layout", "/nothing"],
)  # fmt: skip
def test_head_is_get_without_the_body(server: LiveServer, path: str) -> None:
    plain = {"accept-encoding": "identity"}  # what is compressed has another length each time
    head, get = (
        requests.request(method, server.url + path, headers=plain, timeout=60) for method in ("HEAD", "GET")
    )
    assert (head.status_code, head.content) == (get.status_code, b"")
    if path != "/metrics":  # whose figures go on
        assert head.headers.get("content-length") == get.headers.get("content-length")
    assert head.headers["content-type"] == get.headers["content-type"]


def callback(**changes: Any) -> dict[str, Any]:
    body = {
        "output": "instrument.children",
        "outputs": {"id": "instrument", "property": "children"},
        "inputs": [{"id": "view", "property": "data", "value": {"symbol": "SPY"}}],
        "changedPropIds": ["view.data"],
    }
    return {name: value for name, value in (body | changes).items() if value is not ...}


def test_a_callback_of_the_page_is_answered(server: LiveServer) -> None:
    answer = requests.post(f"{server.url}/_dash-update-component", json=callback(), timeout=60)
    assert answer.status_code == 200
    assert answer.json()["response"]["instrument"]["children"] == "UTC"


WRONG: tuple[Any, ...] = (5, None, "x", [5], [[]], [{}], {"id": 5}, ...)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\xff\xfe", b"null", b"[]", b"5", b"{}",
        *(
            orjson.dumps(callback(**{name: value}))
            for name in ("output", "outputs", "inputs", "state", "changedPropIds")
            for value in WRONG
            if (name, value) not in [("state", ...), ("changedPropIds", ...)]
        ),
        orjson.dumps(callback(inputs=[])),
        orjson.dumps(callback(inputs=[{"id": "chart", "property": "figure", "value": 1}])),
    ],
)  # fmt: skip
def test_a_callback_that_is_none_is_refused(server: LiveServer, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = requests.post(f"{server.url}/_dash-update-component", body, headers=headers, timeout=60)
    assert answer.status_code == 400
    assert answer.json()["detail"]


async def status_of_callback(app: FastAPI, body: object) -> int:
    """Send `body` to the application itself, without a server between."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": orjson.dumps(body), "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/_dash-update-component", "raw_path": b"", "query_string": b"", "root_path": "", "state": {},
        "headers": [(b"content-type", b"application/json"), (b"host", b"test")], "server": ("test", 80), "client": None,
    }  # fmt: skip
    await app(scope, receive, send)
    status: int = sent[0]["status"]
    return status


async def test_a_refused_callback_and_a_fault_of_ours_are_one_line_of_the_log() -> None:
    app = FastAPI()
    answer_errors(app)

    async def instrument_of(symbol: str) -> Instrument | None:
        raise RuntimeError(f"no {symbol}")

    build_page(app, instrument_of)
    with structlog.testing.capture_logs() as logged:
        statuses = [await status_of_callback(app, body) for body in ({"output": "x"}, callback())]
    assert statuses == [400, 500]
    assert [entry["event"] for entry in logged] == ["callback_refused", "request_failed"]


CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip


def test_every_answer_is_one_that_the_documentation_has(server: LiveServer) -> None:
    """Any request the description allows, and many that it does not: no 5xx, no other status, shape or type."""
    api = schemathesis.openapi.from_url(f"{server.url}/api/openapi.json")
    problems: list[str] = []

    for found in api.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        case_of = operation.as_strategy() | operation.as_strategy(GenerationMode.NEGATIVE)

        @settings(max_examples=examples(5), suppress_health_check=list(HealthCheck))
        @given(case=case_of)
        def conforms(case: schemathesis.Case[Any]) -> None:
            case.validate_response(case.call(timeout=60), checks=CHECKS)

        try:
            conforms()
        except Exception as exc:  # noqa: BLE001 - each operation is told
            problems.append(f"{operation.label}: {exc}")
    assert problems == []


def test_a_body_that_is_no_text_is_refused_as_any_wrong_body(server: LiveServer) -> None:
    url = f"{server.url}/api/drawings/337c47e8-b641-18e1-9bb3-db5b239b1442"
    answer = requests.put(url, data=b'"tq\xff\xfe"', headers={"content-type": "application/json"}, timeout=60)
    assert (answer.status_code, answer.json()) == (422, {"detail": "body: is no UTF-8"})


def test_each_error_has_one_status() -> None:
    errors = {
        MarketDataError("x"): 422, ReplayError("x"): 422, ProtocolError("x"): 422, UnknownSymbolError("X"): 404,
        DatabaseUnavailableError("x"): 503, SchemaError("x"): 503, ConfigurationError("x"): 500, KeyError("x"): 500,
    }  # fmt: skip
    assert {exc: status_of(exc) for exc in errors} == errors
