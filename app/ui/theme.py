"""The colours and sizes that Python hands to Plotly and AG Grid; app.css holds the same ones for the rest."""

from __future__ import annotations

from typing import Any, Final

PANEL: Final = "#0f131b"
HEADER: Final = "#131924"
LINE: Final = "#1e2633"
GRID_LINE: Final = "#18202b"
TEXT: Final = "#d3dae6"
MUTED: Final = "#7d8a9e"
UP: Final = "#26a69a"
DOWN: Final = "#ef5350"
ACCENT: Final = "#4c8dff"
FONT: Final = (
    "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
)

GRID_THEME: Final = {
    "function": (
        "themeBalham.withParams({"
        f"backgroundColor: '{PANEL}', foregroundColor: '{TEXT}', browserColorScheme: 'dark', "
        f"headerBackgroundColor: '{HEADER}', headerTextColor: '{MUTED}', headerFontWeight: 500, "
        f"oddRowBackgroundColor: '{PANEL}', rowHoverColor: '#18202c', borderColor: '{LINE}', "
        f"rowBorder: {{color: '{GRID_LINE}'}}, wrapperBorder: false, wrapperBorderRadius: 0, "
        "columnBorder: false, headerColumnResizeHandleColor: 'transparent', spacing: 4, "
        "cellHorizontalPadding: 6, fontSize: 12, headerFontSize: 11, rowHeight: 24, headerHeight: 28, "
        "fontFamily: 'inherit', accentColor: '#4c8dff', rangeSelectionBorderColor: '#4c8dff', "
        "iconSize: 12})"
    )
}
"""dash-ag-grid evaluates this in the page; `withPart(colorSchemeDark)` silently stays light."""


def attributes(**values: str) -> dict[str, Any]:
    """`attributes(data_state="live")` is `{"data-state": "live"}`, to be passed on with `**`."""
    return {name.replace("_", "-"): value for name, value in values.items()}
