"""The tape (time and sales) of the chosen symbol, newest first, kept by assets/tape/tape.js."""

from __future__ import annotations

from typing import Any

from dash_ag_grid import AgGrid

from tickdeck.app.ui.theme import GRID_THEME


def column(field: str, title: str, width: int, formatter: str | None = None, **more: Any) -> dict[str, Any]:
    """One column; with a `formatter` (a function of assets/lib/format.js) it is a right-aligned number."""
    made: dict[str, Any] = {
        "field": field,
        "headerName": title,
        "width": width,
        "minWidth": width,
        "flex": width,
        **more,
    }
    if formatter is not None:
        made |= {"type": "rightAligned", "valueFormatter": {"function": f"{formatter}(params)"}}
        made.setdefault("cellClass", "num ag-right-aligned-cell")
    return made


def columns() -> list[dict[str, Any]]:
    """Column definitions in the order shown."""
    return [
        column(
            "time_us",
            "Time",
            98,
            cellClass="num muted",
            valueFormatter={"function": "tickdeckTapeClock(params)"},
        ),
        column(
            "price",
            "Price",
            74,
            "tickdeckTapePrice",
            cellClassRules={"up": "params.data.went > 0", "down": "params.data.went < 0"},
        ),
        column(
            "size",
            "Size",
            68,
            "tickdeckTapeSize",
            valueGetter={"function": "params.data.together || params.data.size"},
            headerTooltip="With \u00d7n: of n prints of one price and side within 50 ms",
        ),
        column(
            "side",
            "Side",
            42,
            valueFormatter={"function": "tickdeckSide(params)"},
            cellClassRules={"up": "params.value === 'buy'", "down": "params.value === 'sell'"},
            headerTooltip="Who took the price that was there, as far as the feed says",
        ),
        column("bid", "Bid", 70, "tickdeckTapePrice"),
        column("ask", "Ask", 70, "tickdeckTapePrice"),
        column("exchange", "Exch", 52, cellClass="muted"),
        column("conditions", "Cond", 52, cellClass="muted", tooltipField="words"),
    ]


def tape() -> AgGrid:
    """The empty grid; a row is keyed by the tick's time and seq."""
    return AgGrid(
        id="tape",
        columnDefs=columns(),
        getRowId="params.data.id",
        defaultColDef={
            "sortable": False,
            "resizable": True,
            "suppressHeaderMenuButton": True,
            "suppressMovable": True,
        },
        dashGridOptions={
            "theme": GRID_THEME,
            "animateRows": False,
            "asyncTransactionWaitMillis": 16,
            "suppressAnimationFrame": True,
            "suppressCellFocus": True,
            "suppressScrollOnNewData": True,
            "tooltipShowDelay": 300,
            "rowHeight": 22,
            "localeText": {"noRowsToShow": "No ticks yet"},
        },
        style={"height": "100%", "width": "100%"},
    )
