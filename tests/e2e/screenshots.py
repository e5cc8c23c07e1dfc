"""Take pictures of every page of running pages: desktop and phone, light and dark."""

import argparse
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from segmentation.data.synthetic import generate
from tests.e2e.conftest import running, search
from tests.e2e.walking import THEMES, WIDTHS

SEARCH = ("-P", "data=embedded:5000", "-P", "n_trials=24")
CHALLENGER = ("-P", "data=embedded:4000:5", "-P", "n_trials=16", "-P", "seed=3")
PORTS = (18500, 15500, 15501)


def samples(folder: Path) -> tuple[Path, Path, Path]:
    """Write a file that is good, one that needs mending, one that takes a while."""
    table = generate(500, seed=7)
    bad = table.astype(object)
    bad.loc[[3, 41, 77], "PAYMENTS"] = ["plenty", "n. a. yet", "1.2.3"]
    files = {"customers.csv": table, "march.csv": bad, "year.csv": generate(60_000, seed=7)}
    for name, content in files.items():
        content.to_csv(folder / name, index=False)
    good, mend, large = (folder / name for name in files)
    return good, mend, large


def months(folder: Path) -> str:
    """Write tables of six months of the same customers; return the parameter that names them.

    Each month some of them begin to draw cash as the heaviest users of another table do, in the
    fifth many at once.
    """
    table, days = generate(2_000, seed=9), []
    heavy = generate(2_000, seed=10).nlargest(700, "CASH_ADVANCE")
    columns = [column for column in table.columns if column != "CUST_ID"]
    done = 0
    for month, more in enumerate((0, 40, 40, 40, 300, 40), start=1):
        table.loc[done : done + more - 1, columns] = heavy[columns].iloc[done : done + more].values
        done += more
        table.to_csv(folder / f"month{month}.csv", index=False)
        days.append(f"2026-{month:02d}-01={folder}/month{month}.csv")
    return f"data={','.join(days)}"


def send(page: Page, file: Path) -> None:
    """Send a file through the form."""
    page.get_by_label("Customer file").set_input_files(file)
    page.get_by_role("button", name="Score the file").click()


def picture(page: Page, path: Path) -> None:
    """Take a picture in a window as high as the page, so that nothing sticks across it."""
    window = page.viewport_size
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({**window, "height": height})
    page.screenshot(path=path, full_page=True)
    page.set_viewport_size(window)


def walk(page: Page, url: str, name: str, out: Path, files: tuple[Path, Path, Path]) -> None:
    """Visit every page as a person would and take its picture."""
    good, bad, large = files
    page.goto(f"{url}/versions")
    challenger = page.get_by_text("challenger", exact=True).count() > 0

    def shot(what: str) -> None:
        picture(page, out / f"{what}-{name}.png")

    page.goto(url)
    shot("home")
    page.goto(f"{url}/segments/1")
    shot("segment")
    page.goto(f"{url}/segments/1/beside/2")
    shot("beside")
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
    send(page, bad)
    page.get_by_role("alert").wait_for()
    shot("mend")
    page.goto(f"{url}/file")
    send(page, large)
    page.locator("#how-far").wait_for()
    shot("progress")
    page.get_by_role("link", name="Download the scored file").wait_for(timeout=120_000)
    page.goto(f"{url}/file")
    if challenger:
        page.get_by_label("Ask the challenger too").check()
    send(page, good)
    page.get_by_role("link", name="Download the scored file").wait_for(timeout=120_000)
    shot("result")
    page.goto(f"{url}/versions")
    shot("versions")
    page.goto(f"{url}/versions/{2 if challenger else 1}/promote")
    shot("promote")
    page.goto(f"{url}/versions/alternatives")
    shot("alternatives")
    if page.get_by_role("link", name="Lists").count():
        page.goto(f"{url}/lists?segment=1&segment=2&sure=border")
        shot("lists")
    page.goto(f"{url}/over-time")
    shot("over-time")
    page.goto(f"{url}/engineers")
    shot("engineers")
    page.goto(f"{url}/nowhere")
    shot("missing")


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="of running pages; by default a product of its own")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        if arguments.url:
            take(arguments.url, Path(folder), arguments.out)
            return
        scored = str(Path(folder) / "scored.parquet")
        with running(Path(folder), SEARCH, PORTS, scored) as product:
            search(product.tracking_uri, Path(folder), CHALLENGER)
            generate(5_000, seed=9).to_csv(Path(folder) / "all.csv", index=False)
            table = ("-P", f"data={folder}/all.csv", "-P", f"out={scored}")
            search(product.tracking_uri, Path(folder), ("-e", "score", *table))
            search(
                product.tracking_uri, Path(folder), ("-e", "history", "-P", months(Path(folder)))
            )
            take(product.addresses.pages, Path(folder), arguments.out)


def take(url: str, folder: Path, out: Path) -> None:
    """Take the pictures of running pages."""
    with sync_playwright() as playwright:
        files = samples(folder)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for device, width in WIDTHS.items():
            for theme in THEMES:
                context = browser.new_context(
                    viewport={"width": width, "height": 900}, color_scheme=theme
                )
                walk(context.new_page(), url, f"{device}-{theme}", out, files)
                context.close()
        browser.close()


if __name__ == "__main__":
    main()
