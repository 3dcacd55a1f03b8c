"""The newest candles, which the page draws itself until Plotly gets a group of them: nobody must see the difference."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import pytest

from tests.browser.dashboard import Dashboard
from tests.browser.market import Market
from tests.browser.watching import Watched

Shown: TypeAlias = dict[str, Any]

SHOWN: Final = """() => {
    const plot = document.querySelector('#chart .js-plotly-plot');
    const numbers = plot.data[0].x;
    const path = (one) => [one.getAttribute('d'), getComputedStyle(one).fill, getComputedStyle(one).fillOpacity];
    const layer = (pane) => Object.fromEntries(
        [...document.querySelectorAll(`#chart-front .newest.${pane} path`)].map((one) => [one.dataset.number, path(one)]));
    const plotly = (selector) => Object.fromEntries(
        [...plot.querySelectorAll(selector)].map((one, index) => [numbers[index], path(one)]));
    const { xaxis, yaxis, yaxis2 } = plot._fullLayout;
    return {
        ranges: [xaxis.range, yaxis.range, yaxis2.range],
        layer: { prices: layer('prices'), volumes: layer('volumes') },
        plotly: { prices: plotly('.boxlayer path.box'), volumes: plotly('.barlayer .point > path') },
        last: Number(document.querySelector('#chart-front .newest.prices path:last-child')?.dataset.number),
        trace: plot.data[0],
    };
}"""
WAITING: Final = "document.querySelectorAll('#chart-front .newest.prices path').length"
"""Candles that Plotly has not got: the forming one, and closed ones."""


RANGE: Final = "document.querySelector('#chart .js-plotly-plot').layout.xaxis.range"


TEXT_PX: Final = 45
DIFFERENCE: Final = """async (pictures) => {
    const [one, other] = await Promise.all(pictures.map(async (base64) => {
        const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
        const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
        canvas.drawImage(bitmap, 0, 0);
        return canvas.getImageData(0, 0, bitmap.width, bitmap.height).data;
    }));
    return one.reduce((most, value, index) => Math.max(most, Math.abs(value - other[index])), 0);
}"""


PAINTED: Final = """() => new Promise((seen) => requestAnimationFrame(() => {
    const eye = new ResizeObserver(() => { eye.disconnect(); seen((WHEN) && (SHOWN)()); });
    eye.observe(document.body);
}))"""
"""Looks at the page when all that draws in an animation frame has drawn: the first look is just before it is painted."""

SLOW_CLOCK: Final = "const now = performance.now.bind(performance); performance.now = () => now() / 60;"
"""Candles wait 10 s at most for Plotly: too short for a test on a busy machine, so the page's stop watch runs slow."""


def shown(watched: Watched, when: str = "true") -> Shown:
    """What is painted in the first frame in which the JavaScript expression `when` is true."""
    found: Shown = watched.eventually(PAINTED.replace("WHEN", when).replace("SHOWN", SHOWN))
    return found


def drag(watched: Watched, *moves: float) -> None:
    """Drag the chart so many px to the right, from where the last one ended, and let go."""
    box = watched.page.locator("#chart").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 3
    watched.page.mouse.move(x, y)
    watched.page.mouse.down()
    for move in moves:
        x += move
        watched.page.mouse.move(x, y, steps=3)
    watched.page.mouse.up()


def picture(watched: Watched) -> bytes:
    """The chart, all of it painted, no pointer over it, without the lines of text on top: they change once a second."""
    watched.page.mouse.move(0, 0)
    watched.page.evaluate("() => document.activeElement.blur()")
    watched.until("getComputedStyle(document.querySelector('.chart-buttons')).opacity === '0'")
    watched.painted()
    box = watched.page.locator("#chart-panel").bounding_box()
    assert box is not None
    return watched.page.screenshot(clip={**box, "y": box["y"] + TEXT_PX, "height": box["height"] - TEXT_PX})


def difference(watched: Watched, *pictures: bytes) -> int:
    """By how much of 255 the two differ where they differ most."""
    blank = watched.page.context.new_page()
    most: int = blank.evaluate(DIFFERENCE, [base64.b64encode(each).decode() for each in pictures])
    blank.close()
    return most


def heights(path: str) -> list[str]:
    """The y coordinates of a candlestick's path."""
    return re.findall(r"(?:V|,)(-?[\d.]+)", path)


def waiting(market: Market, watched: Watched, dashboard: Dashboard, zooms: tuple[str, ...] = ()) -> datetime:
    """A chart with candles that Plotly has not got: three came after the page and its zoom; start of the 60th."""
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=30)
    with market.together():
        for index in range(60):
            for second, price in enumerate((100 + index % 7, 108, 99, 100 + index % 5)):
                time = start + timedelta(seconds=5 * index + second)
                market.trade(market.symbol, price, time=time, size=400)
    watched.page.add_init_script(SLOW_CLOCK)
    watched.open(f"{dashboard.url}/?symbol={market.symbol}&interval=5s")
    for zoom in zooms:
        before = watched.range()
        watched.page.click(f'[data-chart="{zoom}"]')
        watched.until(f"(before) => String({RANGE}) !== String(before)", before)
        watched.resting_range()  # a zoom that is still being drawn takes along what comes meanwhile
    sixtieth = start + timedelta(minutes=5)
    for index, prices in enumerate(((103.0, 105.25, 102.0, 104.5), (105.0, 101.5), (101.5,))):
        for second, traded in enumerate(prices):
            market.trade(
                market.symbol, traded, time=sixtieth + timedelta(seconds=5 * index + second), size=150
            )
        watched.until(f"(last) => ({SHOWN})().last === last", 60 + index)
    return sixtieth


