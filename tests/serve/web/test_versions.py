"""Promoting and rolling back from the pages, in a real registry."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import mlflow
import pytest
from flask import Flask
from flask.testing import FlaskClient
from mlflow import MlflowClient

from experiments.benchmark.races import NAME, prepare
from experiments.registry import segment_lineage
from experiments.registry.client import ALTERNATIVES, MIGRATION, Alternative, describe
from experiments.registry.promotion import history, promote
from segmentation.data.synthetic import generate
from serve.app import create_app
from serve.web.settings import Settings
from tests.serve.conftest import Scoring
from tests.stores import tracking_store


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowClient]:
    """Return a registry with three equal versions, the first one champion."""
    with tracking_store(tmp_path_factory.mktemp("registry")) as client:
        prepare(client, 3)
        yield client


@pytest.fixture
def pages(tmp_path: Path, scoring: Scoring, registry: MlflowClient) -> Flask:
    """Return pages for that registry."""
    settings = Settings(scoring_url=scoring.url, model_name=NAME)
    return create_app({"INSTANCE": tmp_path, "SETTINGS": settings, "WTF_CSRF_ENABLED": False})


@pytest.fixture
def client(pages: Flask) -> FlaskClient:
    """Return a browser."""
    return pages.test_client()


def champion(registry: MlflowClient) -> str:
    return str(registry.get_registered_model(NAME).aliases["champion"])


def test_other_numbers_of_segments_are_shown(client: FlaskClient, registry: MlflowClient) -> None:
    """Every number with sizes, stability and outcomes; the command that takes one."""
    number = champion(registry)
    page = client.get("/versions/alternatives")
    assert page.status_code == 200
    assert "did not store its alternatives" in page.text
    version = registry.get_model_version(NAME, number)
    registry.set_model_version_tag(NAME, number, "segments", "4")
    rows = [
        Alternative(k, "k-means", 1.5, 0.912, 0.013, 0.61, (0.7, 0.3), k == 4, k == 5, text)
        for k, text in ((4, "Churn 3.1% to 35%"), (5, ""))
    ]
    registry.log_text(str(version.run_id), json.dumps([*map(asdict, rows)]), ALTERNATIVES)
    text = client.get("/versions/alternatives").text
    for expected in ("70% · 30%", "0.91 ± 0.01", "Churn 3.1% to 35%", "equal within noise"):
        assert expected in text
    assert text.count("serves now") == 1
    assert f"promote --model-name {NAME} --k 5</pre>" in text
    assert "/versions/alternatives" in client.get("/versions").text


def seen(page: str) -> str:
    match = re.search(r'name="seen"[^>]*value="(\d+)"', page)
    assert match is not None
    return match[1]


def test_promote_and_roll_back(client: FlaskClient, registry: MlflowClient) -> None:
    """The list, the question, the move, the record, the way back."""
    page = client.get("/versions").text
    assert page.count("Promote<span") == 2
    before = champion(registry)
    other = next(n for n in "123" if n != before)
    form = client.get(f"/versions/{other}/promote").text
    assert "<strong>stability</strong>" in form
    assert "not worse than the champion" in form
    assert "Nothing measured is worse than in version" in form
    reply = client.post(
        f"/versions/{other}/promote", data={"reason": "new quarter", "seen": seen(form)}
    )
    assert reply.status_code == 303
    assert champion(registry) == other
    page = client.get("/versions").text
    assert f"Version {other} is the champion" in page
    assert "new quarter" in page
    assert 'href="/versions/rollback">Undo' in page
    way_back = client.get("/versions/rollback").text
    assert f"Nothing measured is worse than in version {other}" in way_back
    assert client.post("/versions/rollback", data={"reason": "worse"}).status_code == 303
    assert champion(registry) == before
    assert history(NAME)[-1].why == "worse"


def test_whoever_decided_on_an_old_page_is_told(
    client: FlaskClient, registry: MlflowClient
) -> None:
    """Somebody else promoted meanwhile: nothing moves, and the page says what happened."""
    before = champion(registry)
    first, second = (n for n in "123" if n != before)
    form = client.get(f"/versions/{first}/promote").text
    promote(NAME, second, reason="faster", who="somebody else")
    reply = client.post(f"/versions/{first}/promote", data={"seen": seen(form)})
    assert reply.status_code == 409
    assert "Nothing was changed" in reply.text
    assert "somebody else" in reply.text
    assert champion(registry) == second


def test_force_needs_a_reason(client: FlaskClient, registry: MlflowClient) -> None:
    """The mistake is shown beside the field; nothing moves."""
    before = champion(registry)
    other = next(n for n in "123" if n != before)
    reply = client.post(f"/versions/{other}/promote", data={"force": "y", "reason": " "})
    assert reply.status_code == 422
    assert "Give a reason" in reply.text
    assert champion(registry) == before


@pytest.mark.parametrize("path", ["/versions/99/promote", "/versions/0/promote"])
def test_a_version_that_is_none_is_not_found(client: FlaskClient, path: str) -> None:
    """404, for the question and for the move."""
    assert client.get(path).status_code == 404
    assert client.post(path, data={}).status_code == 404


def test_a_damaged_version_is_not_promoted(client: FlaskClient, registry: MlflowClient) -> None:
    """The gate that failed is named; not even force opens it."""
    before = champion(registry)
    other = next(n for n in "123" if n != before)
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}/{other}"))
    (arrays,) = folder.rglob("arrays.npz")
    whole = arrays.read_bytes()
    arrays.write_bytes(whole[:-1])
    try:
        reply = client.post(
            f"/versions/{other}/promote",
            data={"force": "y", "reason": "now", "seen": str(len(history(NAME)))},
        )
    finally:
        arrays.write_bytes(whole)
    assert reply.status_code == 409
    assert "failed" in reply.text
    assert champion(registry) == before


def test_the_champion_is_not_promoted_again(client: FlaskClient, registry: MlflowClient) -> None:
    """The page says so instead of asking for a reason."""
    reply = client.get(f"/versions/{champion(registry)}/promote")
    assert reply.status_code == 409
    assert "is the champion already" in reply.text


def test_who_would_move_is_counted_at_registration(
    client: FlaskClient, registry: MlflowClient
) -> None:
    """Both models assign the customers; the page shows the counts, the way back the same ones."""
    before = champion(registry)
    other = next(n for n in "123" if n != before)
    model = segment_lineage.load(registry, NAME, other)
    customers = generate(900, seed=5).set_index("CUST_ID")[list(model.schema.column_names)]
    customers = customers.astype(float)
    migration = segment_lineage.migration_from_champion(registry, NAME, model, customers)
    assert migration is not None
    segments = segment_lineage.load(registry, NAME, before).assign(customers).segment
    numbers = model.numbering.numbers
    counts = {f"{numbers[i]}>{numbers[i]}": int((segments == i).sum()) for i in range(len(numbers))}
    assert (migration.champion, migration.flows) == (before, counts)
    registry.set_model_version_tag(NAME, other, MIGRATION, migration.to_json())
    page = client.get(f"/versions/{other}/promote").text
    assert "0 of 900 card holders (0%) would change their segment." in page
    for count in counts.values():
        assert f"{count:,} (100%)" in page


def test_name_and_action_are_kept_in_the_registry(
    client: FlaskClient, registry: MlflowClient
) -> None:
    """Typed on a segment's page, they are what is known of the model; an empty action goes."""
    number = describe(NAME).profiles[0]["number"]
    path = f"/segments/{number}"
    assert client.post(f"{path}/name", data={"name": "Careful payers"}).status_code == 303
    assert client.post(f"{path}/action", data={"text": "Thank them."}).status_code == 303
    info = describe(NAME)
    assert info.given_names == {number: "Careful payers"}
    assert info.actions[number].text == "Thank them."
    assert info.actions[number].when.startswith("20")
    other = describe(NAME).profiles[1]["number"]
    taken = client.post(f"/segments/{other}/name", data={"name": "careful payers"})
    assert taken.status_code == 409
    assert f"segment {number} has it already" in taken.text
    client.post(f"{path}/action", data={"text": ""})
    assert describe(NAME).actions == {}


def test_versions_show_outcomes_where_there_are_some(
    client: FlaskClient, registry: MlflowClient
) -> None:
    """How far segments differ in them, beside stability and score; no empty column without."""
    assert "Outcomes by segment" not in client.get("/versions").text
    registry.set_model_version_tag(NAME, "2", "outcomes", "Churn 3.1% to 35%")
    page = client.get("/versions").text
    registry.delete_model_version_tag(NAME, "2", "outcomes")
    assert page.count(">Outcomes by segment<") == 1
    assert page.count(">Churn 3.1% to 35%</td>") == 1
