"""`score` and `monitor` take what the pages take, and name what cannot be used as they do."""

import json
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from mlflow import MlflowClient

from experiments import monitor, score
from experiments.registry import packaging
from experiments.registry.registration import register
from experiments.tracking.event_run import registry_experiment
from experiments.work.file_scoring import bad_rows_path, score_file
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.data.validation import validate
from segmentation.data.writers import ANSWER, TYPES, harmless
from segmentation.evaluation.evaluator import Evaluator
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.monitoring import with_reference
from segmentation.monitoring.drift import MIN_CUSTOMERS, stability_index
from segmentation.preprocessing.categorical import prepare_table
from segmentation.schema.inference import infer_schema

NAME = "odd-names"
# Names that are columns of an answer, paths, formulas, markup, mathematics, or nearly equal.
NUMBERS = (
    *("Annual Income (k$)", "a $ and $ b {x", "100%", 'it\'s "quoted"', "a/b", "x.y.z", "1st"),
    *("😀 Größe", "L" * 300, "segment", "confidence", "detail", "index", "name", "Balance"),
    *("balance", " padded", "padded ", "reasons", "<b>x</b>", "a,b", "=1+1", "psi_a", "..", "x^2"),
    *("a_b", "row", "line", "problem"),
)
LEVELS = ("low", "mid", "high")
ROWS = 240


