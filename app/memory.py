"""Gives memory back to the system once many viewers have left."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from typing import Final

WORTH_IT: Final = 100
"""Fewer viewers hold too little for it."""


def _trim() -> Callable[[], object]:
    """What has the C library hand over what it keeps for later; does nothing where it is not glibc."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return lambda: None
    trim.argtypes = [ctypes.c_size_t]
    return lambda: trim(0)


class GivesBack:
    """Told how many viewers there are, again and again: when half of the most have left, what they held is given back.

    Connections lie in circles, which the collector finds late, and in between what stays: without this a process is as large
    for ever as it was with its most viewers.
    """

    def __init__(self) -> None:
        self._most = 0
        self._trim = _trim()

    def look(self, viewers: int) -> bool:
        """Whether it was time to give back; takes up to some tens of ms then."""
        self._most = max(self._most, viewers)
        if self._most < WORTH_IT or viewers * 2 > self._most:
            return False
        self._most = viewers
        gc.collect()
        self._trim()
        return True
