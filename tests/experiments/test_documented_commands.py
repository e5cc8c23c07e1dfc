"""Every command that a page says to type: run here as it stands, or by the test that is named."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from click.testing import CliRunner
from mlflow.projects import _project_spec

from experiments.benchmark.__main__ import main as benchmark
from experiments.command_line import COMMANDS, main
from segmentation.data.synthetic import generate
from segmentation.data.synthetic.card_transactions import iter_transactions
from tests.stores import tracking_store
from tests.test_documentation import PAGES, commands

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = re.compile(
    r"mlflow|python|make|customer-segmentation|curl|gunicorn|docker|spark-submit|\.venv/bin/.*"
)
SETTING = re.compile(r"[A-Z_]+=")
BENCHMARK = "experiments.benchmark"
MODULES = {module.removesuffix(".__main__"): name for name, (module, _) in COMMANDS.items()}
# Benchmarks that a small table and few trials make quick.
SMALL = {
    "collect": "--rows 2000",
}
FEW = {"n_trials": "3", "k_max": "4", "trial_gigabytes": "0", "trial_seconds": "0", "n_jobs": "1"}
CI = ".ci/run"
CUSTOMERS = 300

# What takes servers, a browser, Spark, a database or minutes: which test does the same, or which
# command of the house is it.
ELSEWHERE = {
    "make demo": "tests/e2e/test_product.py::test_a_person_walks_through_every_page",
    "make test": CI,
    "make lint": CI,
    "make serve": "tests/soak/test_gateway_load.py::test_promotions_under_load_fail_no_request",
    "make docs": "tests/test_documentation.py::test_the_reference_is_written",
    "make soak": "tests/soak/test_kills.py",
    "make bench": "tests/experiments/benchmark/test_growth.py",
    "make mutants": "tests/mutants.py",
    "make licences": "tests/licences.py",
    "make audit": "Makefile",
    ".venv/bin/pre-commit install": ".pre-commit-config.yaml",
    "SEGMENTATION_SCORED=* make serve": "tests/e2e/test_states.py::test_a_list_of_customers",
    "SEGMENTATION_AUTH=* make serve": "tests/e2e/test_states.py::test_people_sign_in_and_out",
    "SEGMENTATION_MODELS=* make serve": (
        "tests/e2e/test_mounted.py::test_two_models_below_a_prefix_behind_tls"
    ),
    "mlflow server --backend-store-uri sqlite:///mlflow.db --port 5000": (
        "tests/e2e/test_product.py::test_mlflow_shows_the_winner_of_each_study"
    ),
    "mlflow server * --app-name basic-auth *": (
        "tests/experiments/test_signed_in.py::test_a_first_search_registers"
    ),
    "mlflow artifacts download *": (
        "tests/e2e/test_product.py::test_the_registered_version_describes_itself"
    ),
    "mlflow models generate-dockerfile *": (
        "tests/e2e/test_live.py::test_a_container_is_built_of_the_registered_files"
    ),
    "python - <<END": "tests/soak/test_webhooks.py::test_webhooks",
    "mlflow models serve *": "tests/e2e/test_live.py::test_what_is_served_is_what_was_checked",
    "SEGMENTATION_SCORING_URL=* gunicorn *": (
        "tests/e2e/test_product.py::test_a_person_walks_through_every_page"
    ),
    "python -m serve --workers *": (
        "tests/soak/test_gateway_load.py::test_servers_killed_in_mid_batch"
    ),
    "curl -sf *ready*": "tests/soak/test_gateway_load.py::test_servers_killed_in_mid_batch",
    "curl -s *": "tests/e2e/test_product.py::test_the_scoring_server_takes_nulls_and_whole_numbers",
    "* -P data=postgresql://host/bank?table=mart.customers": (
        "tests/experiments/test_warehouse.py::test_a_search_records_where_its_customers_came_from"
    ),
    "* -e score -P data=duckdb:*": (
        "tests/experiments/test_warehouse.py::test_a_table_in_a_database_is_scored_and_monitored"
    ),
    "* -e score -P data=postgresql://*": (
        "tests/experiments/test_warehouse.py::test_answers_go_back_into_the_database"
    ),
    "mlflow run . * storage=postgresql://*": (
        "tests/experiments/test_spark.py::test_a_search_on_several_machines_is_a_shared_study"
    ),
    "* engine=spark *": "tests/experiments/test_spark.py::test_answers_are_those_of_one_process",
    "spark-submit *": "tests/experiments/test_spark.py::test_answers_are_those_of_one_process",
    "* -P data=../shared/data/BankChurners.csv *": (
        "tests/experiments/test_outcomes.py::test_run_and_card_say_what_happened"
    ),
    "MLFLOW_TRACKING_URI=sqlite:////srv/* search *": (
        "tests/experiments/test_paths.py::test_a_read_only_folder_is_left_alone"
    ),
    "* -e explore -P data=../shared/*": (
        "tests/experiments/test_explore.py::test_a_run_holds_the_whole_analysis"
    ),
    "* -e promote -P k=5": (
        "tests/experiments/search/test_workflow.py::test_an_alternative_is_one_command"
    ),
    "* --data customers.parquet --schema customers.yaml *": (
        "tests/experiments/test_collect.py::test_a_recipe_travels_with_the_model"
    ),
    "*score --data embedded-transactions:* --collect *": (
        "tests/experiments/test_collect.py::test_segments_go_back_to_where_the_transactions_are"
    ),
    "customer-segmentation rfm *": (
        "tests/experiments/test_collect.py::test_rfm_groups_stand_beside_the_segments"
    ),
    "customer-segmentation history --transactions *": (
        "tests/experiments/test_collect.py::"
        "test_a_history_of_transactions_is_that_of_the_collected_days"
    ),
    "customer-segmentation collect --data embedded-transactions:*": (
        "tests/experiments/test_collect.py::test_scoring_transactions_scores_their_customers"
    ),
    "python -m experiments.retrain --data postgresql:*": (
        "tests/soak/test_retrain_kills.py::test_a_retraining_killed_at_its_steps"
    ),
    "0 4 * cd /srv/*": "tests/experiments/test_retrain.py::test_nothing_is_done_without_need",
    **{
        f"python -m experiments.benchmark {name}*": f"tests/{test}"
        for name, test in {
            "confidence": "experiments/benchmark/test_confidence.py::"
            "test_planted_memberships_are_nearly_as_good_as_the_true_posterior",
            "lists": "experiments/benchmark/test_lists.py::test_both_places_have_every_figure",
            "nulls": "experiments/benchmark/test_segments.py::"
            "test_tables_without_groups_are_counted",
            "promotions": "soak/test_gateway_load.py::test_promotions_under_load_fail_no_request",
            "quality": "experiments/benchmark/test_quality.py::"
            "test_the_report_holds_one_object_per_problem",
            "races": "experiments/registry/test_promotion.py::test_races_on_sqlite",
            "ranks": "experiments/benchmark/test_growth.py::"
            "test_a_sample_of_everybody_ranks_as_everybody",
            "repeats": "experiments/benchmark/test_segments.py::"
            "test_shuffled_rows_and_other_units_change_nothing",
            "retrains": "experiments/registry/test_lifecycle.py::"
            "test_most_segments_keep_number_and_name",
            "scale": "experiments/benchmark/test_growth.py::"
            "test_each_missed_target_of_growth_is_said",
            "search": "experiments/benchmark/test_growth.py::"
            "test_each_missed_target_of_the_search_is_said",
            "segments": "experiments/benchmark/test_segments.py::"
            "test_segments_prints_means_alternatives_and_pick",
            "serving": "experiments/benchmark/test_serving.py::"
            "test_it_measures_both_servers_and_tells_what_was_missed",
            "spark": "experiments/test_spark.py::test_answers_are_those_of_one_process",
            "tracking": "experiments/search/test_workflow.py::test_costs_of_tracking_are_reprinted",
        }.items()
    },
}
Words = tuple[str, ...]


class Ended(NamedTuple):
    """How a command ended and what it printed."""

    status: int
    printed: str


def is_command(words: Sequence[str]) -> bool:
    """Tell a line that is typed from one that was printed."""
    own = [word for word in words if not SETTING.match(word)]
    ours = own[:1] == ["customer-segmentation"]
    return own[:2] == ["0", "4"] or bool(
        own and PROGRAM.fullmatch(own[0]) and not (ours and own[1] == "version")
    )


TYPED: list[Words] = sorted(
    {tuple(words) for page in PAGES for words in commands(page) if is_command(words)}
)


def elsewhere(words: Words) -> list[str]:
    """Return which of the patterns a command has."""
    return [pattern for pattern in ELSEWHERE if fnmatchcase(" ".join(words), pattern)]


HERE = [words for words in TYPED if not elsewhere(words)]


@pytest.fixture(scope="module")
def searches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Words, Ended]]:
    """Work in a folder with the tables that the pages name; return how its searches ended."""
    folder = tmp_path_factory.mktemp("typed") / "checkout"
    shared = folder.parent / "shared" / "data"
    for place in (folder, shared):
        place.mkdir(parents=True)
    tables = {folder / "customers.csv": 3, folder / "new.csv": 3, shared / "CC GENERAL.csv": 6}
    for path, seed in tables.items():
        generate(CUSTOMERS, seed=seed).to_csv(path, index=False)
    for month, seed in (("january", 4), ("february", 5)):
        generate(200, seed=seed).to_csv(folder / f"{month}.csv", index=False)
    next(iter_transactions(60)).to_parquet(folder / "transactions.parquet")
    with tracking_store(folder):
        # Of processes that a command starts.
        os.environ["PYTHONPATH"] = str(ROOT)
        yield {words: typed(words) for words in HERE if entry_of(words)[0] == "search"}


def entry_of(typed: Words) -> tuple[str, list[str]]:
    """Return the entry point of a command and its arguments; searches have few trials."""
    words = [word for word in typed if not SETTING.match(word)]
    if words[:3] == ["mlflow", "run", "."]:
        entry = words[words.index("-e") + 1] if "-e" in words else "main"
        pairs = dict(words[i + 1].split("=", 1) for i, word in enumerate(words) if word == "-P")
        few = FEW if entry == "main" else {}
        project = _project_spec.load_project(str(ROOT))
        # As MLflow itself makes a command of an entry point and its parameters.
        command = project.get_entry_point(entry).compute_command({**few, **pairs}, None)
        words = shlex.split(command)
    if words[:3] == ["python", "-m", BENCHMARK]:
        return BENCHMARK, [*words[3:], *SMALL[words[3]].split()]
    if words[:2] == ["python", "-m"]:
        return MODULES[words[2]], words[3:]
    name, arguments = words[1], words[2:]
    if name == "search":
        few = {f"--{key.replace('_', '-')}": value for key, value in FEW.items()}
        arguments += [word for pair in few.items() for word in pair]
    return name, arguments


def typed(words: Words) -> Ended:
    """Run a command as it is typed; what it prints goes where it says."""
    name, arguments = entry_of(words)
    arguments, out = (arguments[:-2], arguments[-1]) if ">" in arguments else (arguments, "")
    if name == BENCHMARK:  # starts processes that look for it in the folder it was started in
        command = (sys.executable, "-m", BENCHMARK, *arguments)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return Ended(done.returncode, done.stdout + done.stderr)
    result = CliRunner().invoke(main, [name, *arguments], input="a long pass phrase\n" * 2)
    if out:
        Path(out).write_text(result.stdout, encoding="utf-8")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ended(result.exit_code, result.output)


@pytest.mark.parametrize("words", HERE, ids=" ".join)
def test_what_is_documented_can_be_typed(words: Words, searches: dict[Words, Ended]) -> None:
    """It ends well and what it writes is there; a closed gate and a missed target are answers."""
    result = searches.get(words) or typed(words)
    name, arguments = entry_of(words)
    assert result.status in ({0, 1} if name in {"promote", BENCHMARK} else {0}), result.printed
    assert "Traceback" not in result.printed
    written = [arguments[i + 1] for i, word in enumerate(arguments) if word in {"--out", ">"}]
    for file in filter(None, written):
        assert Path(file).stat().st_size > 100, file
        if file == "scored.csv":
            assert len(pd.read_csv(file)) == CUSTOMERS


def test_every_other_command_is_run_by_a_test_that_exists() -> None:
    """Each pattern is of a command that is documented, and its test is there."""
    assert len(HERE) > 15
    for pattern, place in ELSEWHERE.items():
        assert any(pattern in elsewhere(words) for words in TYPED), pattern
        file, _, test = place.partition("::")
        assert (ROOT / file).is_file(), place
        assert not test or f"\ndef {test}(" in (ROOT / file).read_text(encoding="utf-8"), place
    assert [words for words in TYPED if len(elsewhere(words)) > 1] == []


@pytest.mark.parametrize(
    "words", [words for words in TYPED if words[1:3] == ("-m", BENCHMARK)], ids=" ".join
)
def test_the_measurements_have_these_options(words: Words) -> None:
    """Each exists and takes what is typed."""
    command = benchmark.commands[words[3]]
    options = {flag for parameter in command.params for flag in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options
