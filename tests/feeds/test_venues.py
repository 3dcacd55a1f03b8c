"""The same pair on two exchanges is two instruments; their prices are shown with as many decimals as they have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.feeding import Tickdeck
from tickdeck.db.registering import decimals

CONTENT = "time,symbol,seq,price,size\n2024-01-02T14:30:00Z,BTC/USDT,7,{price},1\n2024-01-02T14:30:01Z,X:PEPE,7,3.12e-11,1\n"


def test_loaded_with_a_venue(tickdeck: Tickdeck, tmp_path: Path) -> None:
    for venue, price in (("BINANCE", 44000.01), ("KRAKEN", 44002)):
        path = tmp_path / f"{venue}.csv"
        path.write_text(CONTENT.format(price=price), encoding="utf-8")
        assert tickdeck("load", path, "--venue", venue).code == 0
    assert tickdeck.rows("select symbol, price from ticks order by symbol") == [
        ("BINANCE:BTC/USDT", 44000.01),
        ("KRAKEN:BTC/USDT", 44002),
        ("X:PEPE", 3.12e-11),
    ]
    assert tickdeck.rows("select price_decimals from instruments where symbol = 'X:PEPE'") == [(13,)]
    ran = tickdeck("load", path, "--venue", "kraken!")
    assert ran.code == 1
    assert "--venue 'kraken!' is no name of a venue" in " ".join(ran.err.split())


@pytest.mark.parametrize(
    ("prices", "wanted"),
    [
        ([3.12e-11, 3.2e-11], 13),
        ([1e-30], 30),
        ([1e300, 0.125], 3),
        ([1e300], 2),
        ([0.5, 0.25], 2),
        ([0.000000123, 0.0000002], 9),
        ([123456.789, 123456.5], 3),
        ([45_000_000.0, 45_000_000.5], 2),
        ([97_000.123456, 97_000.1], 6),
        ([(1.10432 + 1.1043) / 2], 5),
        ([0.1 + 0.2], 2),
        ([-37.63, 0.0], 2),
    ],
)
def test_decimals_of_tiny_and_huge_prices(prices: list[float], wanted: int) -> None:
    assert decimals(np.array(prices)) == wanted
