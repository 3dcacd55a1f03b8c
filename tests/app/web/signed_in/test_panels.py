"""Panels that scripts fill: who may, what is refused, and the way from a tick through a function to whoever looks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go
import psycopg
import pytest
import requests
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_socket

from tests.app.web.signed_in.desks import FROM_HERE, PATIENCE_S, Desk
from tickdeck import panel
from tickdeck.db.errors import ConfigurationError, DatabaseUnavailableError, MarketDataError

FIGURE: Final[dict[str, Any]] = {"figure": {"data": [{"y": [1, 2]}], "layout": {"title": {"text": "<b>"}}}}


def ask(desk: Desk, method: str, who: str, name: str, body: Any = None) -> requests.Response:
    return desk.ask(method, f"/api/panels/{name}", who, json=body, **FROM_HERE)


class Seen:
    """What a viewer sees of one panel."""

    def __init__(self, socket: ClientConnection, name: str) -> None:
        self._socket = socket
        socket.send(json.dumps({"subscribe": {"panel": name}}))

    def until(self, reached: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Take messages until `reached` holds of the panel."""
        while True:
            shown = json.loads(self._socket.recv(PATIENCE_S)).get("panel")
            if shown is not None and reached(shown):
                return dict(shown)

    def state(self, state: str) -> dict[str, Any]:
        return self.until(lambda shown: shown["state"] == state)


@contextmanager
def seen(desk: Desk, name: str) -> Iterator[Seen]:
    with connect_socket(
        desk.server.ws_url, additional_headers=desk.headers("viewer"), max_size=2**22
    ) as socket:
        yield Seen(socket, name)


def test_a_panel_is_seen_by_all_and_changed_by_its_owner(desk: Desk) -> None:
    with seen(desk, "Mine") as viewer:
        assert viewer.state("absent") == {"name": "Mine", "state": "absent"}
        assert ask(desk, "PUT", "analyst", "Mine", FIGURE).status_code == 204
        shown = viewer.state("live")
        assert (shown["owner"], shown["error"], shown["figure"]) == ("analyst", None, FIGURE["figure"])
        listed = desk.get("/api/panels", "read token").json()
        assert listed == [{name: shown[name] for name in ("name", "owner", "state", "at", "error")}]
        for method, path, body in (("PUT", "Mine", {"rows": []}), ("POST", "Mine/alive", None)):
            refused = ask(desk, method, "panels token", path, body)
            assert refused.status_code == 409, "an administrator's program is not its owner either"
            assert refused.json()["detail"] == "the panel 'Mine' is analyst's: take another name"
        assert ask(desk, "POST", "analyst", "Mine/alive").status_code == 204
        assert ask(desk, "PUT", "analyst", "Mine", {"error": "<i>no"}).status_code == 204
        shown = viewer.until(lambda shown: shown["error"])
        assert (shown["error"], shown["figure"]) == ("<i>no", FIGURE["figure"])
        assert ask(desk, "DELETE", "viewer", "Mine").status_code == 403
        assert ask(desk, "DELETE", "panels token", "Mine").status_code == 204, "he takes anybody's away"
        viewer.state("absent")
    assert ask(desk, "POST", "analyst", "Mine/alive").status_code == 404
    for who in ("viewer", "read token", "admin token"):
        assert ask(desk, "PUT", who, "Mine", FIGURE).status_code == 403


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "it is a figure, rows or an error"),
        (FIGURE | {"rows": []}, "it is a figure, rows or an error"),
        ({"figure": {"data": [{"type": "heatmap"}]}}, "trace 0 is of the type 'heatmap'; the page draws bar, candle"),
        ({"figure": {"data": [{"type": ["scatter"]}]}}, "trace 0 is of the type"),
        ({"figure": {"data": [], "frames": []}}, "frames"),
        ({"figure": {"data": [{}] * 101}}, "100"),
        ({"figure": {"data": [], "layout": {"images": [{"source": "https://evil.example/x.png"}]}}}, "layout.images"),
        ({"rows": [{"a": {"b": 1}}]}, "row 0, 'a': a cell is"),
        ({"rows": [{str(n): n for n in range(51)}]}, "at most 50 columns"),
        ({"rows": [{}] * 5_001}, "5000"),
        ({"rows": [{"a": "x" * 600_000}]}, "more than the 524288"),
        ({"error": "two\nlines"}, "control character"),
        ([1], "dictionary"),
    ],
    ids=["nothing", "both", "trace", "no trace", "frames", "traces", "picture", "cell", "columns", "rows", "bytes", "lines", "list"],
)  # fmt: skip
def test_what_no_panel_shows_is_refused(desk: Desk, body: Any, reason: str) -> None:
    refused = ask(desk, "PUT", "analyst", "Refused", body)
    assert refused.status_code == 422
    assert reason in refused.json()["detail"]
    assert desk.get("/api/panels", "analyst").json() == []


