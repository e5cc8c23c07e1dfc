"""Small tables, each with one fault of real ones: what is right for each, from draft to form.

The tables are beside the public ones, in a folder `cases`; their README says what is right.
Others of the same kinds are made here: the kind is understood, not the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from flask import Flask
from mlflow import MlflowClient

from experiments import explore, score
from experiments.registry.client import describe
from segmentation.data.files.table_file import TableFile
from segmentation.data.readers import load_described, text_columns
from segmentation.data.row_errors import check_piece
from segmentation.data.validation import validate
from segmentation.disclosure import SETTING
from segmentation.evaluation.clusterability import structure_of
from segmentation.preprocessing.categorical import prepare_table
from segmentation.schema import AUTO, TableSchema, load_schema
from segmentation.schema.__main__ import main
from segmentation.schema.levels import decode
from serve.web.forms import CustomerForm, customer_form, typed_customer
from tests.stores import tracking_store
from tests.tables.checker import Facts
from tests.tables.journey import search, typing


@dataclass(frozen=True)
class Case:
    """What is right for one table."""

    features: tuple[str, ...] = ()
    kinds: dict[str, str] = field(default_factory=dict)  # several with ``|``: any is right
    identifier: str | None = "customer_id"
    outcomes: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    excluded: dict[str, str] = field(default_factory=dict)  # column to a pattern of the reason
    order: dict[str, tuple[str, ...]] = field(default_factory=dict)
    levels: dict[str, set[str]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    noticed: tuple[str, ...] = ()  # patterns, each in one line of what is printed
    never: tuple[str, ...] = ("names single customers",)  # patterns nowhere in it
    structure: str = ""  # the verdict, where it is known
    refused: tuple[str, ...] = ()  # patterns of the sentence with which every command ends


CASES: dict[str, Case] = {
    "mostly_unknown_category_400": Case(
        features=("balance", "age_of_account", "calls"),
        outcomes=("outcome",),
        noticed=(r"'unknown' in 239 of 400 values is read as missing",),
    ),
    "transaction_log": Case(
        refused=(
            r"customer_id",
            r"8 customers in 30 rows",
            r"a row seems to be a purchase",
            r"customer-segmentation collect --data",
            r"tran_amount",
        ),
    ),
    "one_uniform_column_5000": Case(structure="no"),
    **{
        name: Case(structure="no")
        for name in (
            "noise_uniform_and_flags_5000",
            "noise_gauss_1flag_3000",
            "noise_gauss_1count1to4_3000",
            "noise_gauss_1count1to10_3000",
            "noise_uniform_5000",
        )
    },
    "thousands_separator": Case(
        features=(" Credit_Limit ", "visits"),
        kinds={" Credit_Limit ": "money"},
        labels={" Credit_Limit ": "Credit limit"},
        noticed=(r"Credit_Limit.*thousands separators",),
    ),
    "thousands_no_decimals": Case(
        features=("income", "visits"),
        kinds={"income": "money"},
        noticed=(r"income.*thousands separators",),
    ),
    "decimal_comma": Case(
        features=("umsatz", "besuche"),
        kinds={"umsatz": "money", "besuche": "count"},
        noticed=(r"umsatz.*decimal comma",),
    ),
    "outcomes": Case(
        features=("spend", "visits"),
        outcomes=("Churn", "Exited", "default_payment_next_month", "Response", "deposit"),
        noticed=(r"Churn.*outcome", r"deposit.*outcome"),
    ),
    "index_columns": Case(
        features=("spend", "visits"),
        identifier="ID#",
        excluded={"RowNumber": "numbers the rows", "sno": "numbers the rows"},
    ),
    "two_headers": Case(
        features=("LIMIT_BAL", "SEX", "BILL"),
        identifier="ID",
        sensitive=("SEX",),
        noticed=(r"header is on line 2", r"line 1.*left out"),
        never=("means? a missing value", "single customers"),
    ),
    "side_notes": Case(
        features=("Fresh", "Milk"),
        identifier=None,
        noticed=(r"columns? 3.*no values", r"column 5.*notes"),
    ),
    "coded_categories": Case(
        features=("Channel", "Region", "EDUCATION", "MARRIAGE", "Occupation", "milk"),
        identifier=None,
        kinds=dict.fromkeys(
            ("Channel", "Region", "EDUCATION", "MARRIAGE", "Occupation"), "category"
        ),
        sensitive=("MARRIAGE",),
        noticed=tuple(
            rf"{name}: whole numbers.*(codes|category)"
            for name in ("Channel", "Region", "EDUCATION", "MARRIAGE", "Occupation")
        ),
    ),
    "ordered_words": Case(
        features=("savings", "satisfaction", "contract", "tier", "education", "size", "spend"),
        order={
            "savings": ("little", "moderate", "quite rich", "rich"),
            "satisfaction": ("Unsatisfied", "Neutral", "Satisfied"),
            "contract": ("Month-to-month", "One year", "Two year"),
            "tier": ("Bronze", "Silver", "Gold"),
            "education": ("Basic", "Graduation", "Master", "PhD"),
            "size": ("S", "M", "L", "XL"),
        },
    ),
    "dates": Case(
        features=("spend",),
        excluded=dict.fromkeys(
            ("mon_text", "day_first", "year_month", "iso_time", "compact", "long"), "holds dates"
        ),
    ),
    "sensitive_names": Case(
        features=(
            *("Genre", "MARRIAGE", "SeniorCitizen", "Partner", "MarStat", "DOB", "Nationality"),
            *("Sexo", "Geschlecht", "Civil_Status", "spend"),
        ),
        identifier=None,
        sensitive=(
            *("Genre", "MARRIAGE", "SeniorCitizen", "Partner", "MarStat", "DOB", "Nationality"),
            *("Sexo", "Geschlecht", "Civil_Status"),
        ),
    ),
    "camel_case": Case(
        features=("OnlineSecurity", "MonthlyCharges", "NumOfProducts", "spend"),
        identifier="customerID",
        labels={
            "OnlineSecurity": "Online security",
            "MonthlyCharges": "Monthly charges",
            "NumOfProducts": "Num(ber)? of products",
        },
    ),
    "minus_one_sentinel": Case(
        features=("pdays", "previous", "balance"),
        noticed=(r"pdays: -1 in 21 of 30 values.*missing",),
    ),
    "leading_zero_ids": Case(features=("spend", "visits")),
    "latin1": Case(
        features=("ville", "dépense"), levels={"ville": {"Besançon", "Lyon", "Orléans"}}
    ),
    "utf16": Case(features=("city", "spend"), levels={"city": {"Lyon", "Paris"}}),
    "case_levels": Case(features=("city", "spend"), levels={"city": {"Lyon", "Paris"}}),
}

REFUSED = {name: case for name, case in CASES.items() if case.refused}
CUSTOMERS = {name: case for name, case in CASES.items() if not case.refused}
DRAFTED = {name: case for name, case in CUSTOMERS.items() if case.features}
CLOUDS = [name for name, case in CASES.items() if case.structure == "no"]


@dataclass(frozen=True)
class Draft:
    """What `infer` makes of a table: the schema, and all that it prints beside it."""

    file: Path
    schema: TableSchema
    printed: str


class Drafts:
    """The draft of each table, made once."""

    def __init__(self, cases: Path, folder: Path) -> None:
        self.cases, self.folder = cases, folder
        self.of = cache(self._of)

    def _of(self, name: str) -> Draft:
        return drafted(self.cases / f"{name}.csv", self.folder)


def drafted(file: Path, folder: Path) -> Draft:
    """Return what `infer` makes of a file."""
    result = CliRunner().invoke(main, ["infer", str(file)])
    assert result.exit_code == 0, result.output
    target = folder / f"{file.stem}.yaml"
    target.write_text(result.stdout, encoding="utf-8")
    return Draft(file, load_schema(str(target)), result.stderr)


@pytest.fixture(autouse=True)
def every_level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two small tables name levels that two or three customers have too."""
    callspec = getattr(request.node, "callspec", None)
    if callspec and callspec.params.get("name") in {"ordered_words", "case_levels"}:
        monkeypatch.setenv(SETTING, "1")


