"""A spec is all that makes a segmenter: equal text for equal specs, refused when impossible."""

import pickle

import pytest

from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.errors import SpecError

WEIGHTS = (("b", 2.0), ("a", 0.5))
SPEC = SegmenterSpec("cc_general", Preprocessing(variance=0.9), "k_means", {"n_clusters": 5})


def test_a_spec_survives_json_and_pickle() -> None:
    """Both ways back give an equal spec with an equal hash and equal text."""
    for copy in (SegmenterSpec.from_json(SPEC.to_json()), pickle.loads(pickle.dumps(SPEC))):
        assert copy == SPEC
        assert hash(copy) == hash(SPEC)
        assert copy.to_json() == SPEC.to_json()


def test_the_order_of_hyperparameters_does_not_matter() -> None:
    """Two ways to write one spec are one spec."""
    one = SegmenterSpec("s", Preprocessing(), "genie", {"n_clusters": 3, "gini_threshold": 0.3})
    other = SegmenterSpec("s", Preprocessing(), "genie", {"gini_threshold": 0.3, "n_clusters": 3})
    assert one.to_json() == other.to_json()
    assert hash(one) == hash(other)


def test_weights_travel_in_the_spec() -> None:
    """In whatever order they are named; a spec without weights has the text it always had."""
    one, other = (Preprocessing(weights=pairs) for pairs in (WEIGHTS, WEIGHTS[::-1]))
    weighted = SegmenterSpec("s", one, "k_means")
    assert one == other
    assert SegmenterSpec.from_json(weighted.to_json()) == weighted
    assert "weights" not in SPEC.to_json()
    with pytest.raises(SpecError, match=r"weights: a=0: expected in \(0, 10\]"):
        Preprocessing(weights=(("a", 0),))


def test_a_spec_cannot_be_changed() -> None:
    """Neither a field nor a hyperparameter can be set afterwards."""
    with pytest.raises(AttributeError):
        SPEC.seed = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        SPEC.hyperparameters["n_clusters"] = 2  # type: ignore[index]


@pytest.mark.parametrize(
    ("choice", "value"),
    [
        ("nulls", "mean"),
        ("outliers", "drop"),
        ("skew", "sqrt"),
        ("scale", "minmax"),
        ("ratios", True),
        ("variance", 1.0),
        ("variance", 0.0),
    ],
)
def test_an_unknown_choice_is_named(choice: str, value: object) -> None:
    """The error gives the choice, the value found and what is allowed."""
    with pytest.raises(SpecError, match=f"{choice}={value!r}: expected"):
        Preprocessing(**{choice: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"schema": "x"}', SPEC.to_json()[:-1] + ', "x": 1}']
)
def test_what_is_not_a_spec_is_refused(text: str) -> None:
    """Broken, incomplete or foreign JSON is no spec."""
    with pytest.raises(SpecError):
        SegmenterSpec.from_json(text)


def test_an_unknown_rule_is_named() -> None:
    """The assignment rule is checked with the spec."""
    with pytest.raises(SpecError, match="rule='closest'"):
        SegmenterSpec("s", Preprocessing(), "k_means", rule="closest")
