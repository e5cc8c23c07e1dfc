"""Categories beside numbers: balanced, merged where rare, handled where never seen."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.data.readers import load_customers
from segmentation.data.synthetic.demographics import generate_people
from segmentation.data.validation import validate
from segmentation.errors import SpecError
from segmentation.evaluation.evaluator import Evaluator
from segmentation.evaluation.reference_space import ReferenceSpace
from segmentation.interpretation.sensitive_audit import audit, column_codes
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.preprocessing.categorical import (
    base_columns,
    blocks_of,
    expand,
    expanded_schema,
    prepare_table,
)
from segmentation.preprocessing.pipeline import build_pipeline
from segmentation.schema import Column, TableSchema, load_schema
from segmentation.schema.levels import decode

PEOPLE = load_schema("embedded_people")
SMALL = TableSchema(
    "small",
    "Small",
    (
        Column("amount", "Amount", "money", "$"),
        Column("city", "City", "category", levels=("Bonn", "Kiel", "Ulm", "Zell", "Ahr")),
        Column("member", "Member", "category", levels=("no", "yes"), sensitive=True),
        Column("size", "Size", "ordered", levels=("small", "medium", "large")),
    ),
)


def small_table(rows: int = 1_000) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "amount": random.lognormal(3, 1, rows),
            "city": random.choice(
                SMALL.column("city").levels, rows, p=[0.5, 0.3, 0.18, 0.01, 0.01]
            ),
            "member": random.choice(["no", "yes"], rows),
            "size": random.choice(["small", "medium", "large"], rows),
        }
    )


@pytest.fixture(scope="module")
def small() -> pd.DataFrame:
    """Return validated customers of the small table."""
    return validate(small_table(), SMALL).customers


def test_nominal_columns_become_indicators_and_rare_levels_merge(small: pd.DataFrame) -> None:
    """A level below 2% joins `other`, two levels are one column, ordered levels stay codes."""
    prepared = prepare_table(small, SMALL, sensitive=True)
    assert prepared.schema.column_names == (
        *("amount", "city=Bonn", "city=Kiel", "city=Ulm", "city=other"),
        *("member=yes", "size"),
    )
    assert prepared.schema.column("city=other").levels == ("Zell", "Ahr")
    city = prepared.customers[["city=Bonn", "city=Kiel", "city=Ulm", "city=other"]]
    assert (city.sum(axis=1) == 1).all()
    assert set(prepared.customers["size"]) == {0.0, 1.0, 2.0}
    assert TableSchema.from_dict(prepared.schema.to_dict()) == prepared.schema


def test_a_table_of_numbers_is_left_alone() -> None:
    """Without categories the schema is the very same, and so are the numbers."""
    schema = load_schema("cc_general")
    customers = load_customers("embedded:50", schema).customers
    prepared = prepare_table(customers, schema)
    assert prepared.schema is schema
    pd.testing.assert_frame_equal(prepared.customers, customers)


def test_rare_levels_beside_a_level_called_other() -> None:
    """The rare levels together get a name that no level has, so no two columns are one."""
    levels = ("a", "other", "rare", "rarer")
    schema = TableSchema("t", "T", (Column("job", "Job", "category", levels=levels),))
    codes = pd.DataFrame({"job": np.repeat([0.0, 1.0, 2.0, 3.0], [500, 480, 10, 10])})
    prepared = prepare_table(codes, schema)
    assert prepared.schema.column_names == ("job=a", "job=other", "job=any rare one")
    assert prepared.customers.mean().tolist() == [0.5, 0.48, 0.02]


def test_missing_and_unseen_levels_are_missing_everywhere(small: pd.DataFrame) -> None:
    """They are in no level's indicator; the pipeline and the reference space fill them."""
    prepared = prepare_table(small, SMALL, sensitive=True)
    odd = pd.DataFrame(
        {
            "amount": [5.0, 5.0],
            "city": ["Rome", None],
            "member": ["yes", "maybe"],
            "size": [None] * 2,
        }
    )
    numbers = expand(odd, prepared.table, prepared.schema)
    assert numbers.filter(like="city").isna().all(axis=None)
    space = ReferenceSpace(prepared.schema).fit(prepared.customers)
    coordinates = space.transform(numbers)
    np.testing.assert_allclose(coordinates[:, 1:5], 0, atol=1e-12)
    pipeline = build_pipeline(Preprocessing(), prepared.schema).fit(prepared.customers)
    assert np.isfinite(pipeline.transform(numbers)).all()


