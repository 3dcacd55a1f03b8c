"""The buttons that open palette, sheet of keys and look; assets/comfort makes the dialogs once they are wanted."""

from __future__ import annotations

from dash import html

from tickdeck.app.ui.theme import attributes


def buttons() -> html.Div:
    """Three small buttons for the end of the header."""
    return html.Div(
        [
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
