"""The chart's panel: the graph, the lines over it, and the bar under it.  assets/chart brings them to life."""

from __future__ import annotations

from typing import Final

from dash import dcc, html

from tickdeck.app.ui import replay
from tickdeck.app.ui.figures import CHART_CONFIG, chart_figure
from tickdeck.app.ui.theme import attributes

KINDS: Final = (
    ("candles", "Candles"),
    ("hollow", "Hollow"),
    ("heikin", "Heikin-Ashi"),
    ("bars", "Bars"),
    ("line", "Line"),
    ("area", "Area"),
    ("baseline", "Baseline"),
)
TOOLS: Final = (
    ("trend", "Trend line"),
    ("ray", "Ray"),
    ("horizontal", "Horizontal line"),
    ("vertical", "Vertical line"),
    ("rectangle", "Rectangle"),
    ("fibonacci", "Fibonacci"),
    ("channel", "Channel"),
    ("vwap", "Anchored VWAP"),
    ("profile", "Profile of a range"),
    ("anchored", "Anchored profile"),
    ("text", "Text"),
    ("measure", "Measure"),
)
DRAWING: Final = (
    ("undo", "Undo", "Ctrl Z"),
    ("redo", "Redo", "Ctrl Y"),
    ("lock", "Lock", "the chosen drawing stays where it is"),
    ("delete", "Delete", "Del"),
    ("hide", "Hide or show all", "drawings of this symbol"),
)
RANGES: Final = ("1D", "5D", "1M", "3M", "YTD", "1Y", "All")
ZONES: Final = (("exchange", "Exchange"), ("local", "Local"), ("UTC", "UTC"))
SCALES: Final = (
    ("percent", "%", "Price axis in per cent of the first candle in view"),
    ("log", "log", "Logarithmic price axis"),
    ("auto", "auto", "Fit the price axis to the candles  (double click on it)"),
)
SHARES: Final = (
    ("link", "Copy link to this view"),
    ("png", "Picture (PNG)"),
    ("svg", "Drawing (SVG)"),
    ("csv", "Candles in view (CSV)"),
    ("parquet", "Candles in view (Parquet)"),
    ("embed", "Copy code to embed this view"),
    ("view", "Share drawings: to view"),
    ("edit", "Share drawings: to edit"),
    ("end", "Stop sharing drawings"),
)


def chart_panel() -> html.Section:
    """The graph between two layers the script draws on: grid and labels behind, live marks in front."""
    return html.Section(
        [
            html.Div(
                [
                    html.Div(id="chart-back", className="layer"),
                    dcc.Graph(id="chart", figure=chart_figure(), responsive=True, **CHART_CONFIG),
                    html.Div(id="chart-front", className="layer"),
                    html.Div(
                        id="chart-keys",
                        className="layer chart-keys",
                        tabIndex=0,
                        role="application",
                        title="",
                        **attributes(
                            aria_label="Chart: arrows read candles and stretch prices, + and - zoom, "
                            "Page Up and Page Down move, Home and End go to the ends, 0 fits the prices"
                        ),
                    ),
                    html.Div(id="chart-draw", className="layer chart-draw", hidden=True),
                    html.Div(id="price-axis", title="Drag or wheel: stretch; double click: fit"),
                    html.Div("", id="chart-empty", className="chart-empty"),
                ],
                id="chart-area",
            ),
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
            bar(),
        ],
        id="chart-panel",
        className="panel",
        **attributes(aria_label="Chart"),
    )


def bar() -> html.Div:
    """Kind, ranges of time, a date to go to; zone, price axis, and what to take along.

    One line: what has no room in it the script puts into the menu `chart-more`.
    """
    return html.Div(
        [
            _select("chart-kind", "Kind of chart", KINDS),
            html.Details(
                [
                    html.Summary("Draw", title="Draw on the chart"),
                    html.Div(
                        [
                            *(
                                html.Button(
                                    text, type="button", **attributes(data_tool=name, aria_pressed="false")
                                )
                                for name, text in TOOLS
                            ),
                            *(
                                html.Button(text, type="button", title=title, **attributes(data_draw=name))
                                for name, text, title in DRAWING
                            ),
                        ],
                        className="chart-menu",
                    ),
                ],
                id="chart-tools",
            ),
            html.Button("", id="drawings-of", type="button", className="drawings-of", hidden=True),
            html.Div(
                [
                    html.Button(name, type="button", title=f"Show {name}", **attributes(data_range=name))
                    for name in RANGES
                ],
                className="chart-group",
                role="group",
                **attributes(aria_label="Range of time"),
            ),
            dcc.Input(
                id="chart-date",
                type="text",
                value="",
                placeholder="Go to date",
                autoComplete="off",
                spellCheck="false",
                maxLength=19,
                className="chart-date",
            ),
            html.Div(className="chart-space"),
            html.Button(
                "no gaps",
                type="button",
                title="Time axis: without intervals that had no ticks, or all of the time; longer holes are marked",
                **attributes(data_axis="time", aria_pressed="false"),
            ),
            _select("chart-zone", "Time zone", ZONES),
            html.Div(
                [
                    html.Button(
                        text,
                        type="button",
                        title=title,
                        **attributes(data_scale=name, aria_pressed="false"),
                    )
                    for name, text, title in SCALES
                ],
                className="chart-group",
                role="group",
                **attributes(aria_label="Price axis"),
            ),
            html.Details(
                [
                    html.Summary("⋯", title="More", **attributes(aria_label="More")),
                    html.Div(className="chart-menu"),
                ],
                id="chart-more",
                hidden=True,
            ),
            html.Details(
                [
                    html.Summary("↗", title="Share and save", **attributes(aria_label="Share and save")),
                    html.Div(
                        [
                            html.Button(text, type="button", **attributes(data_share=name))
                            for name, text in SHARES
                        ],
                        className="chart-menu",
                    ),
                ],
                id="chart-share",
            ),
        ],
        id="chart-bar",
        className="chart-bar",
    )


def _select(name: str, label: str, options: tuple[tuple[str, str], ...]) -> html.Select:
    return html.Select(
        [html.Option(text, value=value) for value, text in options],
        id=name,
        title=label,
        **attributes(aria_label=label),
    )
