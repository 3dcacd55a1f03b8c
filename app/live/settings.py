"""Settings of the push: environment, `.env` file, defaults."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class LiveSettings(BaseSettings):
    """How often and to whom frames go; every field is documented in docs/configuration.md (a test checks that)."""

    model_config = SettingsConfigDict(
        env_prefix="TICKDECK_", env_file=".env", extra="ignore", populate_by_name=True, frozen=True
    )

    chart_rate: float = Field(default=10.0, gt=0, le=60)
    """Frames per second of charts on a busy market; after a quiet moment two may come at once."""
    grid_rate: float = Field(default=5.0, gt=0, le=60)
    """The same of watchlists."""
    tape_rate: float = Field(default=5.0, gt=0, le=60)
    """The same of tapes; each costs the database one query."""
    max_viewers: int = Field(default=2_000, ge=1)
    """WebSocket connections one process accepts; more are turned away and try again later."""
    dead_after_s: float = Field(default=10.0, gt=0)
    """A viewer that reads nothing for so many seconds is cut off."""
    chart_grace_s: float = Field(default=15.0, ge=0)
    """How long a chart or tape stays up to date after its last viewer left, in seconds."""
    allowed_origins: tuple[str, ...] = ()
    """Origins (such as https://desk.example.com) whose pages may connect, besides the dashboard's own."""
    compress: bool = False
    """Offer permessage-deflate to viewers: less traffic, about twice the CPU."""