def table(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """Return customers of three kinds, which every column tells apart."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, rows)
    amounts = {
        name: (np.abs(5 * kind + rng.normal(size=rows)) * (1 + place)).round(2)
        for place, name in enumerate(NUMBERS)
    }
    level = np.array(LEVELS)[(kind + (rng.random(rows) < 0.3)) % 3]
    identifiers = [f"{number:05d}" for number in range(rows)]
    return pd.DataFrame({"customer": identifiers, **amounts, "level": level})


@pytest.fixture(scope="module")
def champion(workplace: Path) -> str:
    """Register a model of such customers, with its reference batch."""
    frame = table()
    schema = infer_schema(frame, NAME)
    prepared = prepare_table(validate(frame, schema).customers, schema)
    spec = SegmenterSpec(NAME, Preprocessing(), "k_means", {"n_clusters": 3})
    evaluated = Evaluator(prepared.customers, prepared.schema).evaluate(spec)
    built = SegmentationModel.build(
        evaluated.segmenter, prepared.customers, evaluated.evaluation, 0, prepared.table
    )
    model, client = with_reference(built, prepared.people), MlflowClient()
    run_id = client.create_run(registry_experiment(client, NAME)).info.run_id
    uri = packaging.log_model(client, run_id, model)
    return register(client, NAME, uri, run_id=run_id, description="", tags={})


def run(command: object, *arguments: object) -> Result:
    """Run a command with the registered model."""
    words = ["--model-name", NAME, *map(str, arguments)]
    return CliRunner().invoke(command, words)  # type: ignore[arg-type]


def written(frame: pd.DataFrame, path: Path) -> Path:
    """Write a table by the ending of its path."""
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        with pd.ExcelWriter(path) as book:
            frame.to_excel(book, index=False)
            for cell in book.sheets["Sheet1"][1]:
                cell.data_type = "s"  # a name that starts with = is no formula
    return path


def read(path: Path) -> pd.DataFrame:
    """Read a scored file, identifiers as text."""
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype={"customer": str})
    return (
        pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_excel(path, dtype={0: str})
    )


def spoilt(frame: pd.DataFrame, *rows: int, value: object = "canary") -> pd.DataFrame:
    """Return a table with a bad cell in some rows."""
    frame = frame.astype({"100%": object})
    frame.loc[list(rows), "100%"] = value
    return frame


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".xlsx"])
def test_a_scored_file_has_the_columns_of_a_download(
    champion: str, tmp_path: Path, ending: str
) -> None:
    """Whatever the columns are called: the table's own, then the answer, in one order."""
    own = ["customer", *(f"{n}_" if n in TYPES else n for n in table(1).columns[1:])]
    data = written(table(60, seed=1), tmp_path / f"in{ending}")
    for out in (".csv", ".parquet", ".xlsx"):
        result = run(score.main, "--data", data, "--out", tmp_path / f"out{out}")
        assert result.exit_code == 0, result.output
        scored = read(tmp_path / f"out{out}")
        names = own if out == ".parquet" else [harmless(name) for name in own]
        assert list(scored) == [*names, *ANSWER]
        amounts = scored[names[1]].astype(float)
        assert amounts.tolist() == pytest.approx(table(60, seed=1).iloc[:, 1].tolist())
        assert list(scored["customer"]) == list(table(60)["customer"])
        assert set(scored["segment"]) == {1, 2, 3}


def test_a_scored_file_has_memberships_where_they_are_requested(
    champion: str, tmp_path: Path
) -> None:
    """One text a customer: a probability for every segment, that of the own one the confidence."""
    source, target = written(table(50), tmp_path / "in.csv"), tmp_path / "out.csv"
    arguments = ("--data", source, "--out", target)
    assert run(score.main, *arguments, "--memberships").exit_code == 0
    scored = read(target)
    for cell, segment, confidence in zip(
        scored["memberships"], scored["segment"], scored["confidence"], strict=True
    ):
        memberships = json.loads(cell)
        assert sum(memberships.values()) == pytest.approx(1.0)
        assert memberships[str(segment)] == pytest.approx(confidence)
    assert run(score.main, *arguments).exit_code == 0
    assert "memberships" not in read(target)


def test_bad_rows_are_named_by_line_and_nothing_is_written(champion: str, tmp_path: Path) -> None:
    """Line as in an editor, column, kind of value, remedy, number of rows, the option; no value."""
    data = written(spoilt(table(60), 5, 40), tmp_path / "in.csv")
    lines = data.read_text(encoding="utf-8").splitlines()
    data.write_text("\n".join([lines[0], "", *lines[1:]]), encoding="utf-8")
    for command, arguments in ((score.main, ("--out", tmp_path / "out.csv")), (monitor.main, ())):
        result = run(command, "--data", data, *arguments)
        assert result.exit_code == {score.main: 2, monitor.main: 3}[command], result.output
        assert "2 rows cannot be scored" in result.output
        assert "line 8, column 100%: expected numbers" in result.output
        assert "line 43, column 100%" in result.output
        assert "found a text. Correct these cells" in result.output
        assert "use the other 58 with --skip-bad-rows" in result.output
        assert "canary" not in result.output
        assert "not_a_number" not in result.output
        assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_rows_of_a_named_sheet_are_named_too(champion: str, tmp_path: Path) -> None:
    """In a workbook the line is the sheet's row; the workbook itself is never overwritten."""
    data = f"{written(spoilt(table(60), 5), tmp_path / 'in.xlsx')}#Sheet1"
    for command, arguments in ((score.main, ("--out", tmp_path / "out.csv")), (monitor.main, ())):
        result = run(command, "--data", data, *arguments)
        assert "line 7, column 100%: expected numbers" in result.output
    result = run(score.main, "--data", data, "--out", tmp_path / "in.xlsx")
    assert "is the input; name another file" in result.output


def test_bad_rows_are_left_out_and_written_beside(champion: str, tmp_path: Path) -> None:
    """The others have the answers they have in a good file; the bad ones their line and reason."""
    out, frame = tmp_path / "out.csv", table(60)
    run(score.main, "--data", written(frame, tmp_path / "good.csv"), "--out", out)
    good = read(out)
    data = written(spoilt(frame, 5, 40), tmp_path / "in.csv")
    result = run(score.main, "--data", data, "--out", out, "--skip-bad-rows")
    assert result.exit_code == 0, result.output
    assert "58 customers scored" in result.output
    assert f"2 rows were not scored: see {out}.bad_rows.csv" in result.output
    expected = good.drop(index=[5, 40]).reset_index(drop=True)
    pd.testing.assert_frame_equal(read(out), expected)
    bad = pd.read_csv(f"{out}.bad_rows.csv", dtype={"customer": str})
    # The table has columns of these names: those of the report give way.
    assert list(bad["line_"]) == [7, 42]
    assert list(bad["customer"]) == ["00005", "00040"]
    assert set(bad["100%"]) == {"canary"}
    assert bad["problem_"].str.contains("100%: expected numbers").all()


def test_what_was_written_beside_goes_with_the_next_good_file(
    champion: str, tmp_path: Path
) -> None:
    """Bad rows of another time are not taken for those of this one."""
    out = tmp_path / "out.csv"
    for frame, beside in ((spoilt(table(60), 5), True), (table(60), False)):
        data = written(frame, tmp_path / "in.csv")
        assert run(score.main, "--data", data, "--out", out, "--skip-bad-rows").exit_code == 0
        assert bad_rows_path(out).exists() is beside


def test_corrected_rows_are_a_table(champion: str, tmp_path: Path) -> None:
    """What was written beside can be scored when its cells are right."""
    out = tmp_path / "out.csv"
    data = written(spoilt(table(60), 5), tmp_path / "in.csv")
    run(score.main, "--data", data, "--out", out, "--skip-bad-rows")
    beside = Path(f"{out}.bad_rows.csv")
    beside.write_text(beside.read_text(encoding="utf-8").replace(",canary,", ",1.5,"), "utf-8")
    result = run(score.main, "--data", beside, "--out", tmp_path / "rest.csv")
    assert result.exit_code == 0, result.output
    assert list(read(tmp_path / "rest.csv")["customer"]) == ["00005"]


def test_a_file_of_bad_rows_alone_is_refused(champion: str, tmp_path: Path) -> None:
    """There are no others to score, so the option is not offered."""
    data = written(spoilt(table(60), *range(60)), tmp_path / "in.csv")
    for option in ((), ("--skip-bad-rows",)):
        result = run(score.main, "--data", data, "--out", tmp_path / "out.csv", *option)
        assert result.exit_code == 2
        assert "60 rows cannot be scored" in result.output
        assert "… and 10 more cells" in result.output
        assert "with --skip" not in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_unseen_levels_are_counted_and_named(
    champion: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Column, rows, how many levels and three of them, over all pieces of the file."""
    monkeypatch.setenv("SEGMENTATION_MINIMUM_GROUP", "1")  # pieces of seven rows name no level
    frame = table(60)
    frame.loc[:29, "level"] = [f"new {number % 5}" for number in range(30)]
    data = written(frame, tmp_path / "in.csv")
    monkeypatch.setattr(score_file, "__defaults__", (7,))
    for command, arguments in ((score.main, ("--out", tmp_path / "out.csv")), (monitor.main, ())):
        result = run(command, "--data", data, *arguments)
        (line,) = [line for line in result.output.splitlines() if "column level" in line]
        assert "found 5 unseen levels ('new 0', 'new 1', 'new 2', …) in 30 rows" in line
        assert ": unseen_level" not in result.output


def test_no_rows_are_said_as_such(champion: str, tmp_path: Path) -> None:
    """A header alone, and a Parquet file without rows, are not "rows 1 to 0"."""
    for ending in (".csv", ".parquet"):
        data = written(table(60).iloc[:0], tmp_path / f"in{ending}")
        for command, arguments in (
            (score.main, ("--out", tmp_path / "out.csv")),
            (monitor.main, ()),
        ):
            result = run(command, "--data", data, *arguments)
            assert result.exit_code == {score.main: 2, monitor.main: 3}[command]
            assert "expected at least one row below the header" in result.output
            assert "1 to 0" not in result.output


@pytest.mark.parametrize("rows", [1, MIN_CUSTOMERS - 1])
def test_too_few_customers_get_no_verdict(champion: str, tmp_path: Path, rows: int) -> None:
    """One sentence says how many are needed, and why; nothing is recorded."""
    data = written(table(rows), tmp_path / "in.csv")
    result = run(monitor.main, "--data", data)
    assert result.exit_code == monitor.FAILED
    assert "expected 50 or more customers, five for each of the 10 bins" in result.output
    assert ": ok" not in result.output


def test_fewer_customers_than_needed_would_pass_for_drift_by_chance() -> None:
    """The index of customers who do not differ averages 0.18 at the least number, more below."""
    rng = np.random.default_rng(0)
    uniform = np.full(10, 0.1)
    mean = {
        n: np.mean([stability_index(uniform, rng.multinomial(n, uniform) / n) for _ in range(2000)])
        for n in (20, MIN_CUSTOMERS)
    }
    assert mean[MIN_CUSTOMERS] < 0.25 < mean[20]


def test_columns_of_every_shape_are_monitored(champion: str, tmp_path: Path) -> None:
    """Every column has its metric in MLflow, under a name that MLflow takes."""
    data = written(table(120, seed=3), tmp_path / "in.csv")
    result = run(monitor.main, "--data", data, "--out", tmp_path / "report.html")
    assert result.exit_code in {0, 1, 2}, result.output
    assert "120 customers: " in result.output
    client = MlflowClient()
    experiment = client.get_experiment_by_name(f"{NAME}-registry")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], "tags.kind = 'monitoring'")
    names = set(runs[0].data.metrics)
    assert sum(name.startswith("psi_") for name in names) == len(NUMBERS) + 1
    assert {"psi_Annual Income _k__", "psi_a_b", "psi_a/b"} <= names


def test_bad_rows_are_left_out_of_monitoring(champion: str, tmp_path: Path) -> None:
    """The others are compared, and how many were not is said."""
    data = written(spoilt(table(120, seed=3), 5, value="inf"), tmp_path / "in.csv")
    refused = run(monitor.main, "--data", data)
    assert (refused.exit_code, "found an infinite number" in refused.output) == (3, True)
    result = run(monitor.main, "--data", data, "--skip-bad-rows")
    assert "119 customers: " in result.output
    assert "1 bad row left out" in result.output


def test_a_column_called_detail_stays_what_it_is(champion: str) -> None:
    """A table that has it asks for less with another column, and gets the same segments."""
    served = mlflow.pyfunc.load_model(f"models:/{NAME}/{champion}")
    few = table(20, seed=1)
    full, short = served.predict(few), served.predict(few.assign(detail_="basic"))
    assert isinstance(short, dict)
    assert short["segment"] == full["segment"].tolist()


def test_a_wrong_parameter_is_no_verdict() -> None:
    """The exit code of a missing parameter is not that of "train again"."""
    assert run(monitor.main).exit_code == monitor.FAILED


def test_a_password_that_mlflow_has_recorded_is_refused(
    champion: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mlflow run` logs parameters before this project starts: the sentence says what to do."""
    monkeypatch.setenv("MLFLOW_RUN_ID", "abc")
    data = "postgresql://ada:s3cret@localhost/bank?table=t"
    for command, arguments in ((score.main, ("--out", tmp_path / "o.csv")), (monitor.main, ())):
        result = run(command, "--data", data, *arguments)
        assert "the password now stands in run abc" in result.output
        assert "s3cret" not in result.output
