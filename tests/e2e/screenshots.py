"""Take pictures of every page of running pages: desktop and phone, light and dark."""

import argparse
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from segmentation.generator import generate

WIDTHS = {"desktop": 1440, "phone": 390}
THEMES = ("light", "dark")


def walk(page: Page, url: str, name: str, out: Path, sample: Path) -> None:
    """Visit every page as a person would and take its picture."""

    def shot(what: str) -> None:
        page.screenshot(path=out / f"{what}-{name}.png", full_page=True)

    page.goto(url)
    shot("home")
    page.goto(f"{url}/customer")
    shot("form")
    page.locator('a[href*="example="]').first.click()
    page.get_by_role("button", name="Find the segment").click()
    page.wait_for_selector("#answer")
    shot("answer")
    page.get_by_label("Balance", exact=True).fill("a lot")
    page.get_by_role("button", name="Find the segment").click()
    page.wait_for_selector("#summary")
    shot("mistake")
    page.goto(f"{url}/file")
    shot("file")
    page.get_by_label("Customer file").set_input_files(sample)
    page.get_by_role("button", name="Score the file").click()
    page.get_by_role("link", name="Download the scored file").wait_for()
    shot("result")
    page.goto(f"{url}/nowhere")
    shot("missing")


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        sample = Path(folder) / "customers.csv"
        generate(500, seed=7).to_csv(sample, index=False)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for device, width in WIDTHS.items():
            for theme in THEMES:
                context = browser.new_context(
                    viewport={"width": width, "height": 900}, color_scheme=theme
                )
                name = f"{device}-{theme}"
                walk(context.new_page(), arguments.url, name, arguments.out, sample)
                context.close()
        browser.close()


if __name__ == "__main__":
    main()
