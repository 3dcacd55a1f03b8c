"""The chart's figure before any data: axes, colours and empty traces, for each kind of chart its own, that
assets/chart fills.

The x axis counts candles, so closed hours leave no gap; the script writes the time labels under it, and says where the
other axes have theirs and what they read.  Plotly draws closed candles only: the newest ones, the last price and the
crosshair are drawn over it.
"""

from __future__ import annotations

from typing import Any

from tickdeck.app.ui import theme


def candle_trace(name: str, color: str | None = None) -> dict[str, Any]:
    """Closed candles; of one colour, filled where they fell, if there is one."""
    return {
        "type": "candlestick",
        "name": name,
        "x": [],
        "open": [],
        "high": [],
        "low": [],
        "close": [],
        "increasing": {
            "line": {"color": color or theme.UP, "width": 1},
            "fillcolor": theme.PANEL if color else theme.UP,
        },
        "decreasing": {"line": {"color": color or theme.DOWN, "width": 1}, "fillcolor": color or theme.DOWN},
        "whiskerwidth": 0,
        "visible": color is None,
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


def bar_trace() -> dict[str, Any]:
    """The closed candles as bars."""
    return {
        "type": "ohlc",
        "name": "bars",
        "x": [],
        "open": [],
        "high": [],
        "low": [],
        "close": [],
        "increasing": {"line": {"color": theme.UP, "width": 1}},
        "decreasing": {"line": {"color": theme.DOWN, "width": 1}},
        "tickwidth": 0.3,
        "visible": False,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def curve_trace(name: str, *, line: str | None = None, fill: str | None = None) -> dict[str, Any]:
    """A curve of closes, or what is filled beside one."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [],
        "y": [],
        "line": {"color": line or "rgba(0,0,0,0)", "width": 1.5 if line else 0},
        "fill": "toself" if fill else "none",
        "fillcolor": fill,
        "visible": False,
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
        "tickmode": "array",
        "tickvals": [],
        "ticktext": [],
    }
    return {
        # In the order that assets/chart/kinds.js counts on: what is filled lies behind the lines.
        "data": [
            candle_trace("candles"),
            volume_trace(),
            candle_trace("fallen", theme.DOWN),
            bar_trace(),
            curve_trace("line", line=theme.ACCENT),
            curve_trace("above", fill="rgba(38,166,154,0.16)"),
            curve_trace("below", fill="rgba(239,83,80,0.16)"),
            curve_trace("lower", line=theme.DOWN),
        ],
        "layout": {
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": theme.FONT, "size": 11, "color": theme.MUTED},
            "margin": {"l": 8, "r": 68, "t": 46, "b": 24, "pad": 0},  # at the top: two lines of text
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
            "yaxis": {**price_axis, "domain": [0.2, 1], "range": [0, 1]},
            "yaxis2": {
                **price_axis,
                "domain": [0, 0.17],
                "range": [0, 1],
                "showgrid": False,
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
