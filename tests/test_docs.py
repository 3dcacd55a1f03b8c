"""What documents and docstrings name is there: files, folders, modules and each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from tests import reliability
from tests.paths import ROOT

DOCUMENTS: Final = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])
HISTORY: Final = ROOT / "CHANGELOG.md"
"""Names what was, too."""
CODE: Final = sorted(
    path
    for folder in (
        "app",
        "db",
        "feeds",
        "migrations",
        "tickdeck/testing",
        "scripts",
        "bench",
        "deploy",
        ".ci",
    )
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".sql", ".js", ".css", ""} and path.is_file()
)
FOLDERS: Final = "app|assets|bench|db|deploy|docs|feeds|migrations|scripts|tests|tickdeck"
FILE: Final = re.compile(rf"(?<![\w/.~*-])((?:{FOLDERS})/[\w./-]+\.(?:py|sql|js|css|html|json|md|png|svg))\b")
PATH: Final = re.compile(rf"`((?:{FOLDERS})/[\w./-]*)`")
MODULE: Final = re.compile(r"`((?:tickdeck|app|db|feeds)\.[a-z_.]+)[`(]")
LINK: Final = re.compile(r"\]\((?!https?:)([^)#]+)")


def is_there(path: str) -> bool:
    return any((ROOT / base / path).exists() for base in ("", "app"))


def is_importable(name: str) -> bool:
    """Whether `name`, with or without `tickdeck` before it, is a module or something in one."""
    whole = name if name.startswith("tickdeck.") else f"tickdeck.{name}"
    for module in (whole, whole.rpartition(".")[0]):
        try:
            if find_spec(module) is not None:
                return True
        except ModuleNotFoundError:  # its parent is no package
            continue
    return False


def named(pattern: re.Pattern[str], path: Path) -> Iterator[str]:
    for found in pattern.findall(path.read_text(encoding="utf-8")):
        if not any(letter in found for letter in ("NNNN", "NAME")):
            yield found


@pytest.mark.parametrize("path", [*DOCUMENTS, *CODE], ids=lambda path: str(path.relative_to(ROOT)))
def test_names_what_is_there(path: Path) -> None:
    if path == HISTORY:
        return
    files = {*named(FILE, path), *(named(PATH, path) if path.suffix == ".md" else ())}
    assert {name for name in files if not is_there(name)} == set()
    assert {name for name in named(MODULE, path) if not is_importable(name)} == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    assert {
        link for link in LINK.findall(path.read_text(encoding="utf-8")) if not (path.parent / link).exists()
    } == set()


def test_every_document_is_linked() -> None:
    """From the README, or from the table of decisions."""
    linked = {
        (path.parent / link).resolve()
        for path in (ROOT / "README.md", ROOT / "docs" / "decisions" / "README.md", *DOCUMENTS)
        for link in LINK.findall(path.read_text(encoding="utf-8"))
    }
    missing = {path.name for path in (ROOT / "docs").rglob("*.md") if path.resolve() not in linked}
    assert missing == set()


def test_the_table_of_faults_is_what_the_tests_say() -> None:
    page = reliability.PAGE.read_text(encoding="utf-8")
    assert reliability.written(page) == page, "write it anew: make reliability"
    silent = [
        f"{path.name}::{name}"
        for path in (ROOT / "tests" / "faults").glob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text(), re.MULTILINE)
        if name not in {test for test, *_ in reliability.marks(path)}
    ]
    assert silent == [], "each test of a fault says which"