@pytest.fixture(scope="module")
def drafts(cases_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Drafts:
    """Return the drafts of all tables."""
    return Drafts(cases_folder, tmp_path_factory.mktemp("drafts"))


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Work in a folder with a fresh tracking store."""
    folder = tmp_path_factory.mktemp("workplace")
    with tracking_store(folder):
        yield folder


def test_every_case_is_taken(cases_folder: Path) -> None:
    """A table that is added is one that something is right for."""
    assert {file.stem for file in cases_folder.glob("*.csv")} == set(CASES)


@pytest.mark.parametrize("name", DRAFTED)
def test_the_draft_is_right(name: str, drafts: Drafts) -> None:
    """Roles, kinds, orders, levels and labels; what was noticed is said, nothing false is."""
    check_draft(CASES[name], drafts.of(name))


def check_draft(case: Case, draft: Draft) -> None:
    """Compare a draft with what is right."""
    schema = draft.schema
    assert schema.identifier == case.identifier
    assert schema.column_names == case.features
    assert schema.outcome_names == case.outcomes
    assert schema.sensitive_names == case.sensitive
    assert set(schema.excluded) == set(case.excluded)
    for name, reason in case.excluded.items():
        assert re.search(reason, schema.excluded[name])
    for name, kinds in case.kinds.items():
        assert schema.column(name).kind in kinds.split("|"), name
    for name, order in case.order.items():
        assert (schema.column(name).kind, schema.column(name).levels) == ("ordered", order)
    for name, levels in case.levels.items():
        assert set(schema.column(name).levels) == levels
    for name, label in case.labels.items():
        assert re.fullmatch(label, schema.column(name).label)
    lines = draft.printed.splitlines()
    assert not [p for p in case.noticed if not any(re.search(p, line) for line in lines)]
    assert not [p for p in case.never if re.search(p, draft.printed)]


RNG = np.random.default_rng(8)


def made(rows: int, **columns: Sequence[object] | str) -> pd.DataFrame:
    """Return a table; a text is a name of values to draw from, parted by ``|``."""
    table = pd.DataFrame(
        {
            name.replace("__", " "): RNG.choice(values.split("|"), rows)
            if isinstance(values, str)
            else values
            for name, values in columns.items()
        }
    )
    return table.assign(besuche=RNG.integers(0, 40, rows))


def euros(rows: int) -> list[str]:
    """Return amounts as Germans write them."""
    amounts = (f"{x:,.2f}" for x in RNG.lognormal(7, 1, rows))
    return [f"{text.translate(str.maketrans(',.', '.,'))} €" for text in amounts]


# Other tables of the same kinds: other names, languages, separators and numbers of rows.
OTHERS: dict[str, tuple[str, Case]] = {
    "amounts in euros, semicolons, 3,000 rows": (
        made(3_000, Kunde__Nr=range(70_001, 73_001), Betrag=euros(3_000)).to_csv(
            sep=";", index=False
        ),
        Case(
            features=("Betrag", "besuche"),
            kinds={"Betrag": "money"},
            identifier="Kunde Nr",
            noticed=(r"Betrag.*currency", r"Betrag.*decimal comma"),
        ),
    ),
    "percentages with decimal commas, tabs, 40 rows": (
        made(40, Rabatt=[f"{x:.1f} %".replace(".", ",") for x in RNG.uniform(0, 40, 40)]).to_csv(
            sep="\t", index=False
        ),
        Case(
            features=("Rabatt", "besuche"),
            kinds={"Rabatt": "number|frequency"},
            identifier=None,
            noticed=(r"Rabatt.*percent",),
        ),
    ),
    "a title and units above the header": (
        "Clientes al 31.12.;;\n;;\n"
        + made(60, id_cliente=range(5, 305, 5), ingresos=RNG.integers(900, 9_000, 60)).to_csv(
            sep=";", index=False
        ),
        Case(
            features=("ingresos", "besuche"),
            kinds={"ingresos": "money"},
            identifier="id_cliente",
            noticed=(r"header is on line 3",),
        ),
    ),
    "codes for missing": (
        made(
            300,
            member_id=[f"m{i:05d}" for i in range(0, 900, 3)],
            satisfaction=[*RNG.integers(1, 6, 280), *[98] * 9, *[99] * 11],
            pdays=[*RNG.integers(0, 30, 200), *[999] * 100],
            income_k=[*RNG.integers(10, 90, 290), *[-9] * 10],
        ).to_csv(index=False),
        Case(
            features=("satisfaction", "pdays", "income_k", "besuche"),
            identifier="member_id",
            noticed=(
                r"satisfaction: .*99 in 11 and 98 in 9 of 300 values.*missing",
                r"pdays: .*999 in 100 of 300",
                r"income_k: .*-9 in 10 of 300",
            ),
        ),
    ),
    "days of a spreadsheet": (
        made(
            200,
            joined_date=RNG.integers(42_000, 45_000, 200),
            Geburtsdatum=RNG.integers(15_000, 37_000, 200),
            balance=RNG.integers(42_000, 45_000, 200),
        ).to_csv(index=False),
        Case(
            features=("balance", "besuche"),
            identifier=None,
            excluded={"joined_date": "holds dates", "Geburtsdatum": "holds dates"},
        ),
    ),
    "grades and tiers": (
        made(
            90,
            Coverage="Basic|Extended|Premium",
            Tarif="Basis|Komfort|Premium",
            Risiko="niedrig|mittel|hoch",
        ).to_csv(index=False),
        Case(
            features=("Coverage", "Tarif", "Risiko", "besuche"),
            identifier=None,
            order={
                "Coverage": ("Basic", "Extended", "Premium"),
                "Tarif": ("Basis", "Komfort", "Premium"),
                "Risiko": ("niedrig", "mittel", "hoch"),
            },
        ),
    ),
    "a level is a clue": (
        made(50, grp="Male|Female", Sesso="M|F", art="a|b|c").to_csv(index=False),
        Case(
            features=("grp", "Sesso", "art", "besuche"),
            identifier=None,
            sensitive=("grp", "Sesso"),
        ),
    ),
    "invoices without a customer": (
        made(
            400,
            Invoice__ID=[f"{i:03d}-{i * 7 % 97:02d}" for i in range(400)],
            Branch="A|B|C",
            Total=RNG.uniform(10, 900, 400).round(2),
        ).to_csv(index=False),
        Case(
            features=("Branch", "Total", "besuche"),
            identifier="Invoice ID",
            noticed=(r"Invoice ID: names purchases, not customers.*sum up per customer",),
        ),
    ),
    "mostly unknown, 2,000 rows": (
        made(2_000, Kanal=["keine Angabe"] * 1_980 + ["Netz", "Laden"] * 10).to_csv(index=False),
        Case(
            features=("Kanal", "besuche"),
            identifier=None,
            noticed=(r"Kanal: 'keine Angabe' in 1,980 of 2,000 values is read as missing",),
        ),
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_others_of_a_kind_are_drafted_alike(name: str, tmp_path: Path) -> None:
    """What is understood is the kind of fault, not a file."""
    text, case = OTHERS[name]
    file = tmp_path / "table.csv"
    file.write_text(text, encoding="utf-8")
    check_draft(case, drafted(file, tmp_path))
    validated, schema = load_described(str(file), AUTO)
    assert schema.column_names == case.features
    assert len(validated.customers) == len(text.splitlines()) - (3 if ";;" in text else 1)


@pytest.mark.parametrize("name", CUSTOMERS)
def test_every_command_reads_the_same_customers(name: str, drafts: Drafts) -> None:
    """Search and explore draft what `infer` did; each row is a customer, each cell is read."""
    draft = drafts.of(name)
    validated, schema = load_described(str(draft.file), AUTO)
    assert schema.columns == draft.schema.columns
    assert schema.outcomes == draft.schema.outcomes
    assert schema.excluded == draft.schema.excluded
    lines = draft.file.read_bytes().count(b"\n")
    headers = 2 if name == "two_headers" else 1
    assert len(validated.customers) == lines - headers
    assert not validated.customers.isna().to_numpy().any()


@pytest.mark.parametrize("name", CUSTOMERS)
def test_scoring_takes_every_row(name: str, drafts: Drafts) -> None:
    """Read as for scoring, without outcomes, the customers are those a model learnt from."""
    draft = drafts.of(name)
    expected = load_described(str(draft.file), AUTO)[0].customers
    pieces = []
    for rows in TableFile(draft.file, text_columns(draft.schema)).pieces(10):
        inputs = rows.drop(columns=list(draft.schema.outcome_names))
        piece = check_piece(inputs, draft.schema, 0, name)
        assert not piece.n_bad
        assert piece.validated is not None
        pieces.append(piece.validated.customers)
    customers = pd.concat(pieces)
    assert customers.to_numpy().tolist() == expected.to_numpy().tolist()
    assert [*map(str, customers.index)][:9] == [*map(str, expected.index)][:9]


@pytest.mark.parametrize("name", CUSTOMERS)
def test_the_form_asks_for_features_alone(name: str, drafts: Drafts) -> None:
    """One field a feature; what stands in the file can be typed, and means the same."""
    draft = drafts.of(name)
    schema = draft.schema
    table = TableFile(draft.file, schema.column_names).whole()
    customers = validate(table, schema).customers
    levels = decode(customers, schema).reset_index(drop=True)  # chosen from a list, not typed
    for row in (0, len(table) - 1):
        typed = {
            column.name: typing((levels if column.categorical else table)[column.name][row], ".")
            for column in schema.columns
        }
        form = typed_form(typed, schema)
        assert [form.column(n).name for n in schema.column_names] == [*schema.column_names]
        assert typed_customer(form, schema).iloc[0].tolist() == customers.iloc[row].tolist()


def typed_form(typed: Mapping[str, str], schema: TableSchema) -> CustomerForm:
    """Return the form with what was typed, which it must accept."""
    app = Flask("form")
    app.config |= {"WTF_CSRF_ENABLED": False}
    with app.test_request_context(method="POST", data=typed):
        form = customer_form(schema)
        assert form.validate_on_submit(), form.errors
        return form


@pytest.mark.parametrize("name", CLOUDS)
def test_independent_columns_are_no_structure(name: str, drafts: Drafts) -> None:
    """The verdict that search, card and pages repeat."""
    validated, schema = load_described(str(drafts.of(name).file), AUTO)
    prepared = prepare_table(validated.customers, schema)
    structure = structure_of(prepared.customers, prepared.schema)
    assert structure.answer == "no", structure.evidence
    assert structure.sentence.startswith("No structure")


def explored(name: str, file: Path) -> tuple[int, str]:
    """Explore a table as the command does; return its exit status and all that it printed."""
    arguments = ["--data", str(file), "--experiment-name", name]
    result = CliRunner().invoke(explore.main, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def searched(name: str, file: Path, **options: str) -> tuple[int, str]:
    """Search a table for a moment."""
    return search(name, file, **{"n-trials": "2", "k-max": "4", **options})


COMMANDS: dict[str, Callable[[str, Path], tuple[int, str]]] = {
    "explore": explored,
    "search": searched,
}


@pytest.mark.parametrize("command", ["infer", *COMMANDS])
@pytest.mark.parametrize("name", REFUSED)
def test_purchases_end_before_the_first_trial(
    name: str, command: str, cases_folder: Path, workplace: Path
) -> None:
    """Every command says that a row is a purchase, with the count and what to do."""
    assert workplace.is_dir()
    file = cases_folder / f"{name}.csv"
    if command == "infer":
        result = CliRunner().invoke(main, ["infer", str(file)])
        status, output = result.exit_code, result.output
    else:
        status, output = COMMANDS[command](name, file)
    assert status == 2
    assert not [pattern for pattern in CASES[name].refused if not re.search(pattern, output)]
    assert "trial" not in output


@pytest.mark.parametrize("command", COMMANDS)
def test_one_column_is_no_table_to_search(
    command: str, cases_folder: Path, workplace: Path
) -> None:
    """Explore sees no structure in it; a search ends in a sentence before its first trial."""
    assert workplace.is_dir()
    name = "one_uniform_column_5000"
    status, output = COMMANDS[command](name, cases_folder / f"{name}.csv")
    if command == "explore":
        assert status == 0, output
        assert "No structure" in output
        assert "There is structure" not in output
    else:
        assert status == 2
        assert "two or more features" in output
        assert "[1/" not in output


@pytest.mark.parametrize("command", COMMANDS)
def test_independent_columns_are_no_structure_in_every_command(
    command: str, cases_folder: Path, workplace: Path
) -> None:
    """Explore and search say it in the same sentence; the registered version bears it."""
    assert workplace.is_dir()
    name = "noise_uniform_and_flags_5000"
    status, output = COMMANDS[command](name, cases_folder / f"{name}.csv")
    assert status == 0, output
    assert "No structure: these data look like one cloud without groups." in output
    assert "There is structure" not in output
    if command == "search":
        version = MlflowClient().get_model_version_by_alias(name, "champion")
        assert version.tags["structure"] == "no"


def test_a_level_is_never_named_where_most_is_unknown(
    cases_folder: Path, workplace: Path, tmp_path: Path
) -> None:
    """From the file to cards and a scored file; each sentence is recomputed from the file."""
    assert workplace.is_dir()
    name = "mostly_unknown_category_400"
    file, target = cases_folder / f"{name}.csv", tmp_path / "scored.csv"
    for model_name, options in (("outcome", {}), ("feature", {"as-features": "outcome"})):
        status, output = searched(model_name, file, **options)
        assert status == 0, output
        arguments = ["--data", str(file), "--out", str(target), "--model-name", model_name]
        scoring = CliRunner().invoke(score.main, arguments)
        assert scoring.exit_code == 0, scoring.output
        model = describe(model_name)
        truth = pd.read_csv(file, na_values=["unknown"])
        facts = Facts(truth, pd.read_csv(target)["segment"], model.schema)
        wrong = []
        for profile in model.profiles:
            number = profile["number"]
            wrong += facts.wrong_sentence(profile["sentence"], number)
            outcomes = profile.get("outcomes", ())
            wrong += [facts.wrong_outcome(outcome["sentence"], number) for outcome in outcomes]
            assert facts.true_name(profile["name"], number)
            assert "Outcome other" not in profile["name"]
        assert not [text for text in wrong if text]
