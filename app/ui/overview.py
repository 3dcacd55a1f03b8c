"""The market at a glance: the button in the header, and the panel that assets/overview fills."""

from __future__ import annotations

from dash import html

from tickdeck.app.ui.theme import attributes


def open_button() -> html.Button:
    """Opens and closes the panel."""
    return html.Button(
        "Overview",
        id="overview-open",
        type="button",
        className="overview-open",
        title="Treemap by sector, breadth, movers  (O)",
        **attributes(aria_controls="overview", aria_expanded="false"),
    )


def panel() -> html.Section:
    """The panel over the others, empty until it is opened."""
    return html.Section(id="overview", hidden=True, **attributes(aria_label="Overview"))
