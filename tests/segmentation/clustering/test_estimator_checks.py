"""The front door is a scikit-learn estimator, and takes tables as a notebook has them."""

from __future__ import annotations

import doctest
import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

import segmentation
from segmentation import Segmenter, SegmenterSpec, infer_schema, load_schema
from segmentation.clustering import segmenter as segmenter_module
from segmentation.data.synthetic.demographics import generate_people
from segmentation.errors import DataError, SpecError
from segmentation.evaluation.evaluator import Evaluator
from tests.segmentation.planted import SCHEMA, planted, spec

ROOT = Path(__file__).resolve().parents[3]
PEOPLE = load_schema("embedded_people")
# Concerns arrays of other libraries, and needs an environment variable before scipy's import.
SKIPPED = {"check_array_api_input"}
LIGHT = """
import json, sys, warnings
import segmentation
loaded = [name for name in ("sklearn", "pandas", "numpy") if name in sys.modules]
warnings.filterwarnings("error", category=FutureWarning, append=True)
warnings.warn("PySpark does not yet fully support pandas 3", FutureWarning)
names = {name: type(getattr(segmentation, name)).__name__ for name in segmentation.__all__}
print(json.dumps({"loaded": loaded, "names": names, "dir": dir(segmentation)}))
"""


@pytest.mark.parametrize(
    "segmenter",
    [
        Segmenter(),
        Segmenter(algorithm="gaussian_full", n_segments=3),
        Segmenter(algorithm="hdbscan"),
    ],
    ids=["default", "gaussian", "hdbscan"],
)
def test_it_passes_every_check_of_scikit_learn(segmenter: Segmenter) -> None:
    """No check fails, and none is expected to; only that of other array libraries is skipped."""
    results = check_estimator(segmenter, on_fail=None, on_skip=None)
    assert len(results) > 40
    bad = {r["check_name"]: r["exception"] for r in results if r["status"] != "passed"}
    assert set(bad) <= SKIPPED, bad


def test_constructor_only_stores_and_clone_and_pickle_keep_the_parameters() -> None:
    """Even an impossible spec is stored as it is; the fit refuses it."""
    made = spec("no_such_clusterer")
    segmenter = Segmenter(made, SCHEMA)
    assert vars(segmenter)["spec"] is made
    copy = pickle.loads(pickle.dumps(clone(segmenter)))
    assert (copy.get_params()["spec"], copy.get_params()["schema"]) == (made, SCHEMA)
    assert copy.set_params(spec=spec(n_clusters=4)).fit(planted(60)[0]).n_segments_ == 4
    with pytest.raises(SpecError, match="clusterer='no_such_clusterer'"):
        segmenter.fit(planted(60)[0])


def test_plain_parameters_are_a_spec() -> None:
    """The three choices give what the spec they stand for gives; both at once are refused."""
    customers, _ = planted(200)
    plain = Segmenter(None, SCHEMA, algorithm="ward", n_segments=np.int64(3), random_state=7)
    same = SegmenterSpec.from_json(plain.fit(customers).spec_.to_json())
    assert (same.clusterer, dict(same.hyperparameters), same.seed) == ("ward", {"n_clusters": 3}, 7)
    assert np.array_equal(plain.labels_, Segmenter(same, SCHEMA).fit_predict(customers))
    with pytest.raises(SpecError, match="n_segments.*pass one or the other"):
        Segmenter(same, SCHEMA, n_segments=3).fit(customers)
    with pytest.raises(SpecError, match="n_clusters=2.5: expected a whole number"):
        Segmenter(n_segments=2.5).fit(customers)  # type: ignore[arg-type]


def test_a_table_without_a_schema_is_described_first() -> None:
    """Categories become indicators; identifiers and sensitive columns are left out, with a note."""
    people = generate_people(400, seed=1)
    segmenter = Segmenter(random_state=3).fit(people)
    schema = infer_schema(people)
    left_out = {schema.identifier, *schema.sensitive_names, *schema.excluded} - {None}
    assert schema.sensitive_names
    assert not left_out & set(segmenter.table_.column_names)
    for name in segmenter.table_.excluded:
        assert any(f"Column {name} was left out" in note for note in segmenter.notes_)
    assert segmenter.feature_names_in_.tolist() == people.columns.tolist()
    assert np.array_equal(segmenter.predict(people), segmenter.labels_)
    alone = [segmenter.predict(people.iloc[[row]])[0] for row in range(20)]
    assert alone == segmenter.labels_[:20].tolist()


def test_a_schema_with_categories_takes_texts_and_codes() -> None:
    """Levels as texts or as validated codes give the same segments."""
    people = generate_people(300, seed=2)
    codes = segmentation.load_customers("embedded-people:300:2", PEOPLE).customers
    segmenter = Segmenter(schema=PEOPLE).fit(people)
    assert segmenter.schema_ != segmenter.table_ == PEOPLE
    assert np.array_equal(segmenter.predict(codes), segmenter.labels_)


def test_predicting_infinity_or_before_the_fit_is_refused() -> None:
    """The column is named, with the rows of the whole table."""
    from sklearn.exceptions import NotFittedError

    customers, _ = planted(60)
    with pytest.raises(NotFittedError):
        Segmenter(spec(), SCHEMA).predict(customers)
    segmenter = Segmenter(spec(n_clusters=2), SCHEMA).fit(customers)
    customers.iloc[50, 0] = np.inf
    with pytest.raises(DataError, match="BALANCE.*finite"):
        segmenter.predict(customers)


def test_it_shows_itself_as_text_and_html() -> None:
    """Parameters are readable before and after the fit."""
    segmenter = Segmenter(n_segments=3)
    assert repr(segmenter) == "Segmenter(n_segments=3)"
    assert "n_segments" in segmenter._repr_html_()
    fitted = Segmenter(spec(n_clusters=4), SCHEMA).fit(planted(60)[0])
    text = "Segmenter(schema=<planted, 6 columns>, spec=<k_means, n_clusters=4>)"
    assert repr(fitted) == text
    assert "Fitted" in fitted._repr_html_()


def test_the_example_of_the_docstring_is_right() -> None:
    """What the docstring shows is what runs."""
    result = doctest.testmod(segmenter_module)
    assert (result.attempted, result.failed) == (4, 0)


def test_a_fitted_segmenter_is_evaluated_as_its_spec_is() -> None:
    """On its own customers it gives the evaluator's figures, seconds aside; on others its own."""
    customers, _ = planted(300)
    made = spec(n_clusters=4)
    segmenter = Segmenter(made, SCHEMA).fit(customers)
    direct = replace(segmentation.evaluate(segmenter, customers), seconds={})
    assert direct == replace(Evaluator(customers, SCHEMA).evaluate(made).evaluation, seconds={})
    fresh = segmentation.evaluate(segmenter, planted(200, seed=5)[0])
    assert (fresh.rows, fresh.n_segments) == (200, 4)


def test_importing_the_package_is_light_and_offers_its_public_names(tmp_path: Path) -> None:
    """From any folder: no scikit-learn, no pandas until a name is used; every name is there."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", LIGHT],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["loaded"] == []
    expected = {
        "Segmenter",
        "SegmenterSpec",
        "load_customers",
        "load_schema",
        "infer_schema",
        "evaluate",
        "profile_segments",
        "SegmentationModel",
    }
    assert expected == set(answer["names"]) <= set(answer["dir"])
    with pytest.raises(AttributeError, match="no_such_name"):
        segmentation.no_such_name  # noqa: B018
