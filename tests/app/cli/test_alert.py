"""`tickdeck alert`: add, list, test, remove, log."""

from __future__ import annotations

from tests.feeding import Tickdeck
from tickdeck.db.market.moments import iso
from tickdeck.testing.ticks import TickFactory


def test_add_list_and_remove(tickdeck: Tickdeck, tick_factory: TickFactory) -> None:
    ran = tickdeck(
        "alert", "add", "price > 167.5", "--symbol", "SPY", "--repeat", "rearm", "--note", "[bold]open"
    )
    assert ran.code == 0, ran.err
    number = ran.out.strip()
    listed = tickdeck("alert", "list").out
    assert all(part in listed for part in (number, "SPY", "price above 167.5", "rearm", "[bold]open"))
    assert tickdeck.rows("select event, subject from audit_log") == [("alert_saved", number)]
    assert "time (UTC)" in tickdeck("alert", "log").out
    refused = tickdeck("alert", "add", "price > 1", "--symbol", "SPY", "--webhook", "http://127.0.0.1:1/")
    assert (refused.code, "TICKDECK_ALERT_WEBHOOK_HOSTS" in refused.err) == (1, True)
    ticks = tick_factory(1, symbols=["SPY"])
    tried = tickdeck("alert", "test", "price > 0", "--symbol", "SPY")
    assert (tried.code, tried.out) == (0, f"{iso(int(ticks.time_us[0]))} {ticks.price[0]:.10g}\n")
    assert "fired 1 times from" in tried.err
    assert tickdeck("alert", "remove", number).code == 0
    assert tickdeck("alert", "remove", number).code == 1