def test_a_category_weighs_as_much_as_one_number_in_the_reference_space() -> None:
    """Every block of indicators has variance 1, as every number has: neither side dominates."""
    customers = load_customers("embedded-people:3000:1", PEOPLE).customers.dropna()
    prepared = prepare_table(customers, PEOPLE, sensitive=True)
    coordinates = ReferenceSpace(prepared.schema).fit_transform(prepared.customers)
    variance = coordinates.var(axis=0)
    blocks = blocks_of(prepared.schema)
    assert len(blocks) == 2
    for block in blocks:
        assert variance[list(block)].sum() == pytest.approx(1)
    numbers = np.delete(variance, [i for block in blocks for i in block])
    np.testing.assert_allclose(numbers, 1, rtol=1e-6)


@pytest.mark.parametrize("weight", [0.3, 1.0, 1.5])
@pytest.mark.parametrize("skew", ["none", "log1p", "yeo_johnson", "quantile"])
def test_the_weight_is_the_stated_one(small: pd.DataFrame, weight: float, skew: str) -> None:
    """A block's standard deviation is the weight, whatever was done to the numbers."""
    prepared = prepare_table(small, SMALL, sensitive=True)
    preprocessing = Preprocessing(skew=skew, category_weight=weight)
    features = build_pipeline(preprocessing, prepared.schema).fit_transform(prepared.customers)
    for block in blocks_of(prepared.schema):
        assert features[:, list(block)].var(axis=0).sum() == pytest.approx(weight**2)


def test_famd_is_factor_analysis_of_mixed_data(small: pd.DataFrame) -> None:
    """Before the main axes a block has inertia levels - 1, as Pagès (2004) weighs it."""
    prepared = prepare_table(small, SMALL, sensitive=True)
    pipeline = build_pipeline(Preprocessing(categories="famd"), prepared.schema)
    assert pipeline.steps[-1][0] == "reduction"
    weighed = pipeline[:-1].fit_transform(prepared.customers)
    city = weighed[:, 1:5]
    assert city.var(axis=0).sum() == pytest.approx(3)
    assert pipeline.fit_transform(prepared.customers).shape[1] < weighed.shape[1]


@pytest.mark.parametrize("change", [{"categories": "gower"}, {"category_weight": 0.0}])
def test_a_wrong_treatment_is_refused(change: dict[str, object]) -> None:
    """The error names the choice."""
    with pytest.raises(SpecError, match=next(iter(change))):
        Preprocessing(**change)  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=["one_hot", "famd"])
def model(request: pytest.FixtureRequest) -> SegmentationModel:
    """Return a model of people in which sensitive columns form segments."""
    customers = load_customers("embedded-people:1200:3", PEOPLE).customers
    prepared = prepare_table(customers, PEOPLE, sensitive=True)
    preprocessing = Preprocessing(categories=request.param)
    spec = SegmenterSpec(PEOPLE.name, preprocessing, "k_means", {"n_clusters": 4})
    evaluated = Evaluator(prepared.customers, prepared.schema).evaluate(spec)
    segmenter = Segmenter(spec, prepared.schema).fit(prepared.customers)
    return SegmentationModel.build(
        segmenter, prepared.customers, evaluated.evaluation, 0, prepared.table
    )


