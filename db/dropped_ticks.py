"""The stretches of time whose ticks retention has dropped: no tick is stored there any more.

Their candles stayed and count those ticks, and without the ticks nobody can tell a tick that comes again from a new
one.  The trigger on `ticks` refuses them; here is how a batch finds out which of its ticks are meant.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from db.market import TickBatch, from_us
from db.pool import PoolOrConnection
from db.statements import statement
from db.tick_rules import TickReject

DROPPED_SQLSTATE: Final = "TD001"
"""What the trigger raises for a statement with such a tick."""


async def find_dropped(source: PoolOrConnection, batch: TickBatch) -> list[TickReject]:
    """One reject for each tick of `batch` (not empty, all storable) that lies in such a stretch; by row.

    Raises the driver's errors.
    """
    first_us, last_us = int(batch.time_us.min()), int(batch.time_us.max())
    stretches = await source.fetch(statement("dropped_stretches"), from_us(first_us), from_us(last_us))
    found: list[TickReject] = []
    for start_us, end_us in stretches:
        reason = (
            f"the ticks from {from_us(start_us).isoformat()} to {from_us(end_us).isoformat()} were dropped by "
            "retention: their candles stayed and may count this one already"
        )
        inside = (batch.time_us >= start_us) & (batch.time_us < end_us)
        found += [TickReject(row, "time", reason) for row in np.flatnonzero(inside).tolist()]
    return sorted(found, key=lambda reject: reject.index)