def test_a_function_is_called_with_new_candles_and_goes_on_after_what_it_does_wrong(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DATABASE_URL", desk.server.database)
    monkeypatch.setenv("TICKDECK_DASHBOARD", desk.server.url)
    made: list[Callable[[pd.DataFrame], Any]] = [lambda candles: candles[["close"]]]

    @panel.show("Loop of 1", symbols=["PNL"], count=2, indicators=["sma(2)"], pause=0.01)
    def newest(candles: pd.DataFrame) -> Any:
        assert list(candles.columns)[-1] == "sma(2)"
        return made[0](candles)

    with psycopg.connect(desk.server.database, autocommit=True) as market, seen(desk, "Loop of 1") as viewer:

        def trade(minute: int, price: float) -> str:
            time = datetime(2026, 1, 5, 14, minute, tzinfo=UTC)
            market.execute(
                "insert into ticks (time, symbol, price, size) values (%s, 'PNL', %s, 1)", (time, price)
            )
            return str(time)

        first, second = trade(30, 10), trade(31, 11)
        panel.start(token=desk.tokens["panels token"])
        try:
            with pytest.raises(ConfigurationError, match="`stop` comes first"):
                panel.start()
            rows = viewer.until(lambda shown: shown.get("rows"))["rows"]
            assert rows == [{"time": first, "close": 10}, {"time": second, "close": 11}]
            third = trade(32, float(2**60))
            rows = viewer.until(lambda shown: shown["rows"] != rows)["rows"]
            assert rows == [{"time": second, "close": 11}, {"time": third, "close": 2**60}]

            def fails(candles: pd.DataFrame) -> Any:
                raise ValueError("<b>two\nlines")

            made[0] = fails
            trade(33, 12)
            shown = viewer.until(lambda shown: shown["error"])
            assert (shown["error"], shown["rows"]) == ("ValueError: <b>two lines", rows)
            assert "in fails" in caplog.text, "with its traceback"
            made[0] = lambda candles: go.Figure(go.Heatmap(z=[[1]]))
            trade(34, 13)
            assert (
                "'heatmap'"
                in viewer.until(lambda shown: shown["error"] != "ValueError: <b>two lines")["error"]
            )
            made[0] = lambda candles: 5
            trade(35, 14)
            assert "not int" in viewer.until(lambda shown: "heatmap" not in shown["error"])["error"]
            made[0] = lambda candles: go.Figure(go.Scatter(x=candles.index, y=candles["close"]))
            trade(36, 15)
            figure = viewer.until(lambda shown: "figure" in shown)["figure"]
            assert figure["data"][0]["type"] == "scatter"
            assert "template" not in figure["layout"]
            assert ask(desk, "DELETE", "admin", "Loop of 1").status_code == 204  # as where it starts anew
            made[0] = lambda candles: [{"back": True, "at": None, "n": float("nan")}]
            trade(37, 16)
            assert viewer.until(lambda shown: "rows" in shown)["rows"] == [
                {"back": True, "at": None, "n": None}
            ]
        finally:
            panel.stop()
        viewer.state("absent")


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("a/b", {"every": 1}, "is no name of a panel"),
        ("", {"every": 1}, "is no name of a panel"),
        ("P", {}, "which symbols"),
        ("P", {"symbols": "SPY"}, r"symbols is a list, such as \['SPY'\]"),
        ("P", {"every": 0}, "above 0"),
        ("P", {"every": 1, "interval": "7q"}, "7q"),
        ("P", {"every": 1, "indicators": ["nope"]}, "nope"),
    ],
)
def test_a_panel_that_cannot_be_is_refused_where_it_is_written(
    name: str, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises((ConfigurationError, MarketDataError), match=reason):
        panel.show(name, **options)


def test_where_there_is_no_database_or_dashboard_to_ask_it_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    with pytest.raises(ConfigurationError, match="is no dashboard's address"):
        panel.start("127.0.0.1:8050")
    monkeypatch.setattr(panel, "_desk", panel._Desk())
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("TICKDECK_DATA_DIR", str(tmp_path))
    panel.show("P", symbols=["SPY"])(lambda candles: None)
    with pytest.raises(DatabaseUnavailableError, match="tickdeck run"):
        panel.start()
