"""Pictures of every page in both themes, of an organisation that has lived through the demo: `make screenshots`.

Writes docs/images/PAGE-THEME.png. Not a test: what the pages must do is in the tests beside this file.
"""

import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from tests.acceptance.conftest import running
from tests.browser.conftest import EMAIL, PASSWORD, Desk, chromium, context_of, flags, typed

from tieline.cli.demo.report import Report

PAGES = {
    "overview": "/", "contacts": "/contacts", "conversations": "/conversations", "fields": "/fields",
    "connections": "/connections", "connect": "/connections/new/salesforce", "mappings": "/mappings",
    "mappings-analysis": "/mappings?way=analysis", "runs": "/runs", "review": "/review", "brakes": "/brakes",
    "settings": "/settings",
}  # fmt: skip
# The part of a list to open: its first line, or the one that names this.
FIRST_OF = {
    "contact": ("/contacts", ""),
    "conversation": ("/conversations", "call_demo_4"),
    "run": ("/runs", ""),
}
IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"


def main() -> int:
    """Lives through the demo, signs in, takes the pictures."""
    found = chromium()
    if found is None:
        print("no Chromium here: make ci-deps installs it, TIELINE_TEST_CHROMIUM names one", file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with running() as system:
        (account,) = system.accounts(["salesforce"])
        with system.walk(account, Report()) as walk:
            walk.all_steps()
        typed(system, "member", "add", EMAIL, "--name", "Olga", "--org", account.org_id, stdin=PASSWORD)
        _take_all(found, system.server_url)
    return 0


def _take_all(program: str, url: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags())
        for theme in ("light", "dark"):
            context = context_of(browser, dark=theme == "dark")
            desk = Desk(context.new_page(), url)
            desk.sign_in()
            _all(desk, theme)
            context.close()
        browser.close()


def _all(desk: Desk, theme: str) -> None:
    for name, path in PAGES.items():
        desk.open(path)
        _take(desk.page, f"{name}-{theme}")
    for name, (path, named) in FIRST_OF.items():
        desk.open(path)
        row = f"[data-href*='{named}']" if named else "[data-href]"
        href = desk.page.locator(row).first.get_attribute("data-href")
        desk.page.goto(f"{desk.url}{href}")
        _take(desk.page, f"{name}-{theme}")
    desk.open("/contacts")
    href = desk.page.locator("[data-href]").first.get_attribute("data-href")
    desk.page.goto(f"{desk.url}{href}/fields/interaction_summary")
    _take(desk.page, f"explained-{theme}")


def _take(page: Page, name: str) -> None:
    page.screenshot(path=IMAGES / f"{name}.png")
    print(f"docs/images/{name}.png")


if __name__ == "__main__":
    sys.exit(main())