def test_texts_and_codes_score_alike(model: SegmentationModel) -> None:
    """Levels as texts or as codes, alone or in a batch: one answer, in words of the table."""
    customers = load_customers("embedded-people:40:9", PEOPLE).customers
    by_code = model.score(customers)
    by_text = model.score(decode(customers, PEOPLE))
    pd.testing.assert_frame_equal(by_code, by_text)
    pd.testing.assert_frame_equal(model.score(customers.iloc[7:8]), by_code.iloc[7:8])
    named = {name for reasons in by_code["reasons"] for name in reasons}
    assert named <= set(PEOPLE.column_names)
    assert all(len(set(reasons)) == len(reasons) for reasons in by_code["reasons"])


def test_a_mixed_model_survives_its_folder(model: SegmentationModel, tmp_path: Path) -> None:
    """Saved and loaded it scores texts to the same bit; its schema is the person's."""
    model.save(tmp_path / "model")
    loaded = SegmentationModel.load(tmp_path / "model")
    raw = generate_people(30, seed=12)
    pd.testing.assert_frame_equal(loaded.score(raw), model.score(raw))
    assert loaded.schema == PEOPLE
    assert model.description["schema"]["columns"][-6]["kind"] == "category"


def test_profiles_speak_of_categories(model: SegmentationModel) -> None:
    """A profile has the commonest level of each category beside the shares of all its levels.

    With the share of customers without a level they are one.
    """
    for profile in model.description["profiles"]:
        entries = {entry["column"]: entry for entry in profile["columns"]}
        own = entries["MARITAL_STATUS"]["median"]
        shares = {n: e["median"] for n, e in entries.items() if n.startswith("MARITAL_STATUS=")}
        assert max(shares, key=lambda n: shares[n]) == f"MARITAL_STATUS={_level(own)}"
        assert sum(shares.values()) + entries["MARITAL_STATUS"]["missing"] == pytest.approx(1)
    book = model.description["book"]
    assert _level(book["MARITAL_STATUS"]["median"]) == "Married"
    assert _level(book["GENDER"]["median"], "GENDER") in {"F", "M"}


def _level(code: float, column: str = "MARITAL_STATUS") -> str:
    return PEOPLE.column(column).levels[int(code)]


def test_names_lead_back_to_columns(small: pd.DataFrame) -> None:
    """Indicators are named by their column, once."""
    expanded = expanded_schema(small, SMALL)
    row = ["city=Ulm", "size", "city=Bonn", "member=yes"]
    positions = [[*map(expanded.column_names.index, row), -1]]
    names, base = base_columns(np.array(positions), expanded)
    assert [names[i] if i >= 0 else "" for i in base[0]] == ["city", "size", "", "member", ""]


def test_the_audit_finds_what_segments_are_made_of(small: pd.DataFrame) -> None:
    """Segments cut along one sensitive column track it, and no other."""
    segment = small["member"].to_numpy().astype(np.int64)
    report = audit(small, segment, SMALL, ["amount", "city", "size"])
    assert report.explained[0].column == "member"
    assert report.explained[0].share == pytest.approx(1)
    (trace,) = report.traces
    assert trace.information == pytest.approx(1)
    assert trace.baseline < 0.02
    assert trace.tracks
    assert not report.sensitive_form
    assert trace.by_segment == ("no 100%", "yes 100%")
    assert "describe segments, not form them" in report.page()


def test_the_audit_acquits_what_is_unrelated(small: pd.DataFrame) -> None:
    """Segments made at random track nothing: information within what permutation reaches."""
    segment = np.random.default_rng(5).integers(0, 4, len(small))
    (trace,) = audit(small, segment, SMALL, ["amount"]).traces
    assert not trace.tracks
    assert "do not track" in trace.sentence or "hardly track" in trace.sentence


def test_ranges_hold_equally_many() -> None:
    """Numbers are cut into ten ranges, missing values into one of their own."""
    values = np.r_[np.arange(1_000.0), np.full(100, np.nan)]
    counts = np.bincount(column_codes(values, Column("x", "X")))
    assert counts.tolist() == [100] * 11
