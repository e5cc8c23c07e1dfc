"""Versions are registered when they answer, described, promoted, and used to score files."""

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient

from experiments import promote, score
from experiments.registry import packaging, promotion
from experiments.registry.client import DATA, RegistryError, describe, version_of
from experiments.registry.registration import register
from experiments.work.file_scoring import score_file
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.data.synthetic import generate
from segmentation.data.validation import validate
from segmentation.errors import DataError
from segmentation.evaluation.evaluator import Evaluator
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.preprocessing.categorical import prepare_table
from segmentation.schema import load_schema
from segmentation.schema.inference import infer_schema

NAME = "registry-test"
SCHEMA = load_schema("cc_general")
COLUMNS = list(SCHEMA.column_names)


@pytest.fixture(scope="module")
def model() -> SegmentationModel:
    """Return a fitted model."""
    customers = generate(800, seed=2).set_index("CUST_ID")[COLUMNS].astype(float)
    spec = SegmenterSpec("cc_general", Preprocessing(), "k_means", {"n_clusters": 4})
    evaluated = Evaluator(customers, SCHEMA).evaluate(spec)
    return SegmentationModel.build(evaluated.segmenter, customers, evaluated.evaluation, 0)


@pytest.fixture(scope="module")
def versions(workplace: Path, model: SegmentationModel) -> tuple[str, str]:
    """Register the model twice."""
    client = MlflowClient()
    run = client.create_run(mlflow.set_experiment("registry").experiment_id)
    made = []
    for _ in range(2):
        uri = packaging.log_model(client, run.info.run_id, model)
        run_id = run.info.run_id
        about = {"description": "about", "tags": {"k": "4"}}
        made.append(register(client, NAME, uri, run_id=run_id, **about))
    return made[0], made[1]


def test_the_first_version_is_champion_the_next_challenger(
    versions: tuple[str, str], client: MlflowClient
) -> None:
    """Nothing that is served changes by registering."""
    assert version_of(client, NAME, "champion") == versions[0]
    assert version_of(client, NAME, "challenger") == versions[1]
    assert client.get_model_version(NAME, versions[0]).description == "about"


def test_a_version_is_described_without_loading_it(
    versions: tuple[str, str], model: SegmentationModel
) -> None:
    """Schema, profiles, book and map are those of the model."""
    info = describe(NAME)
    assert info.challenger == versions[1]
    assert info.version == versions[0]
    assert info.schema == SCHEMA
    assert info.profiles == model.description["profiles"]
    assert set(info.book) == set(COLUMNS)
    assert info.created.tzinfo is not None
    assert describe(NAME, versions[1]).version == versions[1]
    with pytest.raises(RegistryError, match=f"{NAME}@99"):
        describe(NAME, "99")


def test_what_is_not_there_is_named(versions: tuple[str, str]) -> None:
    """An unknown model, alias or version gives an error with its name."""
    with pytest.raises(RegistryError, match="no-such-model@champion"):
        describe("no-such-model")
    with pytest.raises(RegistryError, match="nothing to promote"):
        promotion.promote(NAME, "no-such-alias")
    with pytest.raises(RegistryError, match="no version 99"):
        promotion.promote(NAME, "99")


