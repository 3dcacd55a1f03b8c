"""A panel that a script fills: what assets/code needs of Dash, a place for a grid."""

from __future__ import annotations

from typing import Final

from dash import html

from tickdeck.app.ui.theme import attributes

GRID: Final = "code-grid"
"""The element into which the script has Dash put a grid."""


def panel() -> html.Section:
    """Hidden, and empty: only the page that is such a panel fills it."""
    return html.Section(
        html.Div(id=GRID, hidden=True), id="code", hidden=True, **attributes(aria_label="Panel of a script")
    )
