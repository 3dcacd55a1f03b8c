"""The price of a quote: the mid of its bid and ask."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

_EXACT: Final = 1 << 53
_MID_DECIMALS: Final = (5, 10)


def mids(bid: NDArray[np.float64], ask: NDArray[np.float64]) -> NDArray[np.float64]:
    """The float64 nearest to the mid of each bid and ask as they are written; NaN where one is missing.

    The mid of two floats is not that: of 1.10432 and 1.10435 it is 1.1043349999999998.
    """
    mid = bid / 2 + ask / 2
    left = ~np.isnan(mid)
    for decimals in _MID_DECIMALS:
        if not left.any():
            return mid
        power = 10.0**decimals
        parts = np.rint(bid * power), np.rint(ask * power)
        exact = left & (parts[0] / power == bid) & (parts[1] / power == ask)
        exact &= (np.abs(parts[0]) < _EXACT / 2) & (np.abs(parts[1]) < _EXACT / 2)
        mid = np.where(exact, (parts[0] + parts[1]) / (2 * power), mid)
        left &= ~exact
    for row in np.flatnonzero(left).tolist():
        mid[row] = float((Decimal(repr(float(bid[row]))) + Decimal(repr(float(ask[row])))) / 2)
    return mid
