"""Every setting is documented, with its name and its default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from app.config import DashboardSettings
from app.live.replay_settings import ReplaySettings
from app.live.settings import LiveSettings
from db.config import DatabaseSettings

ROOT = Path(__file__).parents[2]
CLASSES: list[type[BaseSettings]] = [DashboardSettings, DatabaseSettings, LiveSettings, ReplaySettings]


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
            found[variable] = field.default
    return found


def test_every_class_of_settings_is_looked_at() -> None:
    code = [path for layer in ("app", "db", "feeds") for path in (ROOT / layer).rglob("*.py")]
    classes = {name for path in code for name in re.findall(r"class (\w+)\(BaseSettings\)", path.read_text())}
    assert classes == {each.__name__ for each in CLASSES}


def test_documents_every_setting_and_no_other() -> None:
    assert documented().keys() == settings().keys()


@pytest.mark.parametrize("name", sorted(settings()))
def test_documents_the_default(name: str) -> None:
    default = settings()[name]
    shown = documented()[name]
    if default is None or default == ():
        assert shown == "unset"
    elif isinstance(default, bool):
        assert shown == f"`{str(default).lower()}`"
    elif isinstance(default, int | float):
        assert float(shown.strip("`").replace(",", "")) == default
    else:
        assert shown == f"`{default}`"
