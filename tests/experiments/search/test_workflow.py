"""A search runs, is interrupted, goes on, ends; MLflow holds every trial of it."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Barrier

import mlflow
import numpy as np
import optuna
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.entities import Run

from experiments import compare, promote
from experiments.benchmark.__main__ import main as benchmark
from experiments.registry import promotion
from experiments.registry.client import (
    CARD_SCORE,
    alternatives,
    describe,
    list_versions,
    version_of,
)
from experiments.search.__main__ import main
from experiments.search.candidates import Candidate, as_text
from experiments.search.fidelity import Fidelity, Samples
from experiments.search.proposals import ProposalSampler
from experiments.search.runner import refitted
from experiments.search.search_space import Space
from experiments.search.workflow import describe_data, run
from experiments.study.storage import default_storage, open_storage
from experiments.study.study import (
    PLACE,
    open_study,
    optimise,
    settled,
)
from experiments.study.worker_pool import EvaluationError
from experiments.tracking.event_run import registry_experiment
from experiments.tracking.parent_run import open_experiment, open_parent
from experiments.tracking.tracker import Tracker
from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.data.readers import load_customers
from segmentation.data.synthetic import generate
from segmentation.evaluation.constraints import Constraints
from segmentation.schema import load_schema
from tests.experiments.conftest import OPTIONS
from tests.stores import files_with

SPACE = Space("cc_general", 3, 5, 0)
ROOT = Path(__file__).resolve().parents[3]


def trials_of(experiment: str) -> list[tuple[dict[str, object], float | None]]:
    storage = open_storage(default_storage(os.environ["MLFLOW_TRACKING_URI"]))
    (name,) = [n for n in optuna.get_all_study_names(storage) if n.startswith(f"{experiment}-")]
    trials = settled(optuna.load_study(study_name=name, storage=storage))
    return [(t.params, t.value) for t in sorted(trials, key=lambda t: t.user_attrs[PLACE])]


def runs_of(client: MlflowClient, experiment: str) -> tuple[list[Run], list[Run]]:
    """Return parents and nested runs."""
    entity = client.get_experiment_by_name(experiment)
    assert entity is not None
    runs = client.search_runs([entity.experiment_id])
    nested = [r for r in runs if "mlflow.parentRunId" in r.data.tags]
    return [r for r in runs if r not in nested], nested


@pytest.fixture(scope="module")
def undisturbed(workplace: Path) -> str:
    """Return the experiment of a search that ran through."""
    assert run(replace(OPTIONS, experiment_name="whole", model_name="whole")) == 0
    return "whole"


def test_every_trial_is_one_finished_run(undisturbed: str, client: MlflowClient) -> None:
    """One parent, six nested; parameters, metrics, verdict and data set on each."""
    parents, nested = runs_of(client, undisturbed)
    assert (len(parents), len(nested)) == (1, 6)
    for trial_run in nested:
        assert trial_run.info.status == "FINISHED"
        assert trial_run.data.params["algorithm"]
        assert trial_run.data.metrics["score"] >= 0
        assert trial_run.data.tags["feasible"] in {"yes", "no"}
        dataset = trial_run.inputs.dataset_inputs[0].dataset
        assert dataset.digest
        assert "embedded:600" in dataset.source
        assert json.loads(dataset.profile)["num_rows"] == 600
    assert parents[0].data.metrics["trials"] == 6
    assert parents[0].data.metrics["score"] > 1


def test_the_run_table_tells_the_story(undisturbed: str, client: MlflowClient) -> None:
    """Which trial won, with what, on which data, by whom and from which commit, without a click."""
    (parent,), nested = runs_of(client, undisturbed)
    tags = parent.data.tags
    story = f" · {tags['segments']} segments · {tags['algorithm']}"
    assert parent.info.run_name == f"embedded:600{story}"
    registered = [run for run in nested if "registered" in run.data.tags]
    (winner,) = registered
    assert winner.info.run_name == f"★ #{int(winner.data.tags['trial']):03d}{story}"
    place = parent.info.experiment_id
    assert client.search_runs([place], "tags.pick = 'yes'")[0].info.run_id == winner.info.run_id
    assert (
        f"#/experiments/{place}/runs?viewStateShareKey=winners"
        in (client.get_experiment(place).tags["mlflow.note.content"])
    )
    # A study that goes on may pick another trial.
    other = next(run for run in nested if run != winner)
    client.set_tag(other.info.run_id, "pick", "yes")
    client.set_tag(other.info.run_id, "mlflow.runName", f"★ {other.info.run_name}")
    assert run(replace(OPTIONS, experiment_name=undisturbed, model_name=undisturbed)) == 0
    names = [run.info.run_name for run in client.search_runs([place], "tags.trial LIKE '%'")]
    assert [name for name in names if name.startswith("★")] == [winner.info.run_name]
    assert winner.data.tags["registered"] == tags["registered"] == "whole version 1"
    version = client.get_model_version("whole", "1")
    assert [f"models:/{one.model_id}" for one in winner.outputs.model_outputs] == [version.source]
    link = f"](#/experiments/{parent.info.experiment_id}/runs/{winner.info.run_id})"
    assert link in tags["mlflow.note.content"]
    assert link not in version.description
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    for run_tags in (tags, winner.data.tags):
        assert run_tags["mlflow.source.name"] == "experiments.search"
        assert run_tags["mlflow.user"]
        assert run_tags.get("mlflow.source.git.commit", "") in {commit.stdout.strip(), ""}


def test_the_alternatives_are_stored_for_the_pages(undisturbed: str, client: MlflowClient) -> None:
    """Each with the sizes of its segments; the pick among them is what the version has."""
    version = client.get_model_version("whole", "1")
    stored = alternatives("whole", "1")
    assert [one.segments for one in stored] == sorted(len(one.shares) for one in stored)
    for one in stored:
        assert sum(one.shares) == pytest.approx(1)
        assert list(one.shares) == sorted(one.shares, reverse=True)
    (picked,) = [one for one in stored if one.picked]
    assert (str(picked.segments), f"{picked.score:.3f}") == (
        version.tags["segments"],
        version.tags["score"],
    )
    pictures = {file.path for file in client.list_artifacts(str(version.run_id), "plots")}
    assert {"plots/elbow.png", "plots/pick_dendrogram.png"} <= pictures


def test_every_metric_is_explained(undisturbed: str, client: MlflowClient) -> None:
    """The table in the room's README names every metric that a run holds, and no other."""
    text = (ROOT / "experiments" / "README.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    parents, nested = runs_of(client, undisturbed)
    logged = {name for run in [*parents, *nested] for name in run.data.metrics}
    by_column = ("explained_", "sensitive_")
    assert all(f"`{start}<column>`" in text for start in by_column)
    assert {name for name in logged if not name.startswith(by_column)} <= named
    assert {name for name in named if name.startswith("seconds")} <= logged


def test_the_score_is_one_number_everywhere(
    workplace: Path, client: MlflowClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trial run, study run, version, card, comparison, versions page and console agree."""
    assert run(replace(OPTIONS, experiment_name="score", model_name="score", n_trials=12)) == 0
    console = capsys.readouterr()
    version = client.get_model_version_by_alias("score", "champion")
    trial, study = (client.get_run(i) for i in (version.tags["trial_run"], version.run_id))
    evaluation = describe("score", "champion").evaluation
    score, k = evaluation["score"], evaluation["n_segments"]
    assert score == evaluation["stability"] + evaluation["separation"] + 0.03 * math.log(k)
    assert trial.data.metrics["score"] == study.data.metrics["score"] == score
    assert max(m.step for m in client.get_metric_history(trial.info.run_id, "score")) == 600
    (listed,) = list_versions("score")
    places = {
        "trial run": trial.data.tags["score"],
        "study run": study.data.tags["score"],
        "version": version.tags["score"],
        "versions page": listed.score,
        "card": CARD_SCORE.search(version.description)[1],
        "console": re.search(r"score (\d\.\d+), vote", console.out)[1],
    }
    assert places == dict.fromkeys(places, f"{score:.3f}")
    votes = {tags["vote"] for tags in (study.data.tags, version.tags)}
    assert votes == {f"{trial.data.metrics['vote']:.3f}"}
    number = int(trial.data.tags["trial"])
    (line,) = (t for t in console.err.splitlines() if t.startswith(f"trial {number:3d} on 600"))
    assert line.endswith(f"score {score:.3f}")
    command = ["--model-name", "score", "--second", trial.info.run_id]
    compared = CliRunner().invoke(compare.main, command)
    assert compared.exit_code == 0, compared.output
    query = "tags.kind = 'comparison'"
    (comparison,) = client.search_runs([registry_experiment(client, "score")], query)
    assert {comparison.data.metrics[f"score_{side}"] for side in ("first", "second")} == {score}


def test_costs_of_tracking_are_reprinted(undisturbed: str) -> None:
    """The benchmark reads judging, drawing and logging back from the runs."""
    result = CliRunner().invoke(benchmark, ["tracking", "--experiment-name", undisturbed])
    assert result.exit_code == 0, result.output
    assert "6 trials of whole" in result.output
    assert re.search(r"MLflow calls +0\.\d+ s", result.output)
    missing = CliRunner().invoke(benchmark, ["tracking", "--experiment-name", "none"])
    assert missing.exit_code == 2


def test_the_recipe_in_a_run_refits_bit_for_bit(undisturbed: str, client: MlflowClient) -> None:
    """spec.json and the data give the registered model's assignment again, exactly."""
    version = client.get_model_version_by_alias("whole", "champion")
    trial = client.get_run(version.tags["trial_run"])
    spec = SegmenterSpec.from_json(
        mlflow.artifacts.load_text(f"{trial.info.artifact_uri}/spec.json")
    )
    schema = load_schema("cc_general")
    customers = load_customers("embedded:600", schema).customers
    again = Segmenter(spec, schema).fit(customers).assignment_
    served = mlflow.pyfunc.load_model("models:/whole@champion").predict(customers)
    assert np.array_equal(again.segment + 1, served["segment"].to_numpy())


def test_a_continued_study_equals_an_undisturbed_one(
    undisturbed: str, client: MlflowClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three trials, then the same command for six: the same trials with the same values."""
    options = replace(OPTIONS, experiment_name="parts", model_name="parts")
    assert run(replace(options, n_trials=3)) == 0
    capsys.readouterr()
    assert run(options) == 0
    lines = capsys.readouterr().err
    assert "continues: 3 of 6 trials are done" in lines
    assert "no feasible trial yet" not in lines
    assert trials_of("parts") == trials_of(undisturbed)
    parents, nested = runs_of(client, "parts")
    assert (len(parents), len(nested)) == (1, 6)


def test_a_finished_study_says_so_and_registers_nothing_twice(
    undisturbed: str, client: MlflowClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command again changes nothing and tells how to go on."""
    assert run(replace(OPTIONS, experiment_name="whole", model_name="whole")) == 0
    printed = capsys.readouterr()
    assert "is finished: 6 of 6 trials" in printed.err
    assert "whole version 1" in printed.out
    assert len(client.search_model_versions("name = 'whole'")) == 1
    assert len(runs_of(client, undisturbed)[1]) == 6


def test_an_alternative_is_one_command(
    workplace: Path, client: MlflowClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """`k` registers an alternative of the same study; `promote --k` registers and promotes one."""
    options = replace(
        OPTIONS, experiment_name="alternatives", model_name="alternatives", n_trials=12
    )
    assert run(options) == 0
    pick = client.get_model_version_by_alias("alternatives", "champion").tags["segments"]
    other = {"3": 4, "4": 3, "5": 3}[pick]
    capsys.readouterr()
    assert run(replace(options, k=other)) == 0
    assert f"{other} segments: as requested; the search itself would pick {pick}" in (
        capsys.readouterr().out
    )
    again = CliRunner().invoke(promote.main, ["--model-name", "alternatives", "--k", str(other)])
    assert again.exit_code == 0, again.output
    assert "alternatives@champion: version 1 -> version 2" in again.output
    assert len(client.search_model_versions("name = 'alternatives'")) == 2
    missing = CliRunner().invoke(promote.main, ["--model-name", "alternatives", "--k", "9"])
    assert missing.exit_code == 2
    assert "k=9 is not between k_min=3 and k_max=5" in missing.output
    parents, nested = runs_of(client, "alternatives")
    assert (len(parents), len(nested)) == (1, 12)


def test_a_table_without_groups_is_called_so(
    workplace: Path, tmp_path: Path, client: MlflowClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Columns permuted: the console, the study's run and the card warn, in so many words."""
    customers = generate(600)
    rng = np.random.default_rng(0)
    for name in customers.columns.drop("CUST_ID"):
        customers[name] = rng.permutation(customers[name].to_numpy())
    customers.to_csv(tmp_path / "permuted.csv", index=False)
    options = replace(OPTIONS, data=str(tmp_path / "permuted.csv"), n_trials=8)
    status = run(replace(options, experiment_name="noise", model_name="noise"))
    assert "No structure: these data look like one cloud" in capsys.readouterr().out
    (parent,), _ = runs_of(client, "noise")
    assert parent.data.tags["structure"] == "no"
    assert "No structure" in parent.data.tags["mlflow.note.content"]
    if status == 0:
        version = client.get_model_version_by_alias("noise", "champion")
        assert version.tags["structure"] == "no"
        assert "**Warning.** No structure" in version.description


def test_another_seed_is_another_study(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Studies of different seeds, or asked for anew, never share trials."""
    options = replace(OPTIONS, experiment_name="seeds", model_name="seeds", n_trials=1)
    names = []
    for change in ({}, {"seed": 1}, {"new_study": True}):
        run(replace(options, **change))
        names.append(capsys.readouterr().err.split()[1])
        assert names[-1].startswith("seeds-")
    assert len(set(names)) == 3


def search_command(name: str) -> list[str]:
    """Return the command whose study is the undisturbed one's, under another name."""
    options = {"experiment-name": name, "model-name": name, "n-trials": 6}
    options |= {"data": "embedded:600", "k-max": 5, "n-jobs": 2}
    flags = [text for key, value in options.items() for text in (f"--{key}", str(value))]
    return [sys.executable, "-m", "experiments.search", *flags]


def started(command: list[str], folder: Path, line: str) -> subprocess.Popen[str]:
    """Start a command as a terminal does; return once it printed a line that begins so."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    for printed in process.stderr:
        if printed.startswith(line):
            break
    return process


def test_a_killed_search_goes_on_as_if_nothing_had_happened(
    undisturbed: str, client: MlflowClient, workplace: Path
) -> None:
    """After kill -9 in the middle: nothing lost, nothing doubled, nothing left running."""
    command = search_command("killed")
    with started(command, workplace, "trial   2") as process:
        process.kill()
    with started(command, workplace, "never") as again:
        pass
    assert again.returncode == 0
    assert trials_of("killed") == trials_of(undisturbed)
    parents, nested = runs_of(client, "killed")
    statuses = [run.info.status for run in [*parents, *nested]]
    assert "RUNNING" not in statuses
    assert statuses.count("FINISHED") == 7


def test_ctrl_c_is_a_pause(undisturbed: str, client: MlflowClient, workplace: Path) -> None:
    """No trial under way is recorded as failed; the study continued equals an undisturbed one."""
    command = search_command("paused")
    with started(command, workplace, "trial") as process:
        assert process.stderr is not None
        os.killpg(process.pid, signal.SIGINT)
        printed = process.stderr.read()
    assert process.returncode == 128 + signal.SIGINT, printed
    assert printed.splitlines()[-1].startswith("Paused. Nothing recorded before is lost")
    assert "failed" not in printed
    assert "Traceback" not in printed
    parents, nested = runs_of(client, "paused")
    assert [run.info.status for run in parents] == ["KILLED"]
    assert {run.info.status for run in nested} <= {"FINISHED", "KILLED"}
    assert run(replace(OPTIONS, experiment_name="paused", model_name="paused")) == 0
    assert trials_of("paused") == trials_of(undisturbed)
    parents, nested = runs_of(client, "paused")
    assert [run.info.status for run in parents] == ["FINISHED"]
    assert [run.info.status for run in nested].count("FINISHED") == 6


def test_a_search_killed_right_after_its_run_was_made_finds_it_again(workplace: Path) -> None:
    """The next start goes on in the same run; none without a study is left running."""

    class Killed(BaseException):
        pass

    class DiesNext(MlflowClient):
        def log_batch(self, *_: object, **__: object) -> None:
            raise Killed

    client = MlflowClient()
    experiment = client.create_experiment("killed at the start")
    with pytest.raises(Killed):
        open_parent(DiesNext(), experiment, "study-1", {"seed": 0})
    run_id = open_parent(client, experiment, "study-1", {"seed": 0})
    assert [run.info.run_id for run in client.search_runs([experiment])] == [run_id]
    assert client.get_run(run_id).data.params == {"seed": "0"}


def test_studies_of_the_same_data_start_at_once(workplace: Path) -> None:
    """In an experiment that none of them finds: they end in the same one, with the same data."""
    client, many = MlflowClient(), 6
    dataset, _ = describe_data(generate(50), "together")

    def start(name: str, together: Barrier) -> tuple[str, str]:
        together.wait()
        experiment = open_experiment(client, name)
        tracker = Tracker(client, experiment, "", dataset)
        run_id = client.create_run(experiment).info.run_id
        together.wait()
        tracker.inputs(run_id)
        (logged,) = client.get_run(run_id).inputs.dataset_inputs
        return experiment, logged.dataset.digest

    for name in ("one", "two", "three"):
        together = Barrier(many, timeout=20)
        with ThreadPoolExecutor(many) as pool:
            started = set(pool.map(partial(start, together=together), [name] * many))
        assert len(started) == 1


@pytest.mark.parametrize("moved", [False, True])
def test_a_fit_on_everybody_that_moves_away_is_given_up(moved: bool) -> None:
    """What is registered agrees with what was judged; else it is the very fit that was judged."""
    schema, everybody = load_schema("cc_general"), generate(900, seed=3)
    levels = (Fidelity(200, 10), Fidelity(300, 10))
    samples = Samples(everybody, schema, Constraints(), 0, fidelities=levels)
    spec = SegmenterSpec("cc_general", Preprocessing(), "k_means", {"n_clusters": 4}, seed=0)
    evaluated = samples.evaluator_of(samples.fidelities[1]).evaluate(spec)
    other = np.random.default_rng(0).integers(0, 4, 300) if moved else evaluated.segment
    candidate = Candidate(0, spec, evaluated.evaluation, as_text(other), fidelity=1)
    segmenter = refitted(candidate, everybody, schema, samples)
    segment = segmenter.assignment_.segment
    assert ("Learned from the 300 customers" in "".join(segmenter.notes_)) == moved
    whole = Segmenter(spec, schema).fit(everybody).assignment_.segment
    assert np.array_equal(segment, whole) != moved
    assert np.array_equal(segment[samples.positions(1)], evaluated.segment) or not moved
    assert len(segment) == len(everybody)


def test_a_crashing_trial_fails_alone(workplace: Path) -> None:
    """Its error is kept, and the study goes on to the number asked for."""

    def objective(trial: optuna.Trial) -> float:
        SPACE.propose(trial)
        if trial.number == 1:
            raise EvaluationError("MemoryError: 100 GB")
        return 1.0

    study = open_study(None, "memory")
    optimise(study, objective, ProposalSampler(SPACE), n_trials=4)
    states = [trial.state.name for trial in study.trials]
    assert states == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert study.trials[1].user_attrs["error"] == "MemoryError: 100 GB"


def test_time_limits_stop_between_trials(workplace: Path) -> None:
    """A limit already over runs no trial; the exit code says that nothing was found."""
    options = replace(OPTIONS, experiment_name="late", model_name="late", timeout=1e-6)
    start = time.monotonic()
    assert run(options) == 1
    assert time.monotonic() - start < 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--n-trials", "abc"], "'--n-trials': 'abc' is not a valid integer"),
        (["--n-trials", "0"], "0 is not in the range x>=1"),
        (["--k-min", "8", "--k-max", "4"], "k_min=8 is above k_max=4"),
        (["--k", "12"], "k=12 is not between k_min=3 and k_max=10"),
        (["--smallest-share", "0.4"], "smallest_share=0.4 and k_min=3: 3 segments of at least 40%"),
        (["--smallest-share", "0.3", "--k", "4"], "Expected smallest_share <= 0.25, or k <= 3."),
        (
            ["--largest-share", "0.2", "--k-max", "4"],
            "Expected largest_share >= 0.25, or k_max >= 5",
        ),
        (["--smallest-share", "0.3", "--largest-share", "0.2"], "is above largest_share=0.2"),
        (["--smallest-share", "0.32", "--largest-share", "0.33"], "has room for both"),
        (["--smallest-share", "1.5"], "1.5 is not in the range 0<x<=1"),
        (["--weights", "PURCHASES"], "'PURCHASES' is not understood; expected COLUMN=WEIGHT"),
        (["--weights", "PURCHASES=11"], "above 0 and at most 10"),
        (["--weights", "PURCHASE=2"], "'PURCHASE' forms no segments. The nearest column"),
        (["--weights", "A=2", "--algorithms", "gaussian_full"], "whatever columns weigh"),
        (["--algorithms", "kmeans"], "kmeans is unknown; expected some of k_means"),
        (["--schema", "nope"], "schema 'nope' is unknown: use one of bank_churners"),
        (["--data", "nope.csv"], "expected an existing file"),
        (["--data", "embedded:x"], "embedded:<rows>"),
    ],
)
def test_a_wrong_parameter_is_named(workplace: Path, arguments: list[str], message: str) -> None:
    """Exit code 2, the parameter, what was found and what was expected; no trace."""
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


def test_an_empty_model_made_by_hand_is_used(workplace: Path, client: MlflowClient) -> None:
    """Its first version is the champion, with a record; what somebody wrote of it stays."""
    client.create_registered_model("made-by-hand", {"owner": "marketing"}, "Ours.")
    assert run(replace(OPTIONS, experiment_name="by hand", model_name="made-by-hand")) == 0
    about = client.get_registered_model("made-by-hand")
    assert (about.description, about.tags["owner"]) == ("Ours.", "marketing")
    (move,) = promotion.history("made-by-hand")
    assert (move.kind, move.to_version) == ("register", "1")
    assert version_of(client, "made-by-hand", "champion") == "1"


def test_a_model_of_somebody_else_is_refused_at_the_start(
    workplace: Path, client: MlflowClient
) -> None:
    """It has versions that are not of this project: exit code 2 before a trial, and a remedy."""
    client.create_registered_model("foreign")
    client.create_model_version("foreign", str(workplace))
    result = CliRunner().invoke(
        main, ["--data", "embedded:600", "--experiment-name", "foreign", "--model-name", "foreign"]
    )
    assert result.exit_code == 2
    assert "error: the registered model 'foreign' was not made by this project" in result.output
    assert "under another model_name" in result.output
    assert client.get_experiment_by_name("foreign") is None
    assert len(client.search_model_versions("name = 'foreign'")) == 1


def test_no_customer_reaches_the_store(undisturbed: str, workplace: Path) -> None:
    """No identifier in any file below the store: not in databases, artifacts or models."""
    assert len(files_with(workplace, "MINIMUM_PAYMENTS")) > 5
    assert files_with(workplace, *generate(600)["CUST_ID"][::50]) == []
