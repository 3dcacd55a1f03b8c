"""How much the tests that make their input up try."""

from __future__ import annotations

import os
from typing import Final

TIMES: Final = int(os.environ.get("TICKDECK_FUZZ", "1"))
"""`make fuzz` sets it: so many times what a run of all tests does."""


def examples(usual: int) -> int:
    """For `max_examples`."""
    return usual * TIMES
