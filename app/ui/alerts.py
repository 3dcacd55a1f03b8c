"""Alerts: the button in the header, the drawer with rules and log, and where firings are told.  assets/alerts fills them."""

from __future__ import annotations

from dash import html

from tickdeck.app.ui.theme import attributes


def open_button() -> html.Button:
    """Opens and closes the drawer; says how many firings were not looked at yet."""
    return html.Button(
        [
            html.Img(src="assets/alerts/bell.svg", alt="", width=18, height=18, className="alerts-bell"),
            html.Span("Alerts", className="alerts-word"), html.Span("", id="alerts-count", className="num", hidden=True)],
        id="alerts-open",
        type="button",
        className="alerts-open",
        title="Alerts  (A); at the price under the crosshair  (Alt A)",
        **attributes(aria_controls="alerts", aria_expanded="false"),
    )  # fmt: skip


def drawer() -> html.Aside:
    """The form for a new rule, the rules, and what they fired."""
    return html.Aside(
        [
            html.Div(
                [
                    html.H2("Alerts"),
                    _switch("alerts-sound", "Sound", "A short tone with each alert"),
                    _switch("alerts-notify", "Notify", "A notification of the browser while the page is hidden"),
                    html.Button(
                        "✕",
                        id="alerts-close",
                        type="button",
                        title="Close  (Esc)",
                        **attributes(aria_label="Close"),
                    ),
                ],
                className="alerts-head",
            ),
            html.Div(id="alerts-form"),
            html.Div("", id="alerts-error", className="alerts-error", role="alert", hidden=True),
            html.Div(id="alerts-tested", role="status", hidden=True),
            html.Div(
                [
                    html.H2("Rules"),
                    html.Ul(id="alerts-rules", className="alerts-list"),
                    html.H2("Log"),
                    html.Ul(id="alerts-log", className="alerts-list"),
                ],
                className="alerts-body",
            ),
        ],
        id="alerts",
        hidden=True,
        **attributes(aria_label="Alerts"),
    )  # fmt: skip


def toasts() -> html.Div:
    """Where the newest firings are told."""
    return html.Div(id="toasts", role="log", **attributes(aria_label="Alerts that fired"))


def _switch(name: str, text: str, title: str) -> html.Button:
    return html.Button(text, id=name, type="button", title=title, **attributes(aria_pressed="false"))
