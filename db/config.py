"""Settings of everything that talks to the database: environment, `.env` file, defaults."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class DatabaseSettings(BaseSettings):
    """Where the ticks are; every field is documented in docs/configuration.md (a test checks that)."""

    model_config = SettingsConfigDict(
        env_prefix="TICKDECK_", env_file=".env", extra="ignore", populate_by_name=True, frozen=True
    )

    database_url: str | None = Field(
        default=None, validation_alias=AliasChoices("DATABASE_URL", "TICKDECK_DATABASE_URL")
    )
    """The server to use.  Unset: the embedded TimescaleDB.  Always wins when set."""
    data_dir: Path | None = None
    """The one folder that holds everything Tickdeck writes."""
    pool_size: int = Field(default=8, ge=1, le=100)
    """Connections one process keeps open to the database at the most (the listener's one is extra)."""
    statement_timeout_s: float = Field(default=30.0, gt=0)
    """The longest a query of the dashboard may run, in seconds."""
    keep_ticks_days: float | None = Field(default=None, gt=0)
    """How long ticks are kept, in days; whole days (chunks) are dropped, candles stay.  Unset: for ever."""
    compress_after_days: float | None = Field(default=None, gt=0)
    """Age in days at which chunks of ticks are compressed, by TimescaleDB's Community edition only.  Unset: never."""
    upkeep_interval_s: float = Field(default=3600.0, ge=1)
    """Seconds between two looks for ticks that are over their time."""
