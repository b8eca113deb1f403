"""The dashboard in a real Chromium, against real processes. Without a Chromium these tests are skipped by name."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from tests.acceptance.conftest import running

from tieline.cli.demo.processes import program
from tieline.cli.demo.system import System

PASSWORD = "correct horse battery"
EMAIL = "owner@acme.example"
PATIENCE_MS = 30_000
_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
).split()


def flags() -> list[str]:
    """How Chromium is started: headless on any machine, and asking no other host for anything."""
    return list(_FLAGS)


def chromium() -> str | None:
    """The browser's program: what TIELINE_TEST_CHROMIUM names, else the system's."""
    named = os.environ.get("TIELINE_TEST_CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


# Of a module and not of the session: while Playwright is open, an event loop runs in this process, and no other may.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = chromium()
    if found is None or not Path(found).exists():
        pytest.skip("no Chromium here; make ci-deps installs it, TIELINE_TEST_CHROMIUM names one")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=_FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    """Sandbox CRMs, a server, a worker and a database of one's own."""
    with running() as system:
        yield system


@dataclass
class Desk:
    """A page in the browser, and what a person would do on it."""

    page: Page
    url: str

    def open(self, path: str) -> None:
        """Goes to a page of the dashboard."""
        self.page.goto(f"{self.url}/dashboard{path}")

    def sign_in(self) -> None:
        """Signs in as the owner."""
        self.open("/sign-in")
        self.page.get_by_label("E-mail address").fill(EMAIL)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/dashboard/")


def context_of(browser: Browser, *, dark: bool = False, width: int = 1280) -> BrowserContext:
    """A browser of somebody's own, with a theme and a width."""
    height = 740 if width < 600 else 850
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
    )
    context.set_default_timeout(PATIENCE_MS)
    return context


def typed(system: System, *words: str, stdin: str = "") -> str:
    """A `tieline` command as its owner types it; what it printed."""
    done = subprocess.run(
        [str(program()), *words], input=stdin, capture_output=True, text=True, check=True,
        cwd=system.processes.directory, env=system.processes.environment, timeout=60,
    )  # fmt: skip
    return done.stdout


@pytest.fixture(scope="module")
def owner(system: System, browser: Browser) -> Iterator[Desk]:
    """The owner of a new organisation, made on the command line, signed in."""
    typed(system, "org", "create", "Acme")
    typed(system, "member", "add", EMAIL, "--name", "Olga", stdin=PASSWORD)
    context = context_of(browser)
    complaints: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    # A refused form is an answer of 4xx, which browsers tell the console as well.
    page.on("console", lambda said: complaints.append(said.text) if _is_ours(said) else None)
    desk = Desk(page, system.server_url)
    desk.sign_in()
    yield desk
    if shots := os.environ.get("TIELINE_TEST_SHOTS"):
        page.screenshot(path=Path(shots) / "last.png", full_page=True)
    context.close()
    assert complaints == []


def _is_ours(said: ConsoleMessage) -> bool:
    return said.type == "error" and "the server responded with a status of 4" not in said.text
