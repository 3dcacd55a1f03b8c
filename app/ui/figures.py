"""The chart's figure before any data: axes, colours and two empty traces that assets/chart.js fills.

The x axis counts candles, so closed hours leave no gap; the script writes the time labels under it.  Plotly
draws closed candles only: the forming one, the last price and the crosshair are drawn over it.
"""

from __future__ import annotations

from typing import Any

from app.ui import theme


def candle_trace() -> dict[str, Any]:
    """The closed candles."""
    return {
        "type": "candlestick",
        "name": "candles",
        "x": [],
        "open": [],
        "high": [],
        "low": [],
        "close": [],
        "increasing": {"line": {"color": theme.UP, "width": 1}, "fillcolor": theme.UP},
        "decreasing": {"line": {"color": theme.DOWN, "width": 1}, "fillcolor": theme.DOWN},
        "whiskerwidth": 0,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def volume_trace() -> dict[str, Any]:
    """The volume bars of the closed candles, in the lower pane."""
    return {
        "type": "bar",
        "name": "volume",
        "x": [],
        "y": [],
        "yaxis": "y2",
        "width": 0.7,
        "marker": {"color": [], "line": {"width": 0}},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def chart_figure() -> dict[str, Any]:
    """The whole figure as plain JSON; a dict, because validating a figure object costs a second of start-up."""
    price_axis = {
        "side": "right",
        "fixedrange": True,
        "automargin": False,
        "showgrid": True,
        "gridcolor": theme.GRID_LINE,
        "zeroline": False,
        "showline": False,
        "tickfont": {"color": theme.MUTED, "size": 11},
        "ticks": "",
        "exponentformat": "none",
    }
    return {
        "data": [candle_trace(), volume_trace()],
        "layout": {
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": theme.FONT, "size": 11, "color": theme.MUTED},
            "margin": {"l": 8, "r": 68, "t": 30, "b": 24, "pad": 0},
            "dragmode": "pan",
            "hovermode": False,
            "showlegend": False,
            "bargap": 0,
            "autosize": True,
            "uirevision": "none",
            "xaxis": {
                "range": [0, 120],
                "showgrid": False,
                "zeroline": False,
                "showticklabels": False,
                "showline": False,
                "ticks": "",
                "rangeslider": {"visible": False},
                "anchor": "y2",
            },
            "yaxis": {**price_axis, "domain": [0.2, 1], "range": [0, 1], "nticks": 8},
            "yaxis2": {
                **price_axis,
                "domain": [0, 0.17],
                "range": [0, 1],
                "nticks": 3,
                "showgrid": False,
                "tickformat": "~s",
            },
        },
    }


CHART_CONFIG: dict[str, Any] = {
    "config": {
        "displayModeBar": False,
        "scrollZoom": True,
        "doubleClick": False,
        "responsive": True,
        "showTips": False,
    }
}
"""Plotly's own switches as arguments of `dcc.Graph`; a double click is the script's: to the newest candle."""
