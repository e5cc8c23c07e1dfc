"""From a table to an answer in a browser, with everything real."""

import json
import re
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import psutil
import pytest
import requests
from mlflow import MlflowClient
from playwright.sync_api import Browser, Page, expect

from experiments.tracking.saved_views import WINNERS, address_of
from segmentation.data.synthetic import generate, iter_generate
from segmentation.schema import load_schema
from serve.demo import MODEL, sample_answer, worker_service
from tests.e2e.conftest import Product
from tests.e2e.walking import DEVICES, accessible, watched

pytestmark = pytest.mark.e2e

SCHEMA = load_schema("cc_general")
EXAMPLE = dict(SCHEMA.examples[1].values)


@pytest.fixture(params=DEVICES, ids="-".join)
def visit(request: pytest.FixtureRequest, browser: Browser, product: Product):
    """Open the pages on a device in a theme; fail on console errors and foreign requests."""
    with watched(browser, *request.param, product.addresses.pages) as page:
        yield page


def test_a_person_walks_through_every_page(visit: Page, product: Product, tmp_path: Path) -> None:
    """Segments, a mistake, an answer, a file, versions: each page and state is accessible."""
    page = visit
    page.goto(product.addresses.pages)
    expect(page.get_by_role("heading", level=1)).to_contain_text("segments")
    expect(page.get_by_role("img", name="Map of the customer base")).to_be_visible()
    accessible(page)
    segment(page)
    customer(page)
    upload(page, product, tmp_path)
    versions(page, product)


def segment(page: Page) -> None:
    page.locator("article a").first.click()
    expect(page.get_by_role("heading", name="Compared with all card holders")).to_be_visible()
    accessible(page)
    page.get_by_label("Action for this segment").fill("Offer instalments.")
    page.get_by_role("button", name="Save the action").click()
    expect(page.get_by_role("status").filter(has_text="action is saved")).to_be_visible()
    expect(page.get_by_label("Action for this segment")).to_have_value("Offer instalments.")
    accessible(page)
    here = page.url.partition("#")[0]
    page.locator('a[href*="/beside/"]').first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Two segments side by side")
    accessible(page)
    page.goto(here)
    page.get_by_role("link", name="See a typical customer").click()
    expect(page.get_by_label("Balance", exact=True)).not_to_have_value("")


def customer(page: Page) -> None:
    page.get_by_role("link", name="One customer").click()
    accessible(page)
    page.get_by_role("link", name="Lives on cash advances").click()
    page.get_by_label("Balance", exact=True).fill("a lot")
    page.get_by_role("button", name="Find the segment").click()
    expect(page.get_by_role("alert")).to_contain_text("“a lot” is not a number")
    accessible(page)
    page.get_by_label("Balance", exact=True).fill("3200")
    page.get_by_role("button", name="Find the segment").click()
    expect(page.locator("#answer-title")).not_to_be_empty()
    expect(page.locator("#answer")).to_contain_text("Runner-up")
    expect(page.locator("#answer")).to_contain_text("You are here")
    page.get_by_label("Cash advances", exact=True).fill("0")
    expect(page.locator(".what-if")).to_contain_text(re.compile("Stays|Would move to"))
    page.get_by_label("One-off purchases", exact=True).fill("1100")
    page.get_by_label("Instalment purchases", exact=True).fill("234.5")
    expect(page.get_by_label("Purchases", exact=True)).to_have_value("1334.5")
    expect(page.locator("#what-if")).to_contain_text("the sum of its parts")
    accessible(page)
    # One version is registered: there is no challenger to ask.
    expect(page.get_by_text("challenger")).to_have_count(0)


