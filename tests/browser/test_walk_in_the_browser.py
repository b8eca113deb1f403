"""The whole story by hand: from an empty installation to the CRM's record changed, the value explained, and undone.

Everything that a person does is done on a page. The rep and the agent platform are themselves, as in the demo.
"""

import re
import time
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from tests.browser.conftest import Desk, context_of

from tieline.cli.demo.agent import AgentPlatform, talk
from tieline.cli.demo.crm_eyes import SalesforceEyes
from tieline.cli.demo.rep import Rep
from tieline.cli.demo.setting import NUMBER, Account
from tieline.cli.demo.system import System

SECRET = "a-secret-of-the-agents"
PAGES = (
    "/", "/contacts", "/contacts/new", "/conversations", "/fields", "/connections", "/connections/new/salesforce",
    "/mappings", "/mappings?way=out", "/mappings?way=analysis", "/runs", "/review", "/settings",
)  # fmt: skip
# The outermost elements that stand out of a page that can be scrolled sideways.
TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const out = [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > width + 1);
  return out.length ? out.slice(0, 3).map((one) => one.outerHTML.slice(0, 120)) : ["nobody knows which"];
}"""
FIRST_OF = ("/contacts", "/conversations", "/runs", "/connections")


def test_the_walk_through_by_hand(owner: Desk, system: System) -> None:
    page = owner.page
    rep = Rep(Account("salesforce", "", "", "", system.crm_urls["salesforce"]))
    rep.creates(phone_number=NUMBER, first_name="Alice", last_name="Smith", lead_status="New")
    rep.close()
    expect(page.get_by_role("heading", name="Connect a CRM")).to_be_visible()
    _fields(owner)
    _connect(owner, system)
    _map(owner)
    _sync(owner)
    _agents_secret(owner)
    _a_call_ends(owner, system)
    _it_is_explained(owner)
    record_id = _it_is_in_the_crm(owner, system)
    _it_is_undone(owner, system, record_id)


def _fields(owner: Desk) -> None:
    owner.open("/fields")
    _new_field(owner.page, "interaction_summary", "string", "Interaction summary")
    _new_field(
        owner.page, "lead_status", "enum", "Lead status", "New\nContacted\nQualified\nUnqualified\nNurturing"
    )
    expect(owner.page.locator("table.list")).to_contain_text("lead_status")


def _new_field(page: Page, name: str, kind: str, label: str, options: str = "") -> None:
    form = page.locator("form.panel")
    form.get_by_label("Name").fill(name)
    form.get_by_label("Type").select_option(kind)
    form.get_by_label("Label").fill(label)
    form.get_by_label("Options").fill(options)
    page.get_by_role("button", name="Add the field").click()
    expect(page.get_by_role("status")).to_contain_text(f"{name} is there")


def _connect(owner: Desk, system: System) -> None:
    page = owner.page
    owner.open("/connections")
    page.get_by_role("link", name="Connect Salesforce").click()
    page.get_by_label("Address").fill(system.crm_urls["salesforce"])
    page.get_by_label("Consumer Key", exact=True).fill("sandbox-client")
    page.get_by_label("Consumer Secret", exact=True).fill("wrong")
    page.get_by_role("button", name="Test and connect").click()
    expect(page.locator(".notice").first).to_contain_text(
        re.compile("client|credential|secret", re.IGNORECASE)
    )
    page.get_by_text("New credentials").click()
    page.get_by_label("Consumer Key", exact=True).fill("sandbox-client")
    page.get_by_label("Consumer Secret", exact=True).fill("sandbox-secret")
    page.get_by_role("button", name="Try and keep").click()
    expect(page.get_by_text("connected", exact=True).first).to_be_visible()


def _map(owner: Desk) -> None:
    page = owner.page
    page.get_by_role("link", name="Mappings").first.click()
    for crm, ours in (("FirstName", "first_name"), ("LastName", "last_name"), ("Lead_Status__c", "lead_status"),
                      ("Notes__c", "interaction_summary")):  # fmt: skip
        _mapping(page, crm, ours)
    # What cannot work is refused with the reason, and nothing of it is kept.
    page.get_by_label("Salesforce field").select_option("LastName")
    page.get_by_label("Contact field").select_option("lead_status")
    page.get_by_role("button", name="Check and save").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed")
    page.get_by_role("link", name="To Salesforce").click()
    _mapping(page, "Lead_Status__c", "lead_status")
    page.get_by_role("link", name="From conversations").click()
    page.get_by_label("Field of the analysis").fill("lead_qualification_status")
    page.get_by_label("Contact field").select_option("lead_status")
    page.get_by_label("How it is taken over").select_option("overwrite")
    page.get_by_role("button", name="Check and save").click()
    expect(page.locator("table.list")).to_contain_text("lead_qualification_status")


def _mapping(page: Page, crm: str, ours: str) -> None:
    page.get_by_label("Salesforce field").select_option(crm)
    page.get_by_label("Contact field").select_option(ours)
    page.get_by_role("button", name="Check and save").click()
    expect(page.get_by_role("status")).to_contain_text("is mapped")


def _sync(owner: Desk) -> None:
    page = owner.page
    owner.open("/runs")
    page.get_by_role("button", name="Sync now").click()
    page.wait_for_url("**/runs/run_*")
    # The page was opened while the run was on its way; it is told of the end and not loaded again.
    expect(page.get_by_text("succeeded", exact=True)).to_be_visible()
    owner.open("/contacts")
    # Each mapping had a read of its own scheduled; the run that was watched may have been one before the last.
    _reloaded_until(page, "main", "Alice")
    page.get_by_label("Search contacts").fill("ali")
    expect(page.locator("table.list tbody tr")).to_have_count(1)
    page.keyboard.press("Tab")
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/contacts/contact_*")
    expect(page.get_by_role("heading", name="Alice Smith")).to_be_visible()


def _agents_secret(owner: Desk) -> None:
    owner.open("/settings")
    owner.page.get_by_label("Secret", exact=True).fill(SECRET)
    owner.page.get_by_role("button", name="Add secret").click()
    expect(owner.page.get_by_role("status")).to_contain_text("The secret is kept")


def _a_call_ends(owner: Desk, system: System) -> None:
    owner.open("/settings")
    org = owner.page.locator("dd.mono").first.inner_text().partition("org_id=")[2]
    agent = AgentPlatform(system.server_url, org, SECRET)
    call = talk("call_browser_1", 94, "Alice wants a demo.", {"lead_qualification_status": "Qualified"})
    try:
        agent.call_analyzed(call, NUMBER)
    finally:
        agent.close()
    owner.open("/conversations")
    _reloaded_until(owner.page, "table.list", "Alice wants a demo.")
    owner.page.locator("table.list tbody tr td a").first.click()
    _reloaded_until(owner.page, "main", "lead_status")
    expect(owner.page.locator("main")).to_contain_text("Qualified")


def _it_is_explained(owner: Desk) -> None:
    page = owner.page
    page.get_by_role("link", name="Alice Smith").click()
    page.get_by_role("link", name="Lead status").click()
    expect(page.locator(".timeline li").first).to_contain_text("outbound call call_browser_1")
    expect(page.locator(".timeline li").first).to_contain_text("New")


def _it_is_in_the_crm(owner: Desk, system: System) -> str:
    record = owner.page.request.get(f"{owner.url}/dashboard/palette?q=alice").json()
    assert len(record) == 1
    owner.page.goto(owner.url + record[0]["href"])
    external_id = owner.page.locator(".panel", has_text="CRM records").locator("p.mono").inner_text()
    _crm_shows(system, external_id, "Qualified")
    return external_id


def _it_is_undone(owner: Desk, system: System, record_id: str) -> None:
    page = owner.page
    page.get_by_role("link", name="Lead status").click()
    page.get_by_role("link", name="Undo the last change").click()
    expect(page.locator("table.list").first).to_contain_text("Qualified")
    page.get_by_role("button", name="Undo it").click()
    expect(page.get_by_role("status")).to_contain_text("1 value was undone")
    expect(page.locator("p.lines")).to_have_text("New")
    _crm_shows(system, record_id, "New")


def _crm_shows(system: System, record_id: str, status: str) -> None:
    """The record's status, once the worker has pushed it."""
    eyes = SalesforceEyes(system.crm_urls["salesforce"])
    try:
        ends = time.monotonic() + 30
        while eyes.values(record_id)["lead_status"] != status and time.monotonic() < ends:
            time.sleep(0.2)
        assert eyes.values(record_id)["lead_status"] == status
    finally:
        eyes.close()


