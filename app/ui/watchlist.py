"""The watchlist: one row a symbol, filled and kept by assets/watchlist/watchlist.js over the push connection."""

from __future__ import annotations

from typing import Any, Final

from dash_ag_grid import AgGrid

from tickdeck.app.ui.theme import GRID_THEME

NUMBER: Final = "num ag-right-aligned-cell"
CHANGE_AGAINST: Final = (
    "Against the close of the trading day before; where there is none, against the day's open"
)
STATES: Final = (
    "live: a tick within the last minute; quiet: none, though it trades; closed: outside regular hours;"
    " old: no tick of the newest trading session, or, where it trades around the clock, none for a day;"
    " cut: its feed is silent, failed or without its exchange; no db: the database is away; stale, lost: the"
    " server is not heard; replay: a trade of a replay"
)
CHANGE_CLASSES: Final = {"up": "params.value > 0", "down": "params.value < 0"}
HEAT_CLASSES: Final = {f"heat-{level}": f"Math.abs(params.value) >= {level}" for level in (1, 2, 4)}
"""How strong a change is, %; the strongest that holds counts (app.css)."""


def number_column(field: str, title: str, width: int, formatter: str, **more: Any) -> dict[str, Any]:
    """A right-aligned number; `formatter` names a function of assets/lib/format.js."""
    return {
        "field": field,
        "headerName": title,
        "width": width,
        "minWidth": width,
        "flex": width,
        "type": "rightAligned",
        "filter": "agNumberColumnFilter",
        "valueFormatter": {"function": f"{formatter}(params)"},
        "cellClass": NUMBER,
        **more,
    }


def columns() -> list[dict[str, Any]]:
    """Column definitions in the order shown.  Widths hold a five-digit price with two decimals at 12 px, and the title beside the arrow of the order."""
    return [
        {
            "field": "symbol",
            "headerName": "Symbol",
            "width": 76,
            "minWidth": 72,
            "flex": 76,
            "filter": "agTextColumnFilter",
            "cellClass": "symbol",
            "valueFormatter": {"function": "tickdeckPair(params)"},
            "tooltipField": "symbol",
            "sort": "asc",
        },
        {
            "field": "venue",
            "headerName": "Venue",
            "width": 70,
            "minWidth": 70,
            "flex": 70,
            "filter": "agTextColumnFilter",
            "cellClass": "venue",
            "hide": True,  # until a symbol has one
        },
        number_column(
            "last",
            "Last",
            74,
            "tickdeckPrice",
            enableCellChangeFlash=True,
            cellClass=f"{NUMBER} last",
            cellClassRules={"went-up": "params.data.went > 0", "went-down": "params.data.went < 0"},
        ),
        number_column(
            "change", "Chg", 62, "tickdeckChange", cellClassRules=CHANGE_CLASSES, headerTooltip=CHANGE_AGAINST
        ),
        number_column(
            "change_pct",
            "Chg %",
            68,
            "tickdeckPercent",
            cellClassRules=CHANGE_CLASSES | HEAT_CLASSES,
            headerTooltip=CHANGE_AGAINST,
        ),
        number_column("bid", "Bid", 70, "tickdeckPrice"),
        number_column("ask", "Ask", 70, "tickdeckPrice"),
        number_column("volume", "Volume", 76, "tickdeckAmount"),
        number_column("high", "High", 70, "tickdeckPrice"),
        number_column("low", "Low", 70, "tickdeckPrice"),
        number_column("vwap", "VWAP", 70, "tickdeckPrice"),
        {
            "field": "range",
            "headerName": "Day's range",
            "width": 90,
            "minWidth": 90,
            "flex": 90,
            "cellRenderer": "tickdeckRange",
            "filter": False,
            "hide": True,  # until it is chosen
            "headerTooltip": "From the day's low to its high, and where the last price is between them",
        },
        {
            "field": "spark",
            "headerName": "Day",
            "width": 96,
            "minWidth": 96,
            "flex": 96,
            "cellRenderer": "tickdeckSpark",
            "filter": False,
            "sortable": False,
            "hide": True,
            "headerTooltip": "The day's prices, every 15 minutes",
        },
        number_column(
            "time",
            "Time",
            80,
            "tickdeckClock",
            cellClass=f"{NUMBER} muted",
            filter=False,
            headerTooltip="Of the last tick, in the exchange's time zone; of another day than today: the day",
        ),
        {
            "field": "gaps",
            "headerName": "Gaps",
            "width": 46,
            "minWidth": 46,
            "flex": 46,
            "type": "rightAligned",
            "filter": "agNumberColumnFilter",
            "cellClass": f"{NUMBER} gaps",
            "hide": True,  # until a symbol has some
            "headerTooltip": "Stretches whose trades its feed has missed and could not fill; the chart hatches them",
        },
        {
            "field": "state",
            "headerName": "State",
            "width": 52,
            "minWidth": 52,
            "flex": 52,
            "filter": "agTextColumnFilter",
            "cellClass": "state",
            "cellClassRules": {name: f"params.value === '{name}'" for name in ("live", "old", "replay")}
            | {"wrong": "['cut', 'no db', 'stale', 'lost'].includes(params.value)"},
            "tooltipField": "told",
            "headerTooltip": STATES,
        },
    ]


def watchlist() -> AgGrid:
    """The empty grid; rows are added by the page's script, never through Dash's own `rowData`."""
    return AgGrid(
        id="watchlist",
        columnDefs=columns(),
        getRowId="tickdeckRowId(params)",
        defaultColDef={
            "sortable": True,
            "resizable": True,
            "suppressHeaderMenuButton": True,
            "sortingOrder": ["desc", "asc", None],
        },
        dashGridOptions={
            "theme": GRID_THEME,
            "animateRows": False,
            "asyncTransactionWaitMillis": 16,
            "cellFlashDuration": 400,
            "cellFadeDuration": 0,  # a fade draws the page anew 60 times a second, all day long
            "deltaSort": True,
            "suppressCellFocus": False,
            "suppressColumnVirtualisation": True,
            "suppressScrollOnNewData": True,
            "tooltipShowDelay": 300,
            "suppressDragLeaveHidesColumns": True,
            "rowClassRules": {"section": "params.data.section !== undefined"},
            "localeText": {
                "noRowsToShow": "No symbols yet: they come with the first tick of a feed (tickdeck run) or file (tickdeck load)"
            },
        },
        dangerously_allow_code=False,
        style={"height": "100%", "width": "100%"},
    )
