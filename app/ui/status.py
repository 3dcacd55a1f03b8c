"""The status line; its texts are written by assets/link/status.js."""

from __future__ import annotations

from typing import Final

from dash import html

from tickdeck.app.ui.theme import attributes

LATENCY: Final = (
    "From the statement that stored the newest ticks to this page. While much is loaded at once statements take"
    " longer, and so does this"
)


def fact(name: str, title: str, label: str) -> html.Div:
    """One named value of the status line; the element `status-<name>` receives its text."""
    return html.Div(
        [
            html.Span(label, className="status-label"),
            html.Span("\u2013", id=f"status-{name}", className="num"),
        ],
        className="status-fact",
        title=title,
    )


def status_line() -> html.Footer:
    """State, market, age of the data, latency, rate, feed and the clock; the table of feeds names the database."""
    return html.Footer(
        [
            html.Div(
                [html.Span(className="dot"), html.Span("Connecting", id="status-state")],
                className="status-fact status-state",
                role="status",
            ),
            fact(
                "market", "Does the exchange of the chosen symbol trade now, in its regular hours?", "Market"
            ),
            fact("age", "When the chosen symbol had its last tick", "Last tick"),
            fact("latency", LATENCY, "Latency"),
            fact("rate", "Ticks a second that come in; in a replay those that are played", "Ticks/s"),
            fact("symbols", "Symbols in the watchlist", "Symbols"),
            html.Button(
                fact("feed", "What writes ticks now; press for how it fares", "Feed"),
                id="status-feeds",
                type="button",
                className="status-button",
                **attributes(aria_controls="feeds", aria_expanded="false"),
            ),
            html.Div(id="status-message", className="status-message"),
            fact("clock", "The time of the exchange of the chosen symbol", "Exchange time"),
            html.Div(
                fact("database", "Where the ticks are stored", "Database"),
                id="feeds",
                hidden=True,
                role="region",
                **attributes(aria_label="Feeds"),
            ),
            html.Div(id="account", className="status-fact account", hidden=True),
        ],
        id="status",
        **attributes(data_state="connecting"),
    )
