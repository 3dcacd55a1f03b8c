"""Every setting is documented, with its name and its default."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from tests.paths import ROOT
from tickdeck.app.config import (
    AlertSettings,
    DashboardSettings,
    LimitSettings,
    LiveSettings,
    LogSettings,
    ProviderSettings,
    ReplaySettings,
    UserSettings,
)
from tickdeck.db.config import DatabaseSettings
from tickdeck.db.errors import ConfigurationError
from tickdeck.feeds.bus.settings import BusSettings

CLASSES: list[type[BaseSettings]] = [
    AlertSettings,
    BusSettings,
    DashboardSettings,
    DatabaseSettings,
    LimitSettings,
    LiveSettings,
    LogSettings,
    ProviderSettings,
    ReplaySettings,
    UserSettings,
]


def documented() -> dict[str, str]:
    """Default by name, from the tables of docs/configuration.md."""
    text = (ROOT / "docs" / "configuration.md").read_text()
    return dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]*?) *\|", text, re.MULTILINE))


def settings() -> dict[str, object]:
    """Default by the name of the environment variable, from the code."""
    found: dict[str, object] = {}
    for each in CLASSES:
        for name, field in each.model_fields.items():
            alias = getattr(field.validation_alias, "choices", None)
            variable = str(alias[0]) if alias else f"{each.model_config['env_prefix']}{name}".upper()
            found[variable] = field.get_default(call_default_factory=True)
    return found


def test_every_class_of_settings_is_looked_at() -> None:
    code = [path for layer in ("app", "db", "feeds") for path in (ROOT / layer).rglob("*.py")]
    classes = {name for path in code for name in re.findall(r"class (\w+)\(Environment\)", path.read_text())}
    assert classes == {each.__name__ for each in CLASSES}


def test_documents_every_setting_and_no_other() -> None:
    assert documented().keys() == settings().keys()


@pytest.mark.parametrize("name", sorted(settings()))
def test_documents_the_default(name: str) -> None:
    default = settings()[name]
    shown = documented()[name]
    if default in (None, (), "", {}):
        assert shown == "unset"
    elif isinstance(default, tuple):
        assert json.loads(shown.strip("`")) == list(default)
    elif isinstance(default, bool):
        assert shown == f"`{str(default).lower()}`"
    elif isinstance(default, int | float):
        assert float(shown.strip("`").replace(",", "")) == default
    else:
        assert shown == f"`{default}`"


def test_a_secret_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "TICKDECK_DATABASE_URL", "TICKDECK_SETTINGS_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "url").write_text("postgresql://somebody:s3cret@host/name\n")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("TICKDECK_SETTINGS_URL_FILE", str(tmp_path / "url"))
    (tmp_path / ".env").write_text("DATABASE_URL=postgresql://less@host/name\n")
    settings = DatabaseSettings()
    assert settings.database_url == settings.settings_url == "postgresql://somebody:s3cret@host/name"


def test_a_secret_that_is_told_twice_or_cannot_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(ConfigurationError, match=r"DATABASE_URL_FILE: .*none cannot be read"):
        DatabaseSettings()
    monkeypatch.setenv("DATABASE_URL", "postgresql://host/name")
    with pytest.raises(ConfigurationError, match="both set"):
        DatabaseSettings()
