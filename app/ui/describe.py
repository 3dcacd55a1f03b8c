"""The words that say what an instrument is."""

from __future__ import annotations

from db.instruments import Instrument


def describe(instrument: Instrument | None) -> str:
    """Name, exchange, currency and zone as far as known, such as `Apple Inc. · XNAS · USD · New York time`."""
    if instrument is None:
        return ""
    zone = instrument.timezone.rsplit("/", 1)[-1].replace("_", " ")
    parts = [
        instrument.name,
        instrument.exchange,
        instrument.currency,
        zone if zone == "UTC" else f"{zone} time",
    ]
    return " · ".join(part for part in parts if part)