def upload(page: Page, product: Product, folder: Path) -> None:
    table = generate(200, seed=8)
    table.to_csv(folder / "good.csv", index=False)
    bad = table.astype(object)
    bad.loc[[3, 7], "PAYMENTS"] = "plenty"
    bad.to_csv(folder / "bad.csv", index=False)
    page.get_by_role("link", name="A file").click()
    page.get_by_role("button", name="Score the file").click()
    expect(page.locator("#file-error")).to_contain_text("Choose a file first")
    accessible(page)
    page.get_by_label("Customer file").set_input_files(folder / "bad.csv")
    page.get_by_role("button", name="Score the file").click()
    expect(page.get_by_role("alert")).to_contain_text("nothing was scored")
    accessible(page)
    page.get_by_role("button", name="Score the other 198 card holders anyway").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("198 card holders scored")
    accessible(page)
    page.get_by_role("link", name="Score another file").click()
    expect(page.get_by_role("link", name="bad.csv")).to_be_visible()
    accessible(page)
    page.get_by_label("Customer file").set_input_files(folder / "good.csv")
    page.get_by_role("button", name="Score the file").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("200 card holders scored")
    accessible(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the scored file").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert len(lines) == 201
    assert lines[1].startswith("D00000001,")


def versions(page: Page, product: Product) -> None:
    page.get_by_role("link", name="Versions", exact=True).click()
    expect(page.get_by_role("heading", name="All versions")).to_be_visible()
    accessible(page)
    page.goto(f"{product.addresses.pages}/versions/alternatives")
    expect(page.get_by_role("heading", name="Take another number")).to_be_visible()
    accessible(page)
    page.goto(f"{product.addresses.pages}/versions/1/promote")
    expect(page.get_by_role("alert")).to_contain_text("is the champion already")
    expect(page.get_by_role("button", name="Promote version 1")).to_have_count(0)
    accessible(page)
    page.get_by_role("link", name="Over time").click()
    expect(page.get_by_role("heading", name="No history yet")).to_be_visible()
    accessible(page)
    page.get_by_role("link", name="For engineers").click()
    expect(page.get_by_role("heading", name="From Python")).to_be_visible()
    accessible(page)
    page.goto(f"{product.addresses.pages}/nowhere")
    accessible(page)


def test_a_file_works_by_keyboard_alone(browser: Browser, product: Product, tmp_path: Path) -> None:
    """From the file field to the scored file with Tab and Enter; the browser asks for the file."""
    generate(20, seed=8).to_csv(tmp_path / "few.csv", index=False)
    page = browser.new_page()
    # A listener from the start: else the browser may ask before Playwright is told to listen.
    page.on("filechooser", lambda _: None)
    page.goto(f"{product.addresses.pages}/file")
    tab_to(page, "file")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(tmp_path / "few.csv")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("20 card holders scored")
    page.keyboard.press("Tab")
    for _ in range(30):
        if page.evaluate("document.activeElement.textContent").startswith("Download"):
            break
        page.keyboard.press("Tab")
    with page.expect_download():
        page.keyboard.press("Enter")
    page.close()


def tab_to(page: Page, name: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == name:
            return
    raise AssertionError(f"Tab never reaches {name}")


def test_a_file_goes_on_while_the_worker_is_away(
    browser: Browser, product: Product, tmp_path: Path
) -> None:
    """The worker is killed in the middle: the page waits, the next worker finishes the file."""
    for number, piece in enumerate(iter_generate(150_000, seed=3)):
        with (tmp_path / "many.csv").open("a") as stream:
            piece.to_csv(stream, header=not number, index=False)
    page = browser.new_page()
    page.goto(f"{product.addresses.pages}/file")
    page.get_by_label("Customer file").set_input_files(tmp_path / "many.csv")
    page.get_by_role("button", name="Score the file").click()
    expect(page.locator("#how-far")).to_contain_text("of about 150,000", timeout=30_000)
    worker = psutil.Process(product.group.process_ids[-1])
    worker.kill()
    psutil.wait_procs([worker], timeout=30)
    page.reload()
    expect(page.locator("#how-far")).to_contain_text("of about 150,000")
    accessible(page)
    product.group.start(worker_service())
    expect(page.get_by_role("heading", level=1)).to_contain_text(
        "150,000 card holders scored", timeout=60_000
    )
    page.close()


def test_one_customer_works_by_keyboard_alone(browser: Browser, product: Product) -> None:
    """From the first field to the answer with Tab and Enter only."""
    page = browser.new_page()
    page.goto(f"{product.addresses.pages}/customer")
    tab_to(page, "BALANCE")
    page.keyboard.press("Control+a")
    page.keyboard.type("1500")
    page.keyboard.press("Enter")
    expect(page.locator("#answer-title")).not_to_be_empty()
    expect(page.locator("[name='BALANCE']")).to_have_value("1500")
    page.close()


def test_the_form_works_without_javascript(browser: Browser, product: Product) -> None:
    """The single-customer form is plain HTML."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{product.addresses.pages}/customer")
    page.get_by_role("button", name="Find the segment").click()
    expect(page.get_by_role("alert")).to_contain_text("No value was entered")
    page.get_by_label("Balance", exact=True).fill("1500")
    page.get_by_role("button", name="Find the segment").click()
    expect(page.locator("#answer-title")).not_to_be_empty()
    expect(page.locator("#answer")).to_contain_text("1 of 17 values known")
    context.close()


def test_the_demo_asks_as_a_browser_does(product: Product) -> None:
    """The demo's own check gets a segment and how sure it is."""
    assert re.fullmatch(r".+ \(.+, \d+%\)", sample_answer(product.addresses.pages))


def invoke(product: Product, **body: object) -> requests.Response:
    return requests.post(f"{product.addresses.scoring}/invocations", json=body, timeout=30)


def split(rows: list[dict[str, object]], names: list[str]) -> dict[str, object]:
    return {"columns": names, "data": [[row.get(name) for name in names] for row in rows]}


def test_the_scoring_server_takes_nulls_and_whole_numbers(product: Product) -> None:
    """A customer with two nulls, and one of integers, get the complete answer."""
    names = list(SCHEMA.column_names)
    nulls = {**EXAMPLE, "MINIMUM_PAYMENTS": None, "CREDIT_LIMIT": None}
    whole = {name: int(value or 0) for name, value in EXAMPLE.items()}
    reply = invoke(product, dataframe_split=split([nulls, whole], names))
    assert reply.status_code == 200, reply.text
    for row in reply.json()["predictions"]:
        assert set(row) == {
            "segment",
            "segment_name",
            "confidence",
            "memberships",
            "runner_up",
            "runner_up_name",
            "unlike_training",
            "map_x",
            "map_y",
            "reasons",
            "model_version",
        }
        assert row["model_version"] == "1"
        assert 0 <= row["confidence"] <= 1
        assert row["segment"] != row["runner_up"]
        assert set(row["reasons"]) <= set(names)
        assert len(row["reasons"]) <= 5


def test_requests_at_the_same_moment_get_what_each_gets_alone(product: Product) -> None:
    """Byte for byte, bad ones among them: the gateway joins what comes together."""
    names = list(SCHEMA.column_names)
    table = generate(60, seed=12)[names].astype(object)
    rows = table.where(table.notna(), None).to_dict("records")
    spoilt = [{**rows[0], "BALANCE": "much"}, {**rows[1], "TENURE": True}, {"BALANCE": 1.0}]
    bodies: list[dict[str, object]] = [
        {"dataframe_split": split(rows[i : i + 1 + i % 3], names)} for i in range(40)
    ]
    bodies += [{"dataframe_records": [row]} for row in [*rows[40:], *spoilt]]
    bodies += [{"dataframe_records": rows[:2], "params": {"detail": "basic"}}]

    def answer(body: dict[str, object]) -> tuple[int, bytes]:
        reply = invoke(product, **body)
        return reply.status_code, reply.content

    alone = [answer(body) for body in bodies]
    with ThreadPoolExecutor(len(bodies)) as senders:
        together = list(senders.map(answer, bodies))
    assert together == alone
    assert Counter(status for status, _ in alone) == {200: len(bodies) - 3, 400: 3}


def test_a_csv_body_of_whole_numbers_is_answered(product: Product) -> None:
    """CSV, the format of the pages, takes columns without a decimal point and empty cells."""
    whole = generate(3)[list(SCHEMA.column_names)].fillna(0).astype(int).astype(object)
    whole.loc[0, "CREDIT_LIMIT"] = None
    reply = requests.post(
        f"{product.addresses.scoring}/invocations",
        data=whole.to_csv(index=False),
        headers={"Content-Type": "text/csv"},
        timeout=30,
    )
    assert reply.status_code == 200, reply.text
    assert len(reply.json()["predictions"]) == 3


def test_a_missing_column_is_named_and_a_foreign_one_ignored(product: Product) -> None:
    """400 with the name of what is missing; what is too much does no harm."""
    names = list(SCHEMA.column_names)
    lacking = invoke(product, dataframe_split=split([EXAMPLE], names[1:]))
    assert lacking.status_code == 400
    assert "BALANCE" in lacking.text
    more = invoke(product, dataframe_split=split([{**EXAMPLE, "AGE": 40}], [*names, "AGE"]))
    assert more.status_code == 200


def test_the_experiment_holds_one_parent_and_a_run_for_every_trial(product: Product) -> None:
    """Eight nested runs, all ended, with parameters, metrics, data set, and pictures."""
    client = MlflowClient(product.tracking_uri)
    (experiment,) = client.search_experiments(filter_string=f"name = '{MODEL}'")
    runs = client.search_runs([experiment.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 1
    assert len(runs) == 9
    for run in runs:
        assert run.info.status == "FINISHED"
        assert run.inputs.dataset_inputs
        plots = {file.path for file in client.list_artifacts(run.info.run_id, "plots")}
        trial_plots = 2 if "place" in run.data.tags else 1
        if run is parents[0]:
            # One more where the pick is hierarchical: its customers' own tree.
            assert len(plots - {"plots/pick_customer_dendrogram.png"}) == 11
            assert {"plots/elbow.png", "plots/pick_dendrogram.png"} <= plots
        else:
            assert len(plots) == trial_plots
            assert run.data.params["algorithm"]
            assert run.data.metrics["stability"] >= 0
            assert run.data.tags["feasible"] in {"yes", "no"}
            assert (run.data.tags["reason"] != "") == (run.data.tags["feasible"] == "no")
    assert "| # | segment | share |" in parents[0].data.tags["mlflow.note.content"]
    mlflow.set_tracking_uri(product.tracking_uri)
    page = mlflow.artifacts.load_text(f"{parents[0].info.artifact_uri}/study.html")
    (winner,) = [run for run in runs if run.data.tags.get("pick") == "yes"]
    assert f"The pick is trial {winner.data.tags['trial']}: " in page


def test_mlflow_shows_the_winner_of_each_study(browser: Browser, product: Product) -> None:
    """The experiment's description leads to a view: which trial won, with what, on which data."""
    (experiment,) = MlflowClient(product.tracking_uri).search_experiments(
        filter_string=f"name = '{MODEL}'"
    )
    view = address_of(experiment.experiment_id, WINNERS)
    assert view in experiment.tags["mlflow.note.content"]
    page = browser.new_context(viewport={"width": 1760, "height": 900}).new_page()
    page.goto(f"{product.addresses.mlflow}/{view}", wait_until="commit")
    names = page.get_by_role("link", name=re.compile(r"^★ #\d{3} · \d segments · "))
    expect(names).to_have_count(1)
    for text in ("embedded:1500", f"{MODEL} version 1"):
        expect(page.get_by_text(text).first).to_be_visible()
    page.context.close()


def test_the_registered_version_describes_itself(product: Product) -> None:
    """Alias champion, a description made of the profiles, no pickle among the files."""
    client = MlflowClient(product.tracking_uri)
    version = client.get_model_version_by_alias(MODEL, "champion")
    assert "| # | segment | share |" in version.description
    mlflow.set_tracking_uri(product.tracking_uri)
    local = Path(mlflow.artifacts.download_artifacts(f"models:/{MODEL}/{version.version}"))
    kinds = {path.suffix for path in local.rglob("*") if path.is_file()}
    assert not kinds & {".pkl", ".pickle", ".joblib", ".skops"}
    assert (local / "data" / "segmentation_model" / "arrays.npz").is_file()


def test_no_customer_is_written_anywhere(product: Product) -> None:
    """No identifier of a training customer in any artifact, database or log."""
    client = MlflowClient(product.tracking_uri)
    (experiment,) = client.search_experiments(filter_string=f"name = '{MODEL}'")
    artifacts = Path(experiment.artifact_location.removeprefix("file://"))
    identifiers = [name.encode() for name in generate(1500)["CUST_ID"].iloc[::100]]
    places = [artifacts, product.logs, Path(product.tracking_uri.removeprefix("sqlite:///"))]
    files = [f for place in places for f in ([place] if place.is_file() else place.rglob("*"))]
    assert len(files) > 50
    for file in files:
        if file.is_file():
            content = file.read_bytes()
            assert not [i for i in identifiers if i in content], file


def test_the_same_command_says_that_the_study_is_finished(product: Product) -> None:
    """The search reported its study; the store holds exactly the trials asked for."""
    assert "begins: 8 trials" in product.search_output
    path = Path(product.tracking_uri.removeprefix("sqlite:///")).parent / "optuna.db"
    with sqlite3.connect(path) as store:
        states = store.execute("select state, count(*) from trials group by state").fetchall()
    store.close()
    assert states == [("COMPLETE", 8)]


def test_the_recipe_in_a_run_is_json(product: Product) -> None:
    """spec.json of a trial holds schema, preprocessing, clusterer and seed."""
    client = MlflowClient(product.tracking_uri)
    (experiment,) = client.search_experiments(filter_string=f"name = '{MODEL}'")
    run = client.search_runs([experiment.experiment_id], "tags.trial = '0'")[0]
    spec = json.loads(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/spec.json"))
    assert {"schema", "preprocessing", "clusterer", "hyperparameters", "rule", "seed"} == set(spec)