@pytest.mark.parametrize("zooms", [(), ("in", "in"), ("out",) * 4], ids=["as opened", "in", "out"])
def test_plotly_draws_the_same_picture(
    quiet: tuple[Dashboard, Market], watched: Watched, zooms: tuple[str, ...]
) -> None:
    dashboard, market = quiet
    waiting(market, watched, dashboard, zooms)
    drawn_by_page = picture(watched)
    before = shown(watched)
    closed = [number for number in before["layer"]["prices"] if int(number) < before["last"]]
    assert closed, "some candles are not Plotly's yet"
    drag(watched, 60, -60)
    watched.until(f"{WAITING} === 1")
    drawn_by_plotly = picture(watched)
    after = shown(watched)
    assert after["ranges"] == [pytest.approx(each) for each in before["ranges"]]
    for pane in ("prices", "volumes"):
        assert [before["layer"][pane][one] for one in closed] == [
            after["plotly"][pane][one] for one in closed
        ]
    assert difference(watched, drawn_by_page, drawn_by_plotly) <= 2, "rounding of half transparent edges"


def test_late_ticks_change_candles_that_wait(quiet: tuple[Dashboard, Market], watched: Watched) -> None:
    dashboard, market = quiet
    sixtieth = waiting(market, watched, dashboard, ("out",) * 2)  # room for five candles that wait
    before = shown(watched)
    market.trade(market.symbol, 107.0, time=sixtieth + timedelta(seconds=4), size=50)
    watched.until(
        f"(before) => ({SHOWN})().layer.prices[60][0] !== before", before["layer"]["prices"]["60"][0]
    )
    assert shown(watched)["trace"]["x"] == before["trace"]["x"], "no redraw for that"
    market.trade(market.symbol, 102.0, time=sixtieth + timedelta(seconds=20))
    market.trade(market.symbol, 106.0, time=sixtieth + timedelta(seconds=15))  # an empty bucket until now
    watched.until(f"() => ({SHOWN})().last === 64")
    before = shown(watched)
    assert {"60", "61", "62", "63"} <= set(before["layer"]["prices"]), "Plotly has none of them yet"
    drag(watched, 60, -60)
    watched.until(f"{WAITING} === 1")
    trace = shown(watched)["trace"]
    assert trace["close"][-4:] == [107.0, 101.5, 101.5, 106.0]
    after = shown(watched)["plotly"]["prices"]
    for number, path in before["layer"]["prices"].items():
        assert number == "64" or after[number] == path


def test_range_grows_when_a_candle_leaves_it(quiet: tuple[Dashboard, Market], watched: Watched) -> None:
    dashboard, market = quiet
    sixtieth = waiting(market, watched, dashboard)
    _, (low, high), (_, most) = shown(watched)["ranges"]
    market.trade(market.symbol, high + 1, time=sixtieth + timedelta(seconds=12), size=most * 2)
    watched.until(f"(high) => ({SHOWN})().ranges[1][1] > high + 1", high)
    _, grown, volumes = shown(watched)["ranges"]
    assert grown[0] == pytest.approx(low, abs=1)
    assert volumes[1] > most * 2
    market.trade(market.symbol, high + 1.5, time=sixtieth + timedelta(seconds=13), size=1)
    read = "(high) => document.querySelector('#readout span[data-name=H]').textContent === high"
    watched.until(read, f"{high + 1.5:,.2f}")
    assert shown(watched)["ranges"][1] == grown, "with room to spare"


def test_a_reload_shows_the_same_candles(quiet: tuple[Dashboard, Market], watched: Watched) -> None:
    dashboard, market = quiet
    waiting(market, watched, dashboard)
    before = shown(watched)
    watched.page.reload()
    watched.drawn(market.symbol, "5s")
    after = shown(watched)
    shift = after["ranges"][0][0] - before["ranges"][0][0]
    assert shift > 0, "Plotly has them now, further to the left"
    assert after["ranges"][1] == before["ranges"][1]
    for number, (path, *colours) in before["layer"]["prices"].items():
        if number in after["plotly"]["prices"]:
            there, *as_before = after["plotly"]["prices"][number]
            assert heights(there) == heights(path)
            assert as_before == colours


def test_groups_go_over_to_plotly(walking: Dashboard, watched: Watched) -> None:
    watched.open(f"{walking.url}/?interval=1s")
    for _ in range(2):
        watched.until(f"{WAITING} < 3")
        before = shown(watched, f"{WAITING} >= 3")
        after = shown(watched, f"{WAITING} < 3")
        for state in (before, after):
            numbers = [*state["trace"]["x"], *map(int, state["layer"]["prices"])]
            assert numbers == list(range(numbers[0], state["last"] + 1)), "each candle once"
        assert after["ranges"][0][0] >= before["ranges"][0][0] + 2, "several at a time"
        assert after["last"] < after["ranges"][0][1], "in view"
        closed = [number for number in before["layer"]["prices"] if int(number) < before["last"]]
        if after["ranges"][1] == before["ranges"][1]:
            there = after["plotly"]["prices"]
            assert [heights(there[one][0]) for one in closed] == [
                heights(before["layer"]["prices"][one][0]) for one in closed
            ]
