"""Take pictures of MLflow's own pages: experiment, winners, study, trial, version, comparison."""

import argparse
import json
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

from mlflow import MlflowClient
from mlflow.entities import Run
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from experiments.tracking.saved_views import WINNERS, address_of
from serve.demo import MODEL
from tests.e2e.conftest import CHROMIUM, CHROMIUM_ARGUMENTS

SIZE = {"width": 1760, "height": 900}
CLOSE = (SIZE["width"] - 36, 36)  # the cross of the assistant, which has no name
COLOURS = 96
PATIENT, SETTLED = 120_000, 5_000


def addresses(client: MlflowClient, experiment: str) -> dict[str, str]:
    """Return the path of each page, by the name of its picture."""
    place = client.get_experiment_by_name(experiment).experiment_id
    version = client.get_model_version_by_alias(MODEL, "champion")
    study = version.run_id
    below = f"tags.`mlflow.parentRunId` = '{study}' and tags."
    (trial,) = client.search_runs([place], f"{below}pick = 'yes'")
    under = f"{below}feasible = 'yes'"
    best: list[Run] = client.search_runs([place], under, order_by=["metrics.score DESC"])
    runs = quote(json.dumps([run.info.run_id for run in best[:3]]))
    return {
        "experiment": f"experiments/{place}/runs",
        "winners": address_of(place, WINNERS).removeprefix("#/"),
        "study": f"experiments/{place}/runs/{study}",
        "trial": f"experiments/{place}/runs/{trial.info.run_id}",
        "version": f"models/{MODEL}/versions/{version.version}",
        "compare": f"compare-runs?runs={runs}&experiments={quote(json.dumps([place]))}",
    }


def picture(page: Page, path: Path) -> None:
    """Take a picture with few colours: small, and letters stay sharp."""
    image = Image.open(BytesIO(page.screenshot())).convert("RGB")
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def take(url: str, tracking: str, experiment: str, out: Path) -> None:
    """Take the pictures of a running MLflow server."""
    out.mkdir(parents=True, exist_ok=True)
    paths = addresses(MlflowClient(tracking), experiment)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        page = browser.new_context(viewport=SIZE).new_page()
        for name, path in paths.items():
            page.goto(f"{url}/#/{path}", timeout=PATIENT, wait_until="commit")
            # MLflow draws when its requests are answered, and then goes on asking.
            page.get_by_text("segments").first.wait_for(timeout=PATIENT)
            if page.get_by_text("MLflow Assistant").count():
                page.mouse.click(*CLOSE)
            if name == "experiment":
                # The study that registered the champion, with its trials.
                box = page.get_by_role("link", name=" segments ").last.bounding_box()
                page.mouse.click(box["x"] - 32, box["y"] + box["height"] / 2)
                # As a person widens the first column, to read whole names.
                edge = page.get_by_text("Created", exact=True).first.bounding_box()
                page.mouse.move(edge["x"] - 13, edge["y"] + 8)
                page.mouse.down()
                page.mouse.move(edge["x"] + 240, edge["y"] + 8, steps=5)
                page.mouse.up()
            page.wait_for_timeout(SETTLED)
            picture(page, out / f"mlflow-{name}.png")
        browser.close()


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:5000", help="of the MLflow server")
    parser.add_argument("--tracking", default="sqlite:///mlflow.db", help="its store")
    parser.add_argument("--experiment", default=MODEL)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    take(arguments.url, arguments.tracking, arguments.experiment, arguments.out)


if __name__ == "__main__":
    main()
