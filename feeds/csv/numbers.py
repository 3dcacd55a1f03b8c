"""Reads columns of plain decimal numbers, exactly and all rows at once.

What is written otherwise (`1e5`, more digits than fit) is left to the row-by-row reading in `rows`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tickdeck.feeds.csv.fields import Column

MAX_WIDTH: Final = 24
_EXACT: Final = 1 << 53
_POWERS: Final = 10.0 ** np.arange(23)


@dataclass(frozen=True, slots=True)
class Decimals:
    """Each field as `sign · mantissa / 10**scale`; only where `good`."""

    mantissa: NDArray[np.uint64]
    scale: NDArray[np.uint8]
    negative: NDArray[np.bool_]
    good: NDArray[np.bool_]
    column: Column
    point: str

    def floats(self, shift: int = 0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The float64 nearest to each number / 10**shift, and where that is certain.

        Both mantissa and power of ten are exact floats there, so the one division rounds correctly (the fast
        path of W. Clinger, "How to read floating point numbers accurately", 1990).
        """
        value = self.mantissa.astype(np.float64)
        scale = self.scale + np.uint8(shift)
        value /= _POWERS[np.minimum(scale, 22)]
        np.negative(value, out=value, where=self.negative)
        certain = self.good & (self.mantissa <= _EXACT) & (scale <= 22)
        if shift:
            certain &= self.scale == 0
        if shift == 0 and self.point == ".":
            # Such as all of 17 digits, which a float that was computed has, or one that was of 32 bits.
            text, start, length = self.column.data, self.column.start, self.column.length
            for row in np.flatnonzero(self.good & ~certain).tolist():
                value[row] = float(text[start[row] : start[row] + length[row]])
            certain = self.good
        return value, certain

    def integers(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The whole numbers, and where the field is one that fits."""
        good = self.good & (self.scale == 0) & (self.mantissa < np.uint64(1 << 63))
        value = np.where(good, self.mantissa, np.uint64(0)).astype(np.int64)
        np.negative(value, out=value, where=self.negative)
        return value, good


def read_decimals(column: Column, point: str = ".") -> Decimals:
    """Read each field of the form `[+-]digits[.digits]` with at most 19 digits; `point` is the decimal mark."""
    mark = ord(point)
    rows = len(column)
    width = int(min(MAX_WIDTH, column.length.max(initial=0)))
    mantissa = np.zeros(rows, dtype=np.uint64)
    digits = np.zeros(rows, dtype=np.uint8)
    points = np.zeros(rows, dtype=np.uint8)
    scale = np.zeros(rows, dtype=np.uint8)
    negative = np.zeros(rows, dtype=np.bool_)
    used = np.zeros(rows, dtype=np.uint8)
    if width:
        matrix = column.matrix(width)
        negative = matrix[0] == ord("-")
        used += negative | (matrix[0] == ord("+"))
        ten = np.uint64(10)
        for codes in matrix:
            digit = codes - np.uint8(48)  # wraps around below '0'
            is_digit = digit < 10
            if is_digit.all():
                mantissa *= ten
                mantissa += digit
                digits += np.uint8(1)
                scale += points
                continue
            np.multiply(mantissa, ten, out=mantissa, where=is_digit)
            np.add(mantissa, digit, out=mantissa, where=is_digit)
            digits += is_digit
            scale += is_digit & (points > 0)
            points += codes == mark
    used += digits + points
    good = (digits > 0) & (digits <= 19) & (points <= 1) & (used == column.length)
    return Decimals(mantissa, scale, negative, good, column, point)
