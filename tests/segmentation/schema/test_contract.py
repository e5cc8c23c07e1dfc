"""Any table's contract: drafted, edited, read back; categories as codes; sensitive columns."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from segmentation.data.readers import load_customers
from segmentation.data.synthetic import generate
from segmentation.data.synthetic.demographics import generate_people
from segmentation.data.validation import validate
from segmentation.errors import DataError, SpecError
from segmentation.schema import Column, TableSchema, load_schema, to_yaml
from segmentation.schema.__main__ import main
from segmentation.schema.inference import in_order, infer_schema, is_sensitive
from segmentation.schema.levels import codes_of, decode, encode

SHIPPED = ("cc_general", "bank_churners", "embedded_people")
PLAN = Column("plan", "Plan", "category", levels=("basic", "gold"))


def people() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "client_no": [10_000 + i for i in range(30)],
            "Gender": ["f", "m", "Unknown"] * 10,
            "income_band": ["under 10k", "10k - 20k", "20k +"] * 10,
            "city": ["Bonn", "Ulm", "Kiel"] * 10,
            "balance": np.linspace(0, 900, 30),
            "joined": ["2020-01-05", "2021-03-02", "2022-07-09"] * 10,
        }
    )


def test_a_draft_says_what_each_column_is() -> None:
    """Identifier, order, sensitivity, missing tokens and what is no feature."""
    schema = infer_schema(people(), "mine")
    assert schema.identifier == "client_no"
    assert schema.column("income_band").levels == ("under 10k", "10k - 20k", "20k +")
    assert schema.column("income_band").kind == "ordered"
    assert schema.column("city").kind == "category"
    assert schema.column("balance").kind == "money"
    assert schema.sensitive_names == ("Gender",)
    assert schema.missing == ("Unknown",)
    assert list(schema.excluded) == ["joined"]


def test_a_draft_gives_no_extreme_customer_away() -> None:
    """Ranges are rounded outwards: the largest value is not written down."""
    low, high = infer_schema(people()).column("balance").plausible or (0, 0)
    assert (low, high) == (0.0, 1000.0)


def test_a_draft_is_a_file_that_reads_back(tmp_path: Path) -> None:
    """`infer FILE > my.yaml` is a schema the same file passes without a doubt."""
    people().to_csv(tmp_path / "people.csv", index=False)
    drafted = CliRunner().invoke(main, ["infer", str(tmp_path / "people.csv")])
    assert drafted.exit_code == 0, drafted.output
    (tmp_path / "my.yaml").write_text(drafted.stdout, encoding="utf-8")
    schema = load_schema(str(tmp_path / "my.yaml"))
    assert schema == infer_schema(people(), "people")
    batch = load_customers(str(tmp_path / "people.csv"), schema)
    assert batch.warnings == ()
    assert batch.customers["Gender"].isna().sum() == 10
    checked = CliRunner().invoke(main, ["check", str(tmp_path / "my.yaml")])
    assert "do not form them: Gender" in checked.output


def test_a_draft_of_nothing_ends_without_a_trace(tmp_path: Path) -> None:
    """The error is a sentence and the exit status says so."""
    result = CliRunner().invoke(main, ["infer", str(tmp_path / "none.csv")])
    assert result.exit_code == 2
    assert "expected an existing file" in result.output


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_schema_survives_yaml(name: str, tmp_path: Path) -> None:
    """Written as YAML and read again it is equal."""
    (tmp_path / "s.yaml").write_text(to_yaml(load_schema(name)), encoding="utf-8")
    assert load_schema(str(tmp_path / "s.yaml")) == load_schema(name)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_examples_are_valid(name: str) -> None:
    """Examples of every shipped schema are values it accepts."""
    schema = load_schema(name)
    for example in schema.examples:
        frame = pd.DataFrame([example.values], columns=list(schema.column_names), dtype=object)
        codes = encode(frame, schema).iloc[0].astype(float)
        unknown = {name for name in schema.column_names if example.values.get(name) is None}
        assert set(codes.index[codes.isna()]) == unknown


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "category"}, "expected levels"),
        ({"kind": "money", "levels": ["a"]}, "no levels"),
        ({"kind": "ordered", "levels": ["a", "A"]}, "names a level twice"),
    ],
)
def test_levels_belong_to_categories(change: dict[str, object], message: str) -> None:
    """A category needs levels, a number has none, and none is named twice."""
    column = {"name": "A", "label": "A", **change}
    with pytest.raises(SpecError, match=message):
        TableSchema.from_dict({"name": "x", "title": "x", "columns": [column]})


def test_a_feature_cannot_be_excluded() -> None:
    """One column is one thing."""
    raw = {"name": "x", "title": "x", "columns": [{"name": "A", "label": "A"}]}
    with pytest.raises(SpecError, match="A cannot be a feature and excluded"):
        TableSchema.from_dict({**raw, "excluded": {"A": "why"}})


def test_a_broken_yaml_file_is_named(tmp_path: Path) -> None:
    """A file that is no YAML, or no mapping, is refused with its name."""
    (tmp_path / "a.yaml").write_text("columns: [", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("- 1", encoding="utf-8")
    with pytest.raises(SpecError, match=r"a\.yaml.*not YAML"):
        load_schema(str(tmp_path / "a.yaml"))
    with pytest.raises(SpecError, match=r"b\.yaml.*not a mapping"):
        load_schema(str(tmp_path / "b.yaml"))


def test_levels_are_found_whatever_their_case() -> None:
    """Case and blanks do not matter; unseen levels are told from missing ones."""
    cells = pd.Series([" Basic", "GOLD", "silver", "unknown", None])
    codes, unseen = codes_of(cells, PLAN, ("Unknown",))
    np.testing.assert_array_equal(codes, [0, 1, np.nan, np.nan, np.nan])
    assert unseen.tolist() == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("cells", "levels"),
    [([True, False], ("False", "True")), ([1.0, 2.0], ("1", "2")), ([2, 1], ("1", "2"))],
)
def test_booleans_and_numbers_can_be_levels(cells: list[object], levels: tuple[str, ...]) -> None:
    """A level is matched by its text: 1, 1.0 and "1" are one."""
    column = Column("c", "C", "category", levels=levels)
    codes, unseen = codes_of(pd.Series(cells), column)
    assert sorted(codes) == [0, 1]
    assert not unseen.any()


def test_encoding_goes_both_ways() -> None:
    """Texts to codes to texts gives the same levels, None for missing."""
    schema = TableSchema("x", "x", (PLAN, Column("n", "N")))
    frame = pd.DataFrame({"plan": ["gold", None, "basic"], "n": [1.0, 2.0, 3.0]})
    back = decode(encode(frame, schema), schema)
    assert back["plan"].tolist() == ["gold", None, "basic"]


def test_an_unseen_level_is_reported_not_refused() -> None:
    """It counts as missing, and the warning says how often and lists what is known."""
    schema = TableSchema("x", "x", (PLAN, Column("n", "N")))
    frame = pd.DataFrame({"plan": ["gold", "black"], "n": [1, 2]})
    batch = validate(frame, schema)
    (warning,) = (w for w in batch.warnings if w.check == "unseen_level")
    assert (warning.count, warning.examples) == (1, ("black",))
    assert "basic, gold" in warning.expected
    assert np.isnan(batch.customers["plan"].iloc[1])


def test_sensitive_columns_do_not_form_segments() -> None:
    """The forming schema lacks them and what refers to them; switched on, it has all."""
    schema = load_schema("bank_churners")
    assert schema.sensitive_names == ("Customer_Age", "Gender", "Marital_Status")
    forming = schema.forming()
    assert set(schema.column_names) - set(forming.column_names) == set(schema.sensitive_names)
    assert all(set(e.values) == set(forming.column_names) for e in forming.examples)
    assert set(schema.sensitive_names) <= set(forming.excluded)
    assert schema.forming(sensitive=True) == schema
    assert TableSchema.from_dict(forming.to_dict()) == forming


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Customer_Age", True), ("GENDER", True), ("maritalStatus", True), ("sex", True),
        ("average_balance", False), ("usage", False), ("percentage", False), ("stage", False),
    ],
)  # fmt: skip
def test_sensitive_names_are_words(name: str, expected: bool) -> None:
    """`age` is sensitive, `usage` and `percentage` are not."""
    assert is_sensitive(name) is expected


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (["high", "low", "medium"], ["low", "medium", "high"]),
        (["$40K - $60K", "Less than $40K", "$60K +"], ["Less than $40K", "$40K - $60K", "$60K +"]),
        (["Gold", "Blue"], ["Blue", "Gold"]),
        (["Bonn", "Ulm", "Kiel"], None),
        (["zone 1", "zone 2", "zone 3"], None),
    ],
)
def test_known_orders_are_recognised(levels: list[str], expected: list[str] | None) -> None:
    """Ordered words and bands of numbers have an order, names have none."""
    assert in_order(levels) == expected


def test_generated_people_behave_as_generated_customers() -> None:
    """The behaviour is the same row by row; demographics follow it, gender does not."""
    frame = generate_people(3_000, seed=4)
    behaviour = generate(3_000, seed=4)
    pd.testing.assert_frame_equal(frame[behaviour.columns], behaviour)
    customers = load_customers("embedded-people:3000:4", load_schema("embedded_people")).customers
    correlation = customers.corr("spearman")
    assert correlation.loc["INCOME_BAND", "CREDIT_LIMIT"] > 0.08
    assert abs(correlation.loc["GENDER", "CREDIT_LIMIT"]) < 0.05
    assert 0.05 < customers["EDUCATION"].isna().mean() < 0.1


@pytest.mark.parametrize(
    "names",
    [
        ["self", "frame", "meta", "process", "_spend", "errors"],
        ["__class__", "", "index", "columns", "values", "None"],
        ["a.b[c]", "$ Größe, 'x' \"y\"", "{0}%s<b>", "yes", "2020", "__"],
    ],
)
def test_no_column_name_breaks_the_schema(tmp_path: Path, names: list[str]) -> None:
    """Drafting, YAML, validation and codes work whatever the columns are called."""
    levels = np.array(["low", "medium", "high"])
    rows = np.arange(30)
    frame = pd.DataFrame(
        {n: levels[(rows + i) % 3] if i % 2 else rows * 1.5 + i for i, n in enumerate(names)}
    )
    schema = infer_schema(frame)
    assert set(schema.column_names) == {name for name in names if name}
    assert all(column.label for column in schema.columns)
    (tmp_path / "drafted.yaml").write_text(to_yaml(schema), encoding="utf-8")
    assert load_schema(str(tmp_path / "drafted.yaml")) == schema
    customers = validate(frame, schema).customers
    assert customers.notna().all().all()
    assert encode(decode(customers, schema), schema).equals(customers)
    frame.loc[3, names[0]] = np.inf
    with pytest.raises(DataError, match="a finite number"):
        validate(frame, schema)
