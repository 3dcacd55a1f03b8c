"""The replay's controls: the transport row and the dialog that opens one.  assets/replay brings them to life."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dash import dcc, html

from tickdeck.app.ui.theme import attributes

SPEEDS: Final = ("0.25", "0.5", "1", "2", "5", "10", "30", "60", "120", "300", "1000", "max")

BUTTONS: Final = (
    ("open", "Session open  (Home)"),
    ("minute-back", "One minute back"),
    ("candle-back", "One candle back  (Shift ←)"),
    ("tick-back", "One tick back  (←)"),
    ("toggle", "Play or pause  (Space)"),
    ("tick", "One tick on  (→)"),
    ("candle", "One candle on  (Shift →)"),
    ("minute", "One minute on"),
    ("close", "Session close  (End)"),
)
"""What each button does, and its title; the script gives it its icon."""


def open_button() -> html.Button:
    """Opens the dialog, from live and from a replay."""
    return html.Button(
        "Replay", id="replay-open", type="button", className="replay-open", title="Replay a day  (R)"
    )


def transport() -> Sequence[html.Div | html.Span | html.Button]:
    """The children of the transport row."""
    return [
        html.Div(
            [_button(name, title) for name, title in BUTTONS],
            id="replay-buttons",
            className="replay-group",
            role="toolbar",
            **attributes(aria_label="Replay controls"),
        ),
        html.Div(
            [
                _button("slower", "Slower  (-)", "\u2212"),
                html.Span("", id="replay-speed", className="num replay-speed", title="Times real time"),
                _button("faster", "Faster  (+)", "+"),
            ],
            className="replay-group",
        ),
        html.Div(
            [html.Span("", id="replay-date"), html.Span("", id="replay-clock", className="num")],
            className="replay-clock",
            title="The replay's clock in the exchange's time zone",
        ),
        html.Div(
            [
                html.Canvas(id="replay-profile"),
                html.Div(id="replay-loop-range", hidden=True),
                html.Div(id="replay-head"),
                html.Div("", id="replay-hint", className="num", hidden=True),
            ],
            id="replay-timeline",
            role="slider",
            tabIndex=0,
            **attributes(aria_label="Replay position"),
        ),
        _button("loop", "Loop: press at its start, again at its end, again to stop", "Loop"),
        _button(
            "corrections",
            "Ticks as they were known at the clock, before later cancels and corrections",
            "As known",
        ),
        _button("nights", "Skip hours without ticks in which the exchange is closed", "Skip nights"),
        _button("practice", "Go to a time, bookmarks, orders on paper", "Practice"),
        html.Span("", id="replay-viewers", className="muted"),
        _button("take", "Take the controls", "Take controls"),
        _button("give", "Hand the controls to the next viewer", "Hand over"),
        _button("live", "Back to the live market  (L)", "Live"),
    ]


def dialog() -> html.Div:
    """Which day, which symbols, where to start, how fast."""
    return html.Div(
        html.Div(
            [
                html.Div(
                    [
                        html.H2("Replay a day"),
                        html.Button("✕", type="button", id="replay-cancel", title="Close  (Esc)"),
                    ],
                    className="replay-title",
                ),
                html.Label(
                    ["Symbols", dcc.Input(id="replay-symbols", type="text", value="", autoComplete="off")]
                ),
                html.Div(
                    [
                        html.Button(
                            "\u00ab", type="button", id="replay-year-earlier", title="A year earlier"
                        ),
                        html.Button("\u2039", type="button", id="replay-earlier", title="Earlier month"),
                        html.Span("", id="replay-month"),
                        html.Button("\u203a", type="button", id="replay-later", title="Later month"),
                        html.Button("\u00bb", type="button", id="replay-year-later", title="A year later"),
                    ],
                    className="replay-month",
                ),
                html.Div(
                    id="replay-days",
                    className="replay-days",
                    role="group",
                    **attributes(aria_label="Days with ticks"),
                ),
                html.Div("", id="replay-note", className="muted"),
                html.Div(
                    [
                        _choice(
                            "replay-start",
                            "Start at",
                            (("open", "the session's open"), ("day", "the day's start")),
                        ),
                        _choice(
                            "replay-pace",
                            "Speed",
                            tuple((s, f"{s}\u00d7" if s != "max" else s) for s in SPEEDS),
                        ),
                        _choice(
                            "replay-corrections",
                            "Ticks",
                            (("corrected", "corrected"), ("known", "as known then")),
                        ),
                        _choice(
                            "replay-length",
                            "Days",
                            (("1", "1"), ("2", "2"), ("5", "5"), ("10", "10"), ("1000", "all")),
                        ),
                        _choice("replay-nights", "Nights", (("skip", "skipped"), ("play", "played"))),
                        html.Button(
                            "From a click on the chart",
                            type="button",
                            id="replay-pick",
                            className="replay-quiet",
                            title="The next click on the chart says where the replay begins",
                        ),
                        html.Button("Start replay", type="button", id="replay-go"),
                    ],
                    className="replay-row",
                ),
                html.Div("", id="replay-error", className="replay-error", role="alert", hidden=True),
            ],
            className="replay-dialog",
            role="dialog",
            **attributes(aria_label="Replay a day", aria_modal="true"),
        ),
        id="replay-dialog",
        hidden=True,
    )


def day_strip() -> html.Div:
    """The chosen symbol's day over the chart, of all hours or of the regular ones only."""
    return html.Div(
        [
            html.Span("", id="day-values", className="num"),
            html.Button(
                "ETH",
                type="button",
                id="day-hours",
                title="Day statistics of all hours (ETH) or regular hours (RTH)",
            ),
        ],
        id="day-strip",
    )


def _button(name: str, title: str, text: str = "") -> html.Button:
    return html.Button(text, type="button", title=title, **attributes(data_replay=name, aria_label=title))


def _choice(name: str, label: str, options: tuple[tuple[str, str], ...]) -> html.Label:
    buttons = [html.Button(text, type="button", **attributes(data_value=value)) for value, text in options]
    return html.Label([label, html.Div(buttons, id=name, className="replay-choice", role="group")])
