"""What people tidy away in MLflow's own pages ends no study and takes no champion away."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.cli import gc
from mlflow.entities import ViewType
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from experiments import integrity, monitor
from experiments.registry.client import RegistryError, describe
from experiments.search.__main__ import main
from experiments.search.workflow import run
from experiments.study.databases import sqlite_path
from experiments.study.storage import default_storage
from experiments.study.study import MissingStudyError, open_study
from segmentation.data.synthetic import generate
from tests.experiments.conftest import OPTIONS

NAME = "tidied"
SEARCH = replace(OPTIONS, n_trials=3, experiment_name=NAME, model_name=NAME)


@pytest.fixture(scope="module")
def experiment(workplace: Path) -> str:
    """Return the id of the experiment of a finished search."""
    assert run(SEARCH) == 0
    entity = MlflowClient().get_experiment_by_name(NAME)
    assert entity is not None
    return str(entity.experiment_id)


def parents_and_children(experiment: str) -> tuple[list[str], list[str]]:
    """Return the runs of studies, and for the run of every trial the run it hangs under."""
    runs = MlflowClient().search_runs([experiment])
    parents = [r.data.tags.get(MLFLOW_PARENT_RUN_ID, "") for r in runs]
    ids = [r.info.run_id for r in runs]
    return [i for i, p in zip(ids, parents, strict=True) if not p], [p for p in parents if p]


def delete_for_good(client: MlflowClient, run_id: str) -> None:
    client.delete_run(run_id)
    arguments = ["--backend-store-uri", client.tracking_uri, "--run-ids", run_id]
    result = CliRunner().invoke(gc, arguments)
    assert result.exit_code == 0, result.output


def test_a_trial_whose_run_was_deleted_stays_deleted(experiment: str, client: MlflowClient) -> None:
    """The study goes on without it, deleted in the pages or for good."""
    parents, _ = parents_and_children(experiment)
    runs = client.search_runs([experiment])
    first, second, _ = (r.info.run_id for r in runs if r.info.run_id not in parents)
    client.delete_run(first)
    delete_for_good(client, second)
    assert run(SEARCH) == 0
    assert parents_and_children(experiment) == (parents, parents)


def test_a_deleted_study_goes_on_in_its_own_run(experiment: str, client: MlflowClient) -> None:
    """Restored with its trials: one parent. The champion is served and checked meanwhile."""
    (parent,), _ = parents_and_children(experiment)
    for info in client.search_runs([experiment]):
        client.delete_run(info.info.run_id)
    assert describe(NAME).experiment_id == ""
    checked = CliRunner().invoke(integrity.main, ["--model-name", NAME])
    assert (checked.exit_code, "every file is as it was" in checked.output) == (0, True)
    assert run(SEARCH) == 0
    assert parents_and_children(experiment) == ([parent], [parent] * 2)


def test_a_study_whose_run_alone_was_deleted_keeps_it(
    experiment: str, client: MlflowClient
) -> None:
    """Its trials, left active, hang under the same run, and no other is made."""
    (parent,), trials = parents_and_children(experiment)
    client.delete_run(parent)
    assert run(SEARCH) == 0
    assert parents_and_children(experiment) == ([parent], trials)


def test_a_study_deleted_for_good_gets_one_new_run(experiment: str, client: MlflowClient) -> None:
    """All its trials hang under that; the champion needs neither."""
    (parent,), _ = parents_and_children(experiment)
    delete_for_good(client, parent)
    assert describe(NAME).experiment_id == ""
    checked = CliRunner().invoke(integrity.main, ["--model-name", NAME])
    assert (checked.exit_code, "every file is as it was" in checked.output) == (0, True)
    assert run(SEARCH) == 0
    (new,), trials = parents_and_children(experiment)
    assert new != parent
    assert trials == [new] * 2
    assert len(client.search_model_versions(f"name = '{NAME}'")) == 1


def test_a_renamed_experiment_keeps_its_studies(
    experiment: str, client: MlflowClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under its new name the study goes on."""
    client.rename_experiment(experiment, "renamed")
    assert run(replace(SEARCH, experiment_name="renamed")) == 0
    assert "is finished: 3 of 3" in capsys.readouterr().err
    client.rename_experiment(experiment, NAME)


def test_a_study_that_is_gone_is_said_and_not_begun_anew(
    experiment: str, client: MlflowClient, workplace: Path
) -> None:
    """The database was deleted, MLflow has its trials: nothing is made in its place."""
    path = sqlite_path(default_storage(client.tracking_uri))
    assert path is not None
    files = [Path(f"{path}{end}") for end in ("", "-wal", "-shm") if Path(f"{path}{end}").exists()]
    for file in files:
        file.rename(workplace / f"away{file.name}")
    before = [run.info.run_id for run in client.search_runs([experiment])]
    with pytest.raises(MissingStudyError, match=r"has trials in MLflow and is not in its database"):
        run(SEARCH)
    assert [run.info.run_id for run in client.search_runs([experiment])] == before
    assert optuna.get_all_study_names(f"sqlite:///{path}") == []
    path.unlink()
    for file in files:
        (workplace / f"away{file.name}").rename(file)


