"""Where the tests find what is not code."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
"""The checkout."""
SAMPLE: Final = ROOT / "tests" / "data" / "sample-trades.csv"
SHARED: Final = ROOT.parent / "shared"
"""Real data and files as people have them, beside the checkout; tests that need them are skipped elsewhere."""
REAL_DAY: Final = SHARED / "data" / "us-equities-2013-10-07-trades.csv.gz"
