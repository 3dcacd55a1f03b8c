"""The page: header, transport row (hidden live), watchlist, chart, tape, status line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dash import dcc, html

from tickdeck.app.market.screen import MOST_OF_TEXT
from tickdeck.app.ui import alerts, code, comfort, overview, replay
from tickdeck.app.ui.chart import chart_panel
from tickdeck.app.ui.status import status_line
from tickdeck.app.ui.tape import tape
from tickdeck.app.ui.theme import attributes
from tickdeck.app.ui.watchlist import watchlist
from tickdeck.db.market.spreads import MAX_LENGTH as MAX_FORMULA_LENGTH
from tickdeck.db.market.types import INTERVALS, Interval

BARS: Final = (("t", "ticks"), ("v", "volume"), ("r", "range"), ("renko", "Renko"))
USUAL_INTERVALS: Final[tuple[Interval, ...]] = ("1s", "5s", "15s", "1m", "5m", "15m", "1h", "1d")
"""Those with a button of their own; a menu beside these has the others."""


def header() -> html.Header:
    """Name, mode badge, the chosen symbol with its price, and the interval buttons."""
    return html.Header(
        [
            html.A(
                [html.Img(src="assets/favicon.svg", alt="", width=18, height=18), html.Span("Tickdeck")],
                href=".",
                className="brand",
            ),
            html.Div("LIVE", id="mode", className="badge", title="Live market data"),
            replay.open_button(),
            alerts.open_button(),
            overview.open_button(),
            html.Div(
                [
                    labelled(
                        "Symbol",
                        dcc.Input(
                            id="symbol",
                            type="text",
                            value="",
                            placeholder="Symbol",
                            list="symbols",
                            autoComplete="off",
                            spellCheck="false",
                            maxLength=MAX_FORMULA_LENGTH,
                            className="symbol-input",
                        ),
                    ),
                    html.Datalist(id="symbols"),
                    html.Span("", id="headline-last", className="num headline-last"),
                    html.Span(
                        [html.Span("", id="headline-points"), html.Span("", id="headline-percent")],
                        id="headline-change",
                        className="num headline-change",
                    ),
                ],
                className="headline",
            ),
            html.Div("", id="instrument", className="instrument"),
            intervals(),
            comfort.buttons(),
        ],
        className="top",
    )


def labelled(label: str, field: dcc.Input) -> html.Label:
    """A field whose label is read out, and not seen."""
    return html.Label([html.Span(label, className="unseen"), field], className="labelled")


def intervals() -> html.Div:
    """One button an interval; the script marks the chosen one with `aria-pressed`, and names it on a closed menu."""

    def buttons(which: Iterable[Interval]) -> list[html.Button]:
        return [
            html.Button(interval, type="button", **attributes(data_interval=interval, aria_pressed="false"))
            for interval in which
        ]

    others = [interval for interval in INTERVALS if interval not in USUAL_INTERVALS]
    menu = html.Details(
        [
            html.Summary("⋯", title="More intervals", **attributes(aria_label="More intervals")),
            html.Div([*buttons(others), _bars()], className="interval-list"),
        ],
        id="interval-menu",
        className="interval-menu",
    )
    return html.Div(
        [*buttons(USUAL_INTERVALS), menu],
        id="interval",
        className="intervals",
        role="group",
        **attributes(aria_label="Candle interval"),
    )


def _bars() -> html.Div:
    """The size and the kind of bars that are not of time."""
    return html.Div(
        [
            html.Label("Bars of", htmlFor="bars-size"),
            dcc.Input(
                id="bars-size",
                type="text",
                value="100",
                autoComplete="off",
                maxLength=20,
            ),
            html.Select(
                [html.Option(text, value=unit) for unit, text in BARS],
                id="bars-unit",
                **attributes(aria_label="Bars of"),
            ),
            html.Button("Show", id="bars-show", type="button"),
        ],
        className="bars",
    )


def watchlist_panel() -> html.Section:
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Watchlist", className="unseen"),
                    html.Select(
                        [html.Option("All symbols", value="")],
                        id="lists",
                        className="lists",
                        title="Which symbols are listed",
                        **attributes(aria_label="Watchlist"),
                    ),
                    _head_button("list-edit", "✎", "Edit this list, or make one of these symbols"),
                    _head_button("list-add", "+", "Add the chosen symbol to this list, or take it out"),
                    _head_button("columns-open", "▥", "Columns"),
                    html.Span("", id="watchlist-told", className="watchlist-told", role="status"),
                    labelled(
                        "Search symbols and names, or filter",
                        dcc.Input(
                            id="search",
                            type="search",
                            value="",
                            placeholder="Search, or chg% > 3   /",
                            autoComplete="off",
                            spellCheck="false",
                            maxLength=MOST_OF_TEXT,
                            className="search",
                        ),
                    ),
                ],
                className="panel-head",
            ),
            html.Div(watchlist(), className="panel-body"),
        ],
        id="watchlist-panel",
        className="panel",
    )


def _head_button(name: str, text: str, title: str) -> html.Button:
    """A small button in the head of a panel."""
    return html.Button(
        html.Span(text, **attributes(aria_hidden="true")),
        id=name,
        type="button",
        title=title,
        className="head-button",
        **attributes(aria_label=title),
    )


def tape_panel() -> html.Section:
    return html.Section(
        [
            html.Div(
                [
                    html.H2("Tape"),
                    html.Span("", id="tape-symbol", className="muted"),
                    html.Span("", id="tape-held", className="tape-held", role="status"),
                    html.Button(
                        "Join",
                        id="tape-join",
                        type="button",
                        title="Join prints of one price and side within 50 ms",
                        className="head-button",
                        **attributes(aria_pressed="false"),
                    ),
                    labelled(
                        "Least size",
                        dcc.Input(
                            id="tape-least",
                            type="text",
                            placeholder="Size ≥",
                            autoComplete="off",
                            maxLength=12,
                            className="tape-least",
                        ),
                    ),
                ],
                className="panel-head",
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
            html.Div(id="practice", className="practice", hidden=True),
            replay.dialog(),
            html.Main([watchlist_panel(), chart_panel(), tape_panel()]),
            overview.panel(),
            code.panel(),
            status_line(),
            alerts.drawer(),
            alerts.toasts(),
        ],
        id="page",
    )
