"""What every page must be, whatever it shows: accessible, labelled, no wider than the screen."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WIDTHS = {"desktop": 1440, "phone": 390}
THEMES = ("light", "dark")
DEVICES = [(device, theme) for device in WIDTHS for theme in THEMES]
# A page that says what is wrong has a status that says so too; browsers log that.
EXPECTED = re.compile(r"status of (401|404|409|410|422|429|502|503)")
UNLABELLED = """() => [...document.querySelectorAll("input, select, textarea")]
    .filter((field) => field.type !== "hidden")
    .filter((field) => ![...field.labels].some((label) => label.getBoundingClientRect().height > 5))
    .map((field) => field.id || field.name)"""

# A column that lies beside the screen is a column that is not read.
CUT = """() => [...document.querySelectorAll(".table-responsive")]
    .filter((region) => region.scrollWidth > region.clientWidth + 1)
    .map((region) => region.getAttribute("aria-label"))"""


def accessible(page: Page) -> None:
    """Assert that axe finds nothing, controls have labels, and no page or table is cut."""
    page.wait_for_load_state()  # after a click the text may be there before its style sheets
    report = Axe().run(page, options={"runOnly": {"type": "tag", "values": STANDARDS}})
    assert report.violations_count == 0, report.generate_report()
    assert page.evaluate(UNLABELLED) == []
    widths = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    scroll, client = page.evaluate(widths)
    assert scroll <= client
    assert page.evaluate(CUT) == []


@contextmanager
def watched(browser: Browser, device: str, theme: str, url: str) -> Iterator[Page]:
    """Open pages on a device in a theme; fail on console errors and requests to elsewhere."""
    context = browser.new_context(
        viewport={"width": WIDTHS[device], "height": 900}, color_scheme=theme
    )
    page = context.new_page()
    complaints: list[str] = []

    def said(message) -> None:
        if message.type == "error" and not EXPECTED.search(message.text):
            complaints.append(message.text)

    def asked(sent) -> None:
        if not sent.url.startswith((url, "data:")):
            complaints.append(sent.url)

    page.on("console", said)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", asked)
    yield page
    context.close()
    assert not complaints, complaints
