"""The page's scripts and styles: everything is there, and nothing comes from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.ui.page import ASSETS

SCRIPTS = sorted(ASSETS.glob("*.js"))
INDEX = ASSETS.parent / "ui" / "index.html"
OWN = [*SCRIPTS, *ASSETS.glob("*.css"), INDEX]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_imports_name_files_that_are_there(script: Path) -> None:
    for target in re.findall(r'from "(\./[\w.]+)"', script.read_text()):
        assert (script.parent / target).is_file(), f"{script.name} imports {target}"


@pytest.mark.parametrize("file", OWN, ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere(file: Path) -> None:
    addresses = set(re.findall(r"https?://[^\s\"'`)]+", file.read_text()))
    assert addresses <= {"http://www.w3.org/2000/svg"}  # the name of a format, never fetched


def test_index_loads_what_there_is() -> None:
    for target in re.findall(r'(?:src|href)="/assets/([\w.]+)"', INDEX.read_text()):
        assert (ASSETS / target).is_file()


def test_files_stay_small() -> None:
    assert {path.name: n for path in SCRIPTS if (n := len(path.read_text().splitlines())) > 250} == {}


def test_colours_are_the_same_in_python_and_css() -> None:
    from app.ui import theme

    css = (ASSETS / "app.css").read_text()
    for name, value in {
        "--background": theme.BACKGROUND,
        "--panel": theme.PANEL,
        "--header": theme.HEADER,
        "--line": theme.LINE,
        "--text": theme.TEXT,
        "--muted": theme.MUTED,
        "--up": theme.UP,
        "--down": theme.DOWN,
    }.items():
        assert f"{name}: {value};" in css
