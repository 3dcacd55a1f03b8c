"""HTML attributes whose names Python cannot spell."""

from __future__ import annotations

from typing import Any


def attributes(**values: str) -> dict[str, Any]:
    """`attributes(data_state="live")` is `{"data-state": "live"}`, to be passed on with `**`."""
    return {name.replace("_", "-"): value for name, value in values.items()}
