"""The page: header, transport row (hidden live), watchlist, chart, tape, status line."""

from __future__ import annotations

from dash import dcc, html

from app.ui import replay
from app.ui.attributes import attributes
from app.ui.figures import CHART_CONFIG, chart_figure
from app.ui.status import status_line
from app.ui.tape import tape
from app.ui.watchlist import watchlist
from db.market import INTERVALS


def header() -> html.Header:
    """Name, mode badge, the chosen symbol with its price, and the interval buttons."""
    return html.Header(
        [
            html.A(
                [html.Img(src="/assets/favicon.svg", alt="", width=18, height=18), html.Span("Tickdeck")],
                href="/",
                className="brand",
            ),
            html.Div("LIVE", id="mode", className="badge", title="Live market data"),
            replay.open_button(),
            html.Div(
                [
                    dcc.Input(
                        id="symbol",
                        type="text",
                        value="",
                        placeholder="Symbol",
                        list="symbols",
                        autoComplete="off",
                        spellCheck="false",
                        maxLength=32,
                        className="symbol-input",
                    ),
                    html.Datalist(id="symbols"),
                    html.Span("", id="headline-last", className="num headline-last"),
                    html.Span("", id="headline-change", className="num headline-change"),
                ],
                className="headline",
            ),
            html.Div("", id="instrument", className="instrument"),
            intervals(),
        ],
        className="top",
    )


def intervals() -> html.Div:
    """One button an interval; the script marks the chosen one with `aria-pressed`."""
    return html.Div(
        [
            html.Button(interval, type="button", **attributes(data_interval=interval, aria_pressed="false"))
            for interval in INTERVALS
        ],
        id="interval",
        className="intervals",
        role="group",
        **attributes(aria_label="Candle interval"),
    )


def watchlist_panel() -> html.Section:
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Watchlist"),
                    dcc.Input(
                        id="search",
                        type="search",
                        value="",
                        placeholder="Search  /",
                        autoComplete="off",
                        spellCheck="false",
                        maxLength=32,
                        className="search",
                    ),
                ],
                className="panel-head",
            ),
            html.Div(watchlist(), className="panel-body"),
        ],
        id="watchlist-panel",
        className="panel",
    )


def chart_panel() -> html.Section:
    """The graph between two layers the script draws on: grid and labels behind, live marks in front."""
    return html.Section(
        [
            html.Div(id="chart-back", className="layer"),
            dcc.Graph(id="chart", figure=chart_figure(), responsive=True, **CHART_CONFIG),
            html.Div(id="chart-front", className="layer"),
            html.Div(id="readout", className="readout num"),
            replay.day_strip(),
            html.Div("", id="notice", className="notice", role="alert", hidden=True),
            html.Div(
                [
                    html.Button("\u2212", type="button", title="Zoom out", **attributes(data_chart="out")),
                    html.Button("+", type="button", title="Zoom in", **attributes(data_chart="in")),
                    html.Button(
                        "⇥", type="button", title="To the newest candle", **attributes(data_chart="newest")
                    ),
                ],
                id="chart-buttons",
                className="chart-buttons",
            ),
        ],
        id="chart-panel",
        className="panel",
        **attributes(aria_label="Chart"),
    )


def tape_panel() -> html.Section:
    return html.Section(
        [
            html.Div(
                [html.H2("Tape"), html.Span("", id="tape-symbol", className="muted")], className="panel-head"
            ),
            html.Div(tape(), className="panel-body"),
        ],
        id="tape-panel",
        className="panel",
    )


def page() -> html.Div:
    """The whole page.  `view` mirrors the address (`{"symbol", "interval"}`) for server callbacks."""
    return html.Div(
        [
            dcc.Store(id="view"),
            header(),
            html.Div(replay.transport(), id="transport", className="transport", hidden=True),
            replay.dialog(),
            html.Main([watchlist_panel(), chart_panel(), tape_panel()]),
            status_line(),
        ],
        id="page",
    )
