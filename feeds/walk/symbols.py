"""Made-up companies for the random walk: tickers and names that look like a market's, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product
from string import ascii_uppercase
from typing import Final

MOST: Final = 10_000

_BEGINNINGS: Final = (
    "Al", "Bel", "Cor", "Dal", "Ev", "Fen", "Gar", "Hal", "Ist", "Jor",
    "Kel", "Lum", "Mar", "Nor", "Or", "Pel", "Quan", "Ros", "Sol", "Tal",
)  # fmt: skip
_ENDINGS: Final = ("dane", "bridge", "era", "ford", "gate", "ix", "land", "mont", "ova", "wick")
_TRADES: Final = (
    "Systems", "Energy", "Foods", "Biotech", "Capital", "Motors", "Airways", "Retail", "Mining", "Networks",
    "Software", "Chemicals", "Holdings", "Materials", "Robotics", "Therapeutics", "Logistics", "Media",
    "Semiconductor", "Utilities", "Insurance", "Devices", "Paper", "Steel", "Shipping", "Homes", "Apparel",
    "Cloud", "Diagnostics", "Electric", "Gaming", "Hotels", "Instruments", "Labs", "Marine", "Nutrition",
    "Optics", "Payments", "Quarries", "Rail", "Solar", "Telecom", "Union", "Vehicles", "Water", "Xenon",
    "Yards", "Zinc", "Aerospace", "Brands",
)  # fmt: skip


_SECTORS: Final = {
    "Technology": "Systems Networks Software Robotics Semiconductor Devices Cloud Instruments Optics Payments",
    "Energy": "Energy Electric Solar Utilities Water Xenon",
    "Consumer": "Foods Retail Apparel Gaming Hotels Nutrition Brands Media Telecom",
    "Health": "Biotech Therapeutics Diagnostics Labs",
    "Financials": "Capital Holdings Insurance Union",
    "Industrials": "Motors Airways Logistics Shipping Homes Marine Rail Vehicles Yards Aerospace",
    "Materials": "Mining Chemicals Materials Paper Steel Quarries Zinc",
}
_SECTOR_OF: Final = {trade: sector for sector, trades in _SECTORS.items() for trade in trades.split()}


def sector_of(name: str) -> str:
    """The sector of a company, by what it trades in."""
    return _SECTOR_OF[name.split()[1]]


def companies(count: int) -> list[tuple[str, str]]:
    """The first `count` (at most MOST) of (ticker, name); all tickers and names differ."""
    taken: set[str] = set()
    made = []
    for name in islice(_names(), count):
        ticker = next(each for each in _tickers(name) if each not in taken)
        taken.add(ticker)
        made.append((ticker, name))
    return made


def _names() -> Iterator[str]:
    """Neighbours differ in every part."""
    places = len(_BEGINNINGS) * len(_ENDINGS)
    for turn, place in product(range(len(_TRADES)), range(places)):
        first = _BEGINNINGS[place % len(_BEGINNINGS)]
        second = _ENDINGS[(place // len(_BEGINNINGS) + place) % len(_ENDINGS)]
        yield f"{first}{second} {_TRADES[(turn + place * 7) % len(_TRADES)]}"


def _tickers(name: str) -> Iterator[str]:
    """Abbreviations of a name, the likeliest first, then letters in turn until one is free."""
    first, second = name.upper().split()
    yield first[:2] + second[0]
    yield first[:3] + second[0]
    yield first[0] + first[-3] + second[:2]
    yield first[:2] + second[:2]
    for letters in product(ascii_uppercase, repeat=3):
        yield first[0] + "".join(letters)
