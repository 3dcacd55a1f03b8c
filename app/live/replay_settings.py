"""Settings of replays: environment, `.env` file, defaults."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ReplaySettings(BaseSettings):
    """How many replays there may be; every field is documented in docs/configuration.md (a test checks that)."""

    model_config = SettingsConfigDict(
        env_prefix="TICKDECK_", env_file=".env", extra="ignore", populate_by_name=True, frozen=True
    )

    replay_rooms: int = Field(default=32, ge=1, le=1_000)
    """Replays open at the same time; each holds some MB of ticks read ahead."""
    replay_idle_s: float = Field(default=60.0, ge=0)
    """A replay that nobody watches for so many seconds ends; until then a page that reloads finds it again."""
