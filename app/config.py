"""Settings of the dashboard's process: environment, `.env` file, defaults.

Those of the database are in db/config.py, those of the push in app/live/settings.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.live.replay_settings import ReplaySettings
from app.live.settings import LiveSettings
from db.config import DatabaseSettings

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class DashboardSettings(BaseSettings):
    """Where the page is served; every field is documented in docs/configuration.md (a test checks that)."""

    model_config = SettingsConfigDict(
        env_prefix="TICKDECK_", env_file=".env", extra="ignore", populate_by_name=True, frozen=True
    )

    host: str = "127.0.0.1"
    """The address to listen on.  Tickdeck has no login: anything but loopback needs one in front."""
    port: int = Field(default=8050, ge=0, le=65535)
    """The port to listen on; 0 takes a free one."""
    allowed_hosts: tuple[str, ...] = ()
    """Names (the `Host` header, without port) the page answers to.  Empty: on loopback only loopback's names,
    which keeps other sites' scripts out; on any other address every name."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe messages that are logged."""
    log_format: Literal["console", "json"] = "console"
    """Logs for people, or one JSON object a line."""

    def names(self) -> frozenset[str]:
        """The host names to answer to; empty means every name."""
        if self.allowed_hosts:
            return frozenset(self.allowed_hosts) | LOOPBACK
        return LOOPBACK if self.host in LOOPBACK else frozenset()


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the dashboard's process; made without arguments, they are read from the environment."""

    dashboard: DashboardSettings = field(default_factory=DashboardSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    live: LiveSettings = field(default_factory=LiveSettings)
    replay: ReplaySettings = field(default_factory=ReplaySettings)
