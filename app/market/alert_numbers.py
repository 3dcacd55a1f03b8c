"""The numbers of alert rules that are made of candles: indicators, and volumes against their mean.  Pure, as `alerts`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from tickdeck.app.market.alerts import Alerts, Fed, Firing, LineOf, VolumeOf
from tickdeck.app.market.charts import Chart
from tickdeck.app.market.state import MarketState
from tickdeck.db.market.buckets import bucket_of
from tickdeck.db.market.indicators import IndicatorError
from tickdeck.db.market.messages import Bar
from tickdeck.db.market.types import Interval

OVER_US: Final = 1_000_000
"""How long after its end a candle counts as closed, where no tick of the next one says so."""


class ChartNumbers:
    """Hands the numbers that `alerts` wait for to them, from the charts of `state`, which somebody keeps open.

    The first number of each is only where it starts from.
    """

    def __init__(self, alerts: Alerts, state: MarketState) -> None:
        self._alerts = alerts
        self._state = state
        self._of: dict[str, list[Fed]] = {}  # by symbol
        self._known: set[Fed] = set()
        self._told_us: dict[LineOf, int] = {}
        """The candle whose close was told last, or that was the newest one at first."""

    def rules_changed(self) -> None:
        """There may be other numbers to tell."""
        self._of = {}
        for series in self._alerts.fed:
            self._of.setdefault(series.symbol, []).append(series)
        now = set(self._alerts.fed)
        self._known &= now
        self._told_us = {series: at for series, at in self._told_us.items() if series in now}
        for series in now - self._known:
            self._begin(series)

    def forget(self) -> None:
        """All charts were read anew: begin again."""
        self._known.clear()
        self._told_us.clear()
        self.rules_changed()

    def after(self, bars: Iterable[Bar]) -> list[Firing]:
        """The charts have taken these bars."""
        if not self._of:
            return []
        fired: list[Firing] = []
        times: dict[str, int] = {}
        for bar in bars:
            if bar.symbol in self._of:
                when_us = bar.candle.last_us if bar.candle.priced else bar.candle.time_us
                times[bar.symbol] = max(when_us, times.get(bar.symbol, 0))
        for symbol, when_us in times.items():
            for series in self._of[symbol]:
                fired += self._look(series, when_us)
        return fired

    def at(self, now_us: int) -> list[Firing]:
        """It is `now_us` by the market's clock: candles may be over without a tick after them."""
        fired: list[Firing] = []
        for series, told_us in list(self._told_us.items()):
            chart = self._chart(series)
            newest_us = None if chart is None else chart.newest_us
            if chart is None or newest_us is None or newest_us < told_us or series.forming:
                continue
            end_us = bucket_of(newest_us, series.interval, chart.instrument.days).end_us
            if end_us + OVER_US <= now_us:
                fired += self._close(series, chart, end_us)
        return fired

    def _chart(self, series: Fed) -> Chart | None:
        interval: Interval = series.interval if isinstance(series, LineOf) else "1m"
        chart = self._state.charts.get((series.symbol, interval))
        if chart is None or not chart.loaded:
            return None
        if isinstance(series, LineOf) and not chart.indicators.get(series.indicator, False):
            return None
        return chart

    def _begin(self, series: Fed) -> None:
        chart = self._chart(series)
        if chart is None or chart.newest_us is None:
            return
        self._known.add(series)
        if isinstance(series, VolumeOf):
            value = _volume(chart, series.minutes)
        else:
            self._told_us[series] = chart.newest_us
            values = _values(series, chart, chart.newest_us if series.forming else 0)
            before = [value for time_us, value in values if series.forming or time_us < chart.newest_us]
            value = before[-1] if before else None
        if value is not None:
            self._alerts.begin_number(series, value)

    def _look(self, series: Fed, when_us: int) -> list[Firing]:
        if series not in self._known:
            self._begin(series)
            return []
        chart = self._chart(series)
        newest_us = None if chart is None else chart.newest_us
        if chart is None or newest_us is None:
            return []
        if isinstance(series, VolumeOf):
            value = _volume(chart, series.minutes)
            return [] if value is None else self._alerts.number(series, when_us, value)
        if not series.forming:
            return self._close(series, chart, newest_us) if newest_us > self._told_us[series] else []
        values = _values(series, chart, newest_us)
        return self._alerts.number(series, when_us, values[-1][1]) if values else []

    def _close(self, series: LineOf, chart: Chart, until_us: int) -> list[Firing]:
        """Tell the values of the candles that closed since, which are those before `until_us`."""
        fired: list[Firing] = []
        for time_us, value in _values(series, chart, self._told_us[series]):
            if time_us < until_us:
                end_us = bucket_of(time_us, series.interval, chart.instrument.days).end_us
                fired += self._alerts.number(series, end_us, value)
        self._told_us[series] = until_us
        return fired


def _volume(chart: Chart, minutes: int) -> float | None:
    """The newest candle's volume over the mean of so many before it; None where there are fewer, or none had any."""
    volumes = chart.volumes(minutes + 1)
    mean = sum(volumes[:-1]) / minutes if len(volumes) > minutes else 0
    return volumes[-1] / mean if mean > 0 else None


def _values(series: LineOf, chart: Chart, from_us: int) -> list[tuple[int, float]]:
    """(start, value) of the candles from the one at `from_us` on that have a value, oldest first."""
    try:
        values = chart.values(series.indicator, from_us)
    except IndicatorError:  # the chart keeps why
        return []
    pairs = zip(values.time_us.tolist(), values.columns[series.line].tolist(), strict=True)
    return [(time_us, value) for time_us, value in pairs if math.isfinite(value)]
