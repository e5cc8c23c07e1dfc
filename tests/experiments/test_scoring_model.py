"""What the model that MLflow serves answers, in full and in short."""

import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from experiments.scoring_model import ScoringModel
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.data.synthetic import generate
from segmentation.evaluation.evaluator import Evaluator
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.schema import load_schema

SCHEMA = load_schema("cc_general")


@pytest.fixture(scope="module")
def scoring() -> ScoringModel:
    """Return a small model."""
    customers = generate(700, seed=2)[list(SCHEMA.column_names)].astype(float)
    spec = SegmenterSpec("cc_general", Preprocessing(), "k_means", {"n_clusters": 4})
    evaluated = Evaluator(customers, SCHEMA).evaluate(spec)
    return ScoringModel(
        SegmentationModel.build(evaluated.segmenter, customers, evaluated.evaluation, 0), "3"
    )


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    """Return more customers than one block of rows holds."""
    return generate(9_000, seed=5)[list(SCHEMA.column_names)].astype(float)


def test_the_short_answer_is_the_beginning_of_the_full_one(scoring, customers) -> None:
    """Segments, names and confidence agree to the last bit; lists by column, with the version."""
    short = pd.DataFrame(scoring.predict(customers, {"detail": "basic"}))
    full = scoring.predict(customers)
    assert list(short.columns) == ["segment", "segment_name", "confidence", "model_version"]
    for name in short.columns:
        assert short[name].tolist() == full[name].tolist()
    assert set(short["model_version"]) == {"3"}


def test_a_customer_alone_is_answered_as_in_a_table(scoring, customers) -> None:
    """Blocks of rows change nothing, not even the last bit."""
    full = scoring.predict(customers)
    for row in (0, 8_191, 8_192, 8_999):
        alone = scoring.predict(customers.iloc[[row]])
        assert alone.iloc[0].to_dict() == full.iloc[row].to_dict()


def test_a_column_asks_where_a_format_has_no_parameters(scoring, customers) -> None:
    """A column named detail chooses; empty it leaves the choice to the parameter."""
    few = customers.head(3)
    assert isinstance(scoring.predict(few.assign(detail="basic")), dict)
    assert isinstance(scoring.predict(few.assign(detail="full")), pd.DataFrame)
    assert isinstance(scoring.predict(few.assign(detail=None), {"detail": "basic"}), dict)


@pytest.mark.parametrize("detail", ["all", "", "BASIC"])
def test_another_detail_is_refused_in_words(scoring, customers, detail: str) -> None:
    """The error names the parameter and what was expected, and repeats nothing."""
    with pytest.raises(MlflowException, match="detail: expected 'full' or 'basic'"):
        scoring.predict(customers.head(2), {"detail": detail})
    with pytest.raises(MlflowException, match="the same for every customer"):
        scoring.predict(customers.head(2).assign(detail=["full", "basic"]))


def test_infinite_values_are_refused_by_name(scoring, customers) -> None:
    """The column is named, the customer's row only by number."""
    wrong = customers.head(2).assign(BALANCE=[1.0, np.inf])
    for detail in ("full", "basic"):
        with pytest.raises(MlflowException, match="BALANCE.*finite number"):
            scoring.predict(wrong, {"detail": detail})
