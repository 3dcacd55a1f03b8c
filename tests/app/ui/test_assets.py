"""The page's scripts and styles: everything is there and used, and nothing comes from elsewhere."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from scripts import vendor
from tickdeck.app.ui.assets import without_comments
from tickdeck.app.ui.page import ASSETS

VENDOR = ASSETS / "vendor"
SCRIPTS = sorted(script for script in ASSETS.rglob("*.js") if script.parent != VENDOR)
INDEX = ASSETS.parent / "ui" / "index.html"
OWN = [*SCRIPTS, *ASSETS.rglob("*.css"), INDEX]


IMPORT = re.compile(r'\b(?:from\s+|import\s+|import\(\s*)"([^"]+)"')


def imported(script: Path) -> set[Path]:
    """The files that a module imports."""
    return {(script.parent / target).resolve() for target in IMPORT.findall(script.read_text())}


def loaded() -> list[Path]:
    """What the pages have the browser load: index.html, and what else the server answers with."""
    pages = [*ASSETS.parent.rglob("*.html"), *ASSETS.parent.rglob("*.py")]
    found = {
        target
        for page in pages
        for target in re.findall(r'(?:src|href)="(?:{{prefix}}/)?assets/([^"]+)"', page.read_text())
    }
    return [ASSETS / target for target in sorted(found)]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(ASSETS)))
def test_imports_name_files_that_are_there(script: Path) -> None:
    missing = [path for path in imported(script) if not path.is_file()]
    assert missing == []


def test_every_file_is_loaded_by_the_page_or_imported_by_one_that_is() -> None:
    reached: set[Path] = set()
    ahead = [path.resolve() for path in loaded()]
    while ahead:
        file = ahead.pop()
        if file not in reached:
            reached.add(file)
            ahead += imported(file) if file.suffix == ".js" else ()
    orphans = {
        path.resolve() for path in ASSETS.rglob("*") if path.suffix in {".js", ".css", ".svg"}
    } - reached
    assert {path.name for path in orphans} == set()


@pytest.mark.parametrize("file", OWN, ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere(file: Path) -> None:
    addresses = set(re.findall(r"https?://[^\s\"'`)]+", file.read_text()))
    assert addresses <= {"http://www.w3.org/2000/svg"}  # the name of a format, never fetched


def test_what_is_sent_of_a_script_has_its_code_line_by_line_and_no_comments() -> None:
    source = """// what it is
/**
 * A function. @param {string} url such as a/*b
 */
export function at(url) { // here
  /** @type {any} */ (url).go("//x", "/* y */");
  return `// ${url}`; /* there */
}
/* the end */
"""
    assert (
        without_comments(source)
        == """



export function at(url) { // here
  /** @type {any} */ (url).go("//x", "/* y */");
  return `// ${url}`; /* there */
}

"""
    )


@pytest.mark.parametrize(
    "file", [path for path in OWN if path.suffix in {".js", ".css"}], ids=lambda path: path.name
)
def test_no_text_of_a_script_looks_like_a_comment(file: Path) -> None:
    kept = zip(file.read_text().splitlines(), without_comments(file.read_text()).splitlines(), strict=True)
    gone = [line.strip() for line, sent in kept if line.strip() and not sent]
    assert all(line.startswith(("//", "/*", "*", "@")) or "`" not in line for line in gone)
    inside = False
    for line in gone:
        inside = line.startswith("/*") or (inside and not line.startswith("//"))
        assert inside or line.startswith("//"), line


@pytest.mark.parametrize("folder", [VENDOR, vendor.TESTS], ids=["page", "tests"])
def test_scripts_of_others_are_as_they_were_published(folder: Path) -> None:
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    assert there == vendor.hashes(folder.resolve())


def test_pages_load_what_there_is() -> None:
    assert loaded()
    assert [path for path in loaded() if not path.is_file()] == []


def test_colours_are_the_same_in_python_and_css() -> None:
    from tickdeck.app.ui import theme

    css = (ASSETS / "app.css").read_text()
    for name, value in {
        "--panel": theme.PANEL,
        "--muted": theme.MUTED,
        "--up": theme.UP,
        "--down": theme.DOWN,
    }.items():
        assert f"{name}: {value};" in css


def test_every_colour_of_the_theme_is_used() -> None:
    theme = (ASSETS.parent / "ui" / "theme.py").read_text()
    code = "\n".join(path.read_text() for path in (ASSETS.parent / "ui").glob("*.py"))
    names = re.findall(r"^([A-Z_]+): Final", theme, re.MULTILINE)
    assert [name for name in names if len(re.findall(rf"\b{name}\b", code)) < 2] == []


def test_scripts_that_are_named_in_the_code_are_there() -> None:
    for path in ASSETS.parent.rglob("*.py"):
        for target in re.findall(r"\bassets/([\w/]+\.(?:js|css))", path.read_text()):
            assert (ASSETS / target).is_file(), f"{path.name} names assets/{target}"