def test_a_deleted_experiment_is_a_sentence(experiment: str, client: MlflowClient) -> None:
    """With the remedy; after it, everything is there again."""
    client.delete_experiment(experiment)
    flags = ["--data", "embedded:600", "--experiment-name", NAME, "--model-name", NAME]
    result = CliRunner().invoke(main, flags)
    assert result.exit_code == 2
    assert result.output == (
        f"error: the experiment '{NAME}' was deleted in MLflow. Restore it with `mlflow "
        f"experiments restore --experiment-id {experiment}`, or name another experiment.\n"
    )
    client.restore_experiment(experiment)
    active = client.search_runs([experiment], run_view_type=ViewType.ACTIVE_ONLY)
    assert len(active) == 3


def test_a_verdict_needs_no_place_to_be_recorded(
    experiment: str, client: MlflowClient, tmp_path: Path
) -> None:
    """`monitor` answers, and warns that the experiment it records in was deleted."""
    generate(600).to_csv(tmp_path / "new.csv", index=False)
    registry = client.get_experiment_by_name(f"{NAME}-registry")
    assert registry is not None
    client.delete_experiment(registry.experiment_id)
    flags = ["--data", str(tmp_path / "new.csv"), "--model-name", NAME]
    result = CliRunner().invoke(monitor.main, flags)
    client.restore_experiment(registry.experiment_id)
    assert result.exit_code == 0, result.output
    assert f"{NAME} version 1, new.csv, 600 card holders: ok" in result.output
    assert f"warning: this is not recorded in MLflow: the experiment '{NAME}-registry' was" in (
        result.output
    )


def test_an_alias_on_another_programs_version_is_a_sentence(
    experiment: str, client: MlflowClient
) -> None:
    """Moved in the pages to a version of another flavour: who registered it, and what to do."""
    other = client.create_model_version(NAME, "file:///nowhere")
    client.set_registered_model_alias(NAME, "champion", other.version)
    with pytest.raises(RegistryError, match="which this project did not register. Move the alias"):
        describe(NAME)
    client.set_registered_model_alias(NAME, "champion", "1")


def test_a_study_is_of_the_server_that_records_it(tmp_path: Path) -> None:
    """The same command against a fresh server begins anew, and goes on against the first."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'optuna.db'}")
    steps = [
        ("1@100", False),
        ("1@200", False),
        ("1@100", False),
        ("1@100", True),
        ("1@100", False),
    ]
    names = [open_study(storage, "a-b", experiment=e, new=n).study_name for e, n in steps]
    assert names == ["a-b-1", "a-b-2", "a-b-1", "a-b-3", "a-b-3"]
    assert open_study(storage, "new-name-b", experiment="1@200").study_name == "a-b-2"
    gone = {"c-d-1", "c-d-2"}
    begun = open_study(storage, "c-d", experiment="1@100", new=True, recorded=gone)
    assert begun.study_name == "c-d-3"
    assert open_study(storage, "c-d", experiment="1@100", recorded=gone).study_name == "c-d-3"
    assert open_study(storage, "a-other", experiment="1@200").study_name == "a-other-1"


def test_a_study_of_an_earlier_release_goes_on(tmp_path: Path) -> None:
    """It does not know yet which experiment records it; from now on it does."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'optuna.db'}")
    assert open_study(storage, "a-b").study_name == "a-b-1"
    assert open_study(storage, "a-b", experiment="1@100").study_name == "a-b-1"
    assert open_study(storage, "a-b", experiment="1@200").study_name == "a-b-2"


CROWD = 10_000


def crowd(client: MlflowClient, experiment: str) -> None:
    """Put many finished trials of another study into an experiment, newer than all others."""
    (other,) = client.search_runs([experiment], max_results=1)
    names = [f"{number:032x}" for number in range(CROWD)]
    database = sqlite3.connect(sqlite_path(client.tracking_uri))
    with database:
        row = database.execute(
            "select * from runs where run_uuid = ?", (other.info.run_id,)
        ).fetchone()
        columns = [c[1] for c in database.execute("pragma table_info(runs)")]
        values = {**dict(zip(columns, row, strict=True)), "start_time": 4_000_000_000_000}
        marks = ", ".join("?" * len(columns))
        database.executemany(
            f"insert into runs values ({marks})",
            [tuple({**values, "run_uuid": name}.values()) for name in names],
        )
        tags = {MLFLOW_PARENT_RUN_ID: names[0], "trial": "1", "feasible": "yes", "pick": "yes"}
        database.executemany(
            "insert into tags (key, value, run_uuid) values (?, ?, ?)",
            [(key, value, name) for name in names[1:] for key, value in tags.items()],
        )
    database.close()


def test_a_store_of_ten_thousand_runs_makes_no_difference(
    experiment: str, client: MlflowClient
) -> None:
    """The study finds its own run among those of others, and registers nothing twice."""
    (study,) = client.search_runs([experiment], "tags.study LIKE 'tidied-%'")
    versions = f"name = '{NAME}'"
    before = len(client.search_model_versions(versions))
    crowd(client, experiment)
    assert run(SEARCH) == 0
    (again,) = client.search_runs([experiment], "tags.study LIKE 'tidied-%'")
    assert again.info.run_id == study.info.run_id
    assert again.info.run_name == study.info.run_name
    assert len(client.search_model_versions(versions)) == before
    checked = CliRunner().invoke(integrity.main, ["--model-name", NAME])
    assert checked.exit_code == 0, checked.output
