"""The status line; its texts are written by assets/status.js."""

from __future__ import annotations

from dash import html

from app.ui.attributes import attributes


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
    """State, latency, rate, feed, database and the clock."""
    return html.Footer(
        [
            html.Div(
                [html.Span(className="dot"), html.Span("Connecting", id="status-state")],
                className="status-fact status-state",
                role="status",
            ),
            fact("latency", "From the commit of the newest ticks to this page", "Latency"),
            fact("rate", "Ticks stored a second", "Ticks/s"),
            fact("symbols", "Symbols in the watchlist", "Symbols"),
            fact("feed", "What writes ticks now", "Feed"),
            fact("database", "Where the ticks are stored", "Database"),
            html.Div(id="status-message", className="status-message"),
            fact("clock", "The time of the exchange of the chosen symbol", "Exchange time"),
        ],
        id="status",
        **attributes(data_state="connecting"),
    )
