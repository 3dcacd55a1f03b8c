"""The page's components: what Python, the scripts and the protocol must agree on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from dash.development.base_component import Component

from tickdeck.app.push.protocol import FIELDS
from tickdeck.app.ui import tape, watchlist
from tickdeck.app.ui.figures import chart_figure
from tickdeck.app.ui.layout import USUAL_INTERVALS, page
from tickdeck.app.ui.page import ASSETS, CALLBACKS, describe
from tickdeck.app.ui.plain import plainly
from tickdeck.db.market.types import INTERVALS, Instrument


def components(root: Component) -> Iterator[Any]:
    yield root
    yield from root._traverse()  # type: ignore[no-untyped-call]


def ids() -> list[str]:
    return [part.id for part in components(page()) if isinstance(getattr(part, "id", None), str)]


def formatters(columns: list[dict[str, Any]]) -> set[str]:
    return {
        column["valueFormatter"]["function"].removesuffix("(params)")
        for column in columns
        if "valueFormatter" in column
    }


def test_watchlist_shows_fields_of_the_protocol() -> None:
    # A symbol's venue is a part of it, its gaps are in the status; the range follows from the prices, what the day drew is read apart.
    assert {column["field"] for column in watchlist.columns()} <= {
        *FIELDS,
        "venue",
        "state",
        "gaps",
        "range",
        "spark",
    }


def test_only_the_last_price_flashes() -> None:
    flashing = [c["field"] for c in watchlist.columns() if c.get("enableCellChangeFlash")]
    assert flashing == ["last"]


@pytest.mark.parametrize("columns", [watchlist.columns(), tape.columns()], ids=["watchlist", "tape"])
def test_numbers_are_right_aligned_and_formatted_by_the_page(columns: list[dict[str, Any]]) -> None:
    early = (ASSETS / "early.js").read_text()
    cells = (ASSETS / "lib" / "format.js").read_text()
    for name in formatters(columns):
        short = name.removeprefix("tickdeck")
        assert f'"{short}"' in early
        assert re.search(rf"^  {short}: \(params\)", cells, re.MULTILINE), f"format.js has no {short}"
    for column in columns:
        if column.get("type") == "rightAligned":
            assert "ag-right-aligned-cell" in column["cellClass"]


def test_grids_keep_rows_by_a_constant_identity() -> None:
    assert watchlist.watchlist().getRowId == "tickdeckRowId(params)"  # assets/lib/symbols.js: the symbol
    assert tape.tape().getRowId == "params.data.id"


def test_no_rows_pass_through_dash() -> None:
    # Given rowData, even an empty list, the component would copy all rows into its properties with each frame.
    assert not hasattr(watchlist.watchlist(), "rowData")
    assert not hasattr(tape.tape(), "rowData")


def described(part: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and properties of each element, and each text, in the page's order, whatever is around them."""
    if isinstance(part, str):
        yield part, {}
        return
    if isinstance(part, dict):
        assert (part["namespace"], part["type"]) == ("tickdeck", "Plain")
        name, properties, children = None, {}, part["props"]["trees"]
    elif isinstance(part, list):
        name, properties, children = part
    else:
        properties = part.to_plotly_json()["props"]
        name, children = part._type.lower(), properties.pop("children", None)
        children = children if isinstance(children, list) else [children] if children is not None else []
    if name:
        yield name, properties
    for child in children:
        yield from described(child)


def test_plain_elements_are_the_same_ones_and_callbacks_keep_theirs() -> None:
    light = plainly(page(), kept=CALLBACKS)
    assert list(described(light)) == list(described(page()))
    parts = [part for part in components(light) if isinstance(part, Component)]
    assert len(parts) < len(ids()) / 2
    assert {getattr(part, "id", None) for part in parts} >= {
        *CALLBACKS,
        "watchlist",
        "tape",
        "chart",
        "symbol",
    }


def test_ids_are_there_once() -> None:
    counted = Counter(ids())
    assert {"watchlist", "chart", "tape", "status", "symbol", "interval", "search", "view"} <= counted.keys()
    assert counted.most_common(1)[0][1] == 1


def test_scripts_ask_only_for_elements_their_page_has() -> None:
    workspace = re.findall(r'id="([\w-]+)"', (ASSETS.parent / "ui" / "workspace.html").read_text())
    assert "dock" in workspace
    asked = {
        name
        for script in ASSETS.rglob("*.js")
        if script.parent.name != "vendor"
        for name in re.findall(r'(?:getElementById|element|writeTo)\("([\w-]+)"', script.read_text())
    }
    assert asked, "no script asks for an element any more: this test looks for the wrong words"
    assert asked <= {*ids(), *workspace}


def test_every_interval_has_a_button() -> None:
    buttons = [
        getattr(part, "data-interval") for part in components(page()) if hasattr(part, "data-interval")
    ]
    assert sorted(buttons) == sorted(INTERVALS)
    assert buttons[: len(USUAL_INTERVALS)] == list(USUAL_INTERVALS)
    listed = re.search(r"INTERVALS = \[(.*)\]", (ASSETS / "lib" / "selection.js").read_text())
    assert listed is not None
    assert re.findall(r'"(\w+)"', listed[1]) == list(INTERVALS)


def test_transport_row_is_hidden_live() -> None:
    transport = next(part for part in components(page()) if getattr(part, "id", None) == "transport")
    assert transport.hidden is True


def test_figure_has_an_empty_trace_for_each_kind_and_no_labels_of_its_own_under_the_x_axis() -> None:
    figure = chart_figure()
    drawn = [trace["type"] for trace in figure["data"] if trace.get("visible", True)]
    assert drawn == ["candlestick", "bar"]
    # The order that kinds.js counts on.
    names = ["candles", "volume", "fallen", "bars", "line", "above", "below", "lower"]
    assert [trace["name"] for trace in figure["data"]] == names
    assert all(trace["x"] == [] for trace in figure["data"])
    assert figure["layout"]["xaxis"]["showticklabels"] is False
    assert "rangebreaks" not in figure["layout"]["xaxis"]


def test_describe_leaves_out_what_is_unknown() -> None:
    assert describe(None) == ""
    assert describe(Instrument("X")) == "UTC"
    known = Instrument("SPY", "SPDR S&P 500 ETF", "ARCX", "America/New_York", "USD")
    assert describe(known) == "SPDR S&P 500 ETF · ARCX · USD · New York time"
