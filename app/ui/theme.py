"""What Python hands to Plotly and AG Grid of the look: the dark colours, which are those of app.css."""

from __future__ import annotations

from typing import Any, Final

PANEL: Final = "#0f131b"
GRID_LINE: Final = "#18202b"
MUTED: Final = "#8794a8"
UP: Final = "#26a69a"
DOWN: Final = "#ef5350"
ACCENT: Final = "#4c8dff"
FONT: Final = (
    "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
)

GRID_THEME: Final = {
    "function": (
        "themeBalham.withParams({"
        "backgroundColor: 'var(--panel)', foregroundColor: 'var(--text)', browserColorScheme: 'inherit', "
        "headerBackgroundColor: 'var(--header)', headerTextColor: 'var(--muted)', headerFontWeight: 500, "
        "oddRowBackgroundColor: 'var(--panel)', rowHoverColor: 'var(--row-hover)', borderColor: 'var(--line)', "
        "rowBorder: {color: 'var(--grid-line)'}, wrapperBorder: false, wrapperBorderRadius: 0, "
        "columnBorder: false, headerColumnResizeHandleColor: 'transparent', spacing: 4, "
        "cellHorizontalPadding: 6, fontSize: 12, headerFontSize: 11, rowHeight: 24, headerHeight: 28, "
        "fontFamily: 'inherit', accentColor: 'var(--accent)', rangeSelectionBorderColor: 'var(--accent)', "
        "iconSize: 12})"
    )
}
"""dash-ag-grid evaluates this in the page; `withPart(colorSchemeDark)` silently stays light."""


def attributes(**values: str) -> dict[str, Any]:
    """`attributes(data_state="live")` is `{"data-state": "live"}`, to be passed on with `**`."""
    return {name.replace("_", "-"): value for name, value in values.items()}
