"""The way to workspaces, and the buttons that open palette, sheet of keys and look; assets/comfort makes the dialogs once they are wanted."""

from __future__ import annotations

from typing import Final

from dash import html

from tickdeck.app.ui.theme import attributes

WORKSPACE: Final = "Workspace: charts, watchlists and more side by side"


def buttons() -> html.Div:
    """A link and three small buttons for the end of the header."""
    return html.Div(
        [
            html.A(
                html.Span("⊞", **attributes(aria_hidden="true")),
                id="workspace-open",
                href="workspace",
                title=WORKSPACE,
                **attributes(aria_label=WORKSPACE),
            ),
            _button("palette-open", "⌕", "Go to any symbol, interval, indicator or action  (Ctrl K)"),
            _button("keys-open", "?", "Keys  (?)"),
            _button("look-open", "◐", "Look: theme, colours, numbers, dates"),
        ],
        className="comfort-buttons",
    )


def _button(name: str, text: str, title: str) -> html.Button:
    return html.Button(
        html.Span(text, **attributes(aria_hidden="true")),
        id=name,
        type="button",
        title=title,
        **attributes(aria_label=title, aria_haspopup="dialog"),
    )