def test_the_logged_model_answers_like_the_model(
    versions: tuple[str, str], model: SegmentationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nulls, whole numbers and extra columns included, with pickles forbidden."""
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    served = mlflow.pyfunc.load_model(f"models:/{NAME}/{versions[0]}")
    customers = generate(50, seed=3)
    customers.loc[0, ["BALANCE", "TENURE"]] = np.nan
    answer = served.predict(customers.assign(AGE=1))
    pd.testing.assert_frame_equal(
        answer.drop(columns="model_version"), model.score(customers), check_index_type=False
    )
    assert set(answer["model_version"]) == {versions[0]}
    whole = customers[COLUMNS].fillna(0).astype("int32")
    assert len(served.predict(whole)) == 50


def test_text_is_refused_by_column_without_showing_it(model: SegmentationModel) -> None:
    """The model insists on numbers; its error names the column and the count, no value."""
    customers = generate(5)[COLUMNS].astype(object)
    customers.loc[2, "PAYMENTS"] = "canary"
    with pytest.raises(DataError, match="column PAYMENTS: expected numbers in 1 row") as caught:
        model.score(customers)
    assert "canary" not in str(caught.value)


def test_a_missing_column_is_named(versions: tuple[str, str]) -> None:
    """The error of a call without a column contains its name."""
    served = mlflow.pyfunc.load_model(f"models:/{NAME}/{versions[0]}")
    with pytest.raises(mlflow.exceptions.MlflowException, match="PAYMENTS"):
        served.predict(generate(3)[COLUMNS].drop(columns="PAYMENTS"))


def test_the_input_example_is_made_up(versions: tuple[str, str]) -> None:
    """Logged with the model are the schema's examples, no customer."""
    example = mlflow.pyfunc.load_model(f"models:/{NAME}/{versions[0]}").input_example
    expected = pd.DataFrame([e.values for e in SCHEMA.examples])[COLUMNS].astype(float)
    pd.testing.assert_frame_equal(example, expected, check_dtype=False)


def test_the_input_example_tells_no_level_that_one_person_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without examples in the schema it has the most frequent level, not the first one listed."""
    monkeypatch.setenv("SEGMENTATION_MINIMUM_GROUP", "1")  # else the draft lists none
    frame = generate(200, seed=2)[COLUMNS]
    title = np.where(np.arange(200) % 3 == 0, "Miss", "Mister").astype(object)
    title[7] = "Archduke"  # the first of the levels
    schema = infer_schema(frame.assign(title=title), "titles")
    prepared = prepare_table(validate(frame.assign(title=title), schema).customers, schema)
    spec = SegmenterSpec("titles", Preprocessing(), "k_means", {"n_clusters": 2})
    evaluated = Evaluator(prepared.customers, prepared.schema).evaluate(spec)
    titled = SegmentationModel.build(
        evaluated.segmenter, prepared.customers, evaluated.evaluation, 0, prepared.table
    )
    assert schema.column("title").levels[0] == "Archduke"
    assert list(packaging.example_customers(titled)["title"]) == ["Mister"]


def test_a_damaged_model_is_not_registered(
    workplace: Path, client: MlflowClient, model: SegmentationModel
) -> None:
    """Loading it back fails, so there is no version of it."""
    run = client.create_run(mlflow.set_experiment("registry").experiment_id)
    uri = packaging.log_model(client, run.info.run_id, model)
    folder = Path(mlflow.artifacts.download_artifacts(uri)) / "data" / DATA
    (folder / "arrays.npz").write_bytes(b"damaged")
    with pytest.raises(RegistryError, match="does not answer"):
        register(client, "damaged", uri, run_id=run.info.run_id, description="", tags={})
    assert not client.search_model_versions("name = 'damaged'")


def test_promote_moves_the_alias_and_says_so(
    versions: tuple[str, str], client: MlflowClient
) -> None:
    """The challenger becomes champion; asked again there is nothing to promote."""
    first = CliRunner().invoke(promote.main, ["--model-name", NAME])
    assert first.exit_code == 0, first.output
    assert f"version {versions[0]} -> version {versions[1]}" in first.output
    assert version_of(client, NAME, "champion") == versions[1]
    second = CliRunner().invoke(promote.main, ["--model-name", NAME])
    assert (second.exit_code, "nothing to promote" in second.output) == (2, True)
    back = CliRunner().invoke(promote.main, ["--model-name", NAME, "--version", versions[0]])
    assert back.exit_code == 0
    assert version_of(client, NAME, "champion") == versions[0]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_is_scored_in_pieces(
    versions: tuple[str, str], model: SegmentationModel, tmp_path: Path, ending: str
) -> None:
    """Pieces of 30 give the answers of scoring at once, in the order of the file."""
    customers = generate(100, seed=6)
    customers.to_csv(tmp_path / "in.csv", index=False)
    target = tmp_path / f"out.{ending}"
    assert score_file(str(tmp_path / "in.csv"), target, NAME, "champion", 30).customers == 100
    read = pd.read_csv(target) if ending == "csv" else pd.read_parquet(target)
    expected = model.score(customers)
    assert list(read["CUST_ID"]) == list(customers["CUST_ID"])
    assert list(read["segment"]) == list(expected["segment"])
    assert np.allclose(read["confidence"], expected["confidence"])
    labels = {column.name: column.label for column in load_schema("cc_general").columns}
    reasons = [", ".join(labels[name] for name in names) for names in expected["reasons"]]
    read_reasons = read["reasons"].fillna("") if ending == "csv" else read["reasons"].map(", ".join)
    assert list(read_reasons) == reasons


def test_a_bad_piece_leaves_no_half_file(versions: tuple[str, str], tmp_path: Path) -> None:
    """The error names column and rows; neither target nor draft is left."""
    customers = generate(100, seed=6).astype(object)
    customers.loc[70, "BALANCE"] = "x"
    customers.to_csv(tmp_path / "in.csv", index=False)
    arguments = ["--data", str(tmp_path / "in.csv"), "--out", str(tmp_path / "out.csv")]
    result = CliRunner().invoke(score.main, [*arguments, "--model-name", NAME])
    assert result.exit_code == 2
    assert "column BALANCE" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_odd_columns_are_named_once(
    versions: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column nobody knows is named, in one line for all pieces, and scoring goes on."""
    generate(90, seed=6).assign(AGE=40).to_csv(tmp_path / "in.csv", index=False)
    monkeypatch.setattr(score_file, "__defaults__", (30,))
    arguments = ["--data", str(tmp_path / "in.csv"), "--out", str(tmp_path / "out.csv")]
    result = CliRunner().invoke(score.main, [*arguments, "--model-name", NAME])
    assert result.exit_code == 0
    assert result.output.count("column AGE: expected only the columns of the schema") == 1
    assert "unknown_column" not in result.output


def test_the_input_is_never_overwritten(workplace: Path, tmp_path: Path) -> None:
    """Scoring a file into itself is refused."""
    file = str(tmp_path / "in.csv")
    result = CliRunner().invoke(score.main, ["--data", file, "--out", file])
    assert result.exit_code == 2
    assert "is the input; name another file" in result.output