def _reloaded_until(page: Page, where: str, text: str) -> None:
    ends = time.monotonic() + 30
    while text not in page.locator(where).first.inner_text() and time.monotonic() < ends:
        time.sleep(0.2)
        page.reload()
    expect(page.locator(where).first).to_contain_text(text)


def test_the_palette_the_keys_and_the_theme(owner: Desk) -> None:
    page = owner.page
    owner.open("/")
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Search pages and contacts")
    expect(box).to_be_focused()
    box.fill("alice")
    expect(page.get_by_role("option", name="Alice Smith")).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url("**/contacts/contact_*")
    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    was_dark = page.evaluate("document.documentElement.classList.contains('dark')")
    page.get_by_role("button", name="Switch between light and dark").click()
    page.reload()
    assert page.evaluate("document.documentElement.classList.contains('dark')") is not was_dark
    page.get_by_role("button", name="Switch between light and dark").click()


@pytest.fixture(scope="module", params=["light", "dark", "narrow"])
def look(request: pytest.FixtureRequest, owner: Desk, browser: Browser) -> Iterator[Desk]:
    """The same owner with another theme or a small screen."""
    context = context_of(
        browser, dark=request.param == "dark", width=360 if request.param == "narrow" else 1280
    )
    desk = Desk(context.new_page(), owner.url)
    desk.sign_in()
    yield desk
    context.close()


def test_no_page_has_a_serious_fault_of_accessibility_or_is_wider_than_its_screen(look: Desk) -> None:
    axe = Axe()
    found: list[str] = []
    for path in (*PAGES, *(_first(look, path) for path in FIRST_OF)):
        look.open(path)
        report = axe.run(look.page)
        found += [
            f"{path}: {fault['id']}: {fault['nodes'][0]['html'][:150]}"
            for fault in report.response["violations"]
            if fault["impact"] in ("serious", "critical")
        ]
        found += [f"{path} is wider than the screen: {what}" for what in look.page.evaluate(TOO_WIDE)]
    assert found == []


def _first(look: Desk, path: str) -> str:
    """The first thing of a list."""
    look.open(path)
    row = look.page.locator("[data-href]").first
    href = (
        row.get_attribute("data-href")
        if row.count()
        else look.page.locator(".panel a").first.get_attribute("href")
    )
    return str(href).removeprefix("/dashboard")
