"""Settings of everything that talks to the database: environment, `.env` file, defaults."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from pydantic import AliasChoices, AwareDatetime, Field
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from tickdeck.db.errors import ConfigurationError
from tickdeck.db.market.types import MIN_TIME_US, to_us

DEFAULT_SINCE_US: Final = 315_532_800_000_000
"""1980-01-01: the limit in migrations/sql/0008_limits.sql, in µs since the epoch."""


class Environment(BaseSettings):
    """Settings as all of Tickdeck reads them: `TICKDECK_<NAME>`, else the file that `TICKDECK_<NAME>_FILE` names (for
    secrets, as container engines hand them over), else a line in `.env`, else the default.

    A file is read without its last line end.  Raises `ConfigurationError` where it cannot be read or both are set.
    """

    model_config = SettingsConfigDict(
        env_prefix="TICKDECK_", env_file=".env", extra="ignore", populate_by_name=True, frozen=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _NamedFiles(settings_cls), dotenv_settings


class _NamedFiles(PydanticBaseSettingsSource):
    """The values that stand in files which `…_FILE` variables name."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        choices = getattr(field.validation_alias, "choices", None)
        names = [str(each) for each in choices] if choices else [f"TICKDECK_{field_name.upper()}"]
        for name in names:
            path = os.environ.get(f"{name}_FILE")
            if path is None:
                continue
            if name in os.environ:
                raise ConfigurationError(f"{name} and {name}_FILE are both set: keep one")
            try:
                text = Path(path).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as exc:
                raise ConfigurationError(f"{name}_FILE: {path} cannot be read: {exc}") from exc
            return text.removesuffix("\n").removesuffix("\r"), names[0], False
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field_name, field in self.settings_cls.model_fields.items():
            value, key, is_complex = self.get_field_value(field, field_name)
            if value is not None:
                plain = key if getattr(field.validation_alias, "choices", None) else field_name
                found[plain] = self.prepare_field_value(field_name, field, value, is_complex)
        return found


class DatabaseSettings(Environment):
    """Where the ticks are; every field is documented in docs/configuration.md (a test checks that)."""

    database_url: str | None = Field(
        default=None, validation_alias=AliasChoices("DATABASE_URL", "TICKDECK_DATABASE_URL")
    )
    """The server to use.  Unset: the embedded TimescaleDB.  Always wins when set."""
    read_url: str | None = None
    """Standbys of that server from which a dashboard reads history, with commas between.  Unset: the server itself answers."""
    settings_url: str | None = None
    """The same database with the login that may act as tickdeck_settings, where that of `database_url` may not."""
    data_dir: Path | None = None
    """The one folder that holds everything Tickdeck writes."""
    pool_size: int = Field(default=8, ge=1, le=100)
    """Connections one process keeps open to the database at the most (the listener's one is extra)."""
    statement_timeout_s: float = Field(default=30.0, gt=0)
    """The longest a query of the dashboard may run, in seconds."""
    ticks_ahead_s: float | None = Field(default=None, ge=0)
    """How far after now a feed's tick may be dated, in seconds; later ones are refused.  Unset: the database's own limit,
    5 minutes."""
    ticks_since: AwareDatetime | None = None
    """What a feed dates earlier is refused, `load` excepted.  Unset: the database's own limit, 1980-01-01."""
    keep_ticks_days: float | None = Field(default=None, gt=0)
    """How long ticks are kept, in days; whole days (chunks) are dropped, candles stay.  Unset: for ever."""
    archive_dir: Path | None = None
    """The folder of the archive's files.  Unset: `archive` in the data folder."""
    archive_after_days: float | None = Field(default=None, ge=1)
    """How many days a day of ticks has been over before `tickdeck archive run` moves it to the archive.  Unset: it has to be said."""
    compress_after_days: float | None = Field(default=None, gt=0)
    """Age in days at which chunks of ticks are compressed, by TimescaleDB's Community edition only.  Unset: never."""
    spill_mb: int = Field(default=256, ge=0, le=1_000_000)
    """How much of a feed waits on disk while the database is away, in MB (2**20 bytes); more makes it wait.  0: nothing."""
    spill_sync: bool = True
    """Whether that survives a loss of power too, not only of the process."""
    upkeep_interval_s: float = Field(default=3600.0, ge=1)
    """Seconds between two looks for ticks that are over their time."""
    verify_hours: float = Field(default=2.0, ge=0, le=24 * 31)
    """A dashboard compares the candles of so many hours back with their ticks, again and again; 0: never."""
    verify_every_s: float = Field(default=1800.0, ge=1)
    """Seconds between two such looks."""

    @property
    def ticks_since_us(self) -> int:
        """`ticks_since` in µs since the epoch; the database's own limit where it is unset."""
        return DEFAULT_SINCE_US if self.ticks_since is None else max(to_us(self.ticks_since), MIN_TIME_US)

    def tick_times(self, *, history: bool = False) -> dict[str, str]:
        """Settings of connections that write ticks: between which times they are taken; `history`: however old."""
        limits = {}
        if self.ticks_ahead_s is not None:
            limits["tickdeck.ticks_ahead"] = f"{self.ticks_ahead_s} seconds"
        if history:
            limits["tickdeck.ticks_since"] = "-infinity"
        elif self.ticks_since is not None:
            limits["tickdeck.ticks_since"] = self.ticks_since.isoformat()
        return limits
