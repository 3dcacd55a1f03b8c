"""Makes the pictures in docs/images anew: the page in a real browser, on a made-up market, in each look and size.

    python -m scripts.screenshots [FOLDER]

Takes a minute; looks for a browser as the tests do.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import FLAGS, find_browser
from tests.browser.dashboard import Dashboard
from tickdeck.testing.databases import Databases
from tickdeck.testing.servers import running

IMAGES: Final = Path(__file__).resolve().parent.parent / "docs" / "images"
LARGE: Final = (1440, 900)
SHOTS: Final[tuple[tuple[str, str, tuple[int, int], str], ...]] = (
    ("live", "dark", LARGE, ""),
    ("light", "light", LARGE, ""),
    ("contrast", "contrast", LARGE, ""),
    ("wide", "dark", (1920, 1080), ""),
    ("overview", "dark", LARGE, "#overview-open"),
    ("palette", "dark", LARGE, "#palette-open"),
    ("phone", "dark", (390, 844), ""),
    ("phone-light", "light", (390, 844), ""),
)
"""Name, theme, size, and what is pressed before."""
PATIENCE_MS: Final = 60_000


def shoot(browser: Browser, url: str, folder: Path, shot: tuple[str, str, tuple[int, int], str]) -> None:
    """One picture."""
    name, theme, (width, height), pressed = shot
    page = browser.new_page(viewport={"width": width, "height": height}, reduced_motion="reduce")
    page.set_default_timeout(PATIENCE_MS)
    look = json.dumps(json.dumps({"theme": theme}))
    page.add_init_script(f"localStorage.setItem('tickdeck.look', {look})")
    page.goto(f"{url}/?interval=1m")
    page.wait_for_selector("#chart-panel[data-drawn]")
    page.wait_for_function("() => document.querySelectorAll('#tape .ag-row').length > 5")
    if pressed:
        page.click(pressed)
        _opened(page, pressed)
    page.screenshot(path=folder / f"{name}.png")
    page.close()


def shoot_workspace(browser: Browser, url: str, folder: Path) -> None:
    """The picture of a workspace with four charts."""
    page = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page.set_default_timeout(2 * PATIENCE_MS)
    page.goto(f"{url}/workspace")
    page.click('[data-charts="4"]')
    page.wait_for_function("() => document.querySelectorAll('.desk-panel[data-ready]').length === 6")
    for number in range(4):
        frame = page.frame_locator('iframe[src*="panel=chart"]').nth(number)
        frame.locator("#chart-panel[data-drawn]").wait_for()
    page.screenshot(path=folder / "workspace.png")
    page.close()


def _opened(page: Page, pressed: str) -> None:
    """Wait until what was opened is drawn."""
    drawn = {"#overview-open": ".overview-map[data-drawn]", "#palette-open": "#palette-list li"}[pressed]
    page.wait_for_selector(drawn)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    target.mkdir(parents=True, exist_ok=True)
    with running() as server:
        databases = Databases(server)
        with (
            databases.template(),
            databases.copy() as database,
            Dashboard(database, "run", "--symbols", "40", "--rate", "200") as dashboard,
            sync_playwright() as playwright,
        ):
            dashboard.until_fed()
            chromium = playwright.chromium
            opened = chromium.launch(executable_path=find_browser(chromium.executable_path), args=FLAGS)
            for each in SHOTS:
                shoot(opened, dashboard.url, target, each)
            shoot_workspace(opened, dashboard.url, target)
            opened.close()
