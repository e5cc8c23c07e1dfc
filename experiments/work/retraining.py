"""Train again when customers have changed: watch, decide, search, compare, and promote or not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import click
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME, MLFLOW_RUN_NOTE

from experiments.faults import check_source
from experiments.registry import promotion
from experiments.registry.client import (
    CHALLENGER,
    CHAMPION,
    GateError,
    describe,
    version_of,
)
from experiments.search.options import SearchOptions, read_options
from experiments.search.workflow import search
from experiments.study.databases import alone, prepare_tracking
from experiments.study.pause import PausedError
from experiments.study.storage import default_storage
from experiments.tracking import event_run
from experiments.tracking.tracker import origin, tags_of
from experiments.work import drift_monitoring, model_comparison
from segmentation.data.warehouse.address import public_name, short_name
from segmentation.monitoring.drift import CHECK, RETRAIN

KIND = "retraining"
WAY = "python -m experiments.retrain"
# Exit codes: nothing is left to do; a person has to look; an error; another process is at it.
DONE, LOOK, FAILED, BUSY = range(4)


@dataclass(frozen=True)
class Wishes:
    """What was asked for; see the options of the command."""

    data: str
    model_name: str
    max_age: int
    n_trials: int
    force: bool
    promote: bool
    storage: str


@dataclass(frozen=True)
class Decision:
    """Whether to search again, why, and the exit code where not."""

    search: bool
    why: str
    code: int = DONE


@dataclass(frozen=True)
class Outcome:
    """How a retraining ended: a word for filters, a sentence, the new version, the exit code."""

    word: str
    sentence: str
    version: str
    code: int


class BusyError(Exception):
    """Another process retrains this model at the moment."""


def decide(verdict: str, version: str, age: int, wishes: Wishes) -> Decision:
    """Decide by the monitoring's verdict and the champion's age in days."""
    old = f"version {version} is {age} days old"
    if wishes.force:
        return Decision(True, f"The verdict is {verdict}; searched again because of force.")
    if verdict == CHECK:
        why = "One column's feed looks broken: check it first. force=true searches all the same."
        return Decision(False, why, LOOK)
    if verdict == RETRAIN:
        return Decision(True, f"The verdict is {verdict}.")
    if wishes.max_age and age > wishes.max_age:
        return Decision(True, f"The verdict is {verdict}, but {old}, more than {wishes.max_age}.")
    return Decision(False, f"Not needed: the verdict is {verdict}, and {old}.")


def retrain(wishes: Wishes) -> Outcome:
    """Go through every step, recorded below one run; one that was killed goes on where it was.

    Raises
    ------
    BusyError
        When another process is at it.
    RegistryError
        When there is no champion.
    """
    check_source("data", wishes.data)
    uri = prepare_tracking()
    champion = describe(wishes.model_name, CHAMPION)
    options = _options(MlflowClient(), champion.run_id, wishes)
    url = options.storage or default_storage(uri)
    with alone(url, f"{KIND} {wishes.model_name}") as free:
        if not free:
            raise BusyError(
                f"{wishes.model_name} is being retrained by another process at the moment: "
                "look at its run in MLflow, or try again when it has ended"
            )
        return _recorded(MlflowClient(), wishes, options)


def _options(client: MlflowClient, study: str, wishes: Wishes) -> SearchOptions:
    """Return the options of the champion's study, for the new customers."""
    changes: dict[str, object] = {
        "data": wishes.data,
        "model_name": wishes.model_name,
        "new_study": False,
    }
    if wishes.n_trials:
        changes["n_trials"] = wishes.n_trials
    if wishes.storage:
        changes["storage"] = wishes.storage
    return read_options(client.get_run(study).data.params, **changes)


def _recorded(client: MlflowClient, wishes: Wishes, options: SearchOptions) -> Outcome:
    """Do what the run of this retraining has not seen done."""
    run = _open(client, wishes)
    run_id, version = str(run.info.run_id), run.data.tags["champion"]
    try:
        with _not_launched():
            outcome = _steps(client, run_id, version, wishes, options)
    except PausedError:
        raise  # the same command goes on
    except Exception:
        client.set_terminated(run_id, status="FAILED")
        raise
    tags = {
        MLFLOW_RUN_NAME: f"retraining of version {version}: {outcome.word}",
        "outcome": outcome.word,
        "version": outcome.version,
    }
    client.log_batch(run_id, tags=tags_of(tags))
    _note(client, run_id, outcome.sentence)
    client.set_terminated(run_id)
    title = tags[MLFLOW_RUN_NAME]
    event_run.point_to(client, run_id, title, outcome.sentence or f"{title}.")
    if outcome.sentence:
        click.echo(outcome.sentence)
    return outcome


def _open(client: MlflowClient, wishes: Wishes) -> Run:
    """Return the run of a retraining with this data that was killed or paused, or a new one."""
    experiment = event_run.registry_experiment(client, wishes.model_name)
    data = public_name(wishes.data)
    query = f"tags.kind = '{KIND}' and attributes.status = 'RUNNING'"
    for run in client.search_runs([experiment], query):
        if run.data.tags.get("data") == data:
            click.echo(f"Goes on with the retraining of version {run.data.tags['champion']}.")
            return run
    champion = version_of(client, wishes.model_name, CHAMPION)
    tags = {
        MLFLOW_RUN_NAME: f"retraining of version {champion}",
        MLFLOW_RUN_NOTE: f"**Retraining of version {champion}** with {short_name(wishes.data)}.",
        "kind": KIND,
        "champion": champion,
        "data": data,
        **origin("experiments.retrain"),
    }
    return client.create_run(experiment, tags={tag.key: tag.value for tag in tags_of(tags)})


def _steps(
    client: MlflowClient, run_id: str, version: str, wishes: Wishes, options: SearchOptions
) -> Outcome:
    """Watch, decide, search, compare, ask the gates; done again, each step ends where it was."""
    name = wishes.model_name
    verdict = drift_monitoring.run(wishes.data, name, version, part_of=run_id)
    created = describe(name, version).created
    decision = decide(verdict, version, (datetime.now(UTC) - created).days, wishes)
    click.echo(decision.why)
    _note(client, run_id, decision.why)
    client.set_tag(run_id, "verdict", verdict)
    if not decision.search:
        return Outcome("not needed" if decision.code == DONE else verdict, "", "", decision.code)
    summary = search(replace(options, begin_with=version))
    if not summary.model:
        why = (
            "No candidate is feasible: the champion stays. The study's run says what came closest."
        )
        return Outcome("no candidate", why, "", LOOK)
    new = summary.registered.rpartition(" ")[2]
    if new == version:
        sentence = f"Version {new} learnt from these very customers: the search ends at it again."
        return Outcome("not needed", sentence, new, DONE)
    client.set_tag(run_id, "version", new)
    _note(client, run_id, f"The search registered version {new}.")
    model_comparison.run(name, version, new, wishes.data, schema=options.schema, part_of=run_id)
    return _judged(client, version, new, wishes, options.k)


def _judged(client: MlflowClient, old: str, new: str, wishes: Wishes, k: int) -> Outcome:
    """Ask the gates; promote where that was asked for and all are open."""
    name = wishes.model_name
    promoted = Outcome(
        "promoted", f"Version {new} is the champion, before it was version {old}.", new, DONE
    )
    if version_of(client, name, CHAMPION) == new:  # this was killed after it had promoted
        if version_of(client, name, CHALLENGER) == new:
            client.delete_registered_model_alias(name, CHALLENGER)
        return promoted
    closed = [gate for gate in promotion.quality_gates(name, new, old, k) if not gate.passed]
    if not closed and wishes.promote:
        try:
            promotion.promote(name, new, reason=f"retraining of version {old}", k=k)
        except GateError as error:
            closed = [gate for gate in error.gates if not gate.passed]
        else:
            return promoted
    if closed:
        reasons = "; ".join(f"{gate.name}: {gate.finding}" for gate in closed)
        sentence = f"Version {new} stays challenger, gates are closed: {reasons}."
        return Outcome("gates closed", sentence, new, LOOK)
    sentence = (
        f"Version {new} is the challenger and every gate is open: "
        f"`python -m experiments.promote --model-name {name}` promotes it."
    )
    return Outcome("challenger", sentence, new, DONE)


def _note(client: MlflowClient, run_id: str, sentence: str) -> None:
    """Add a sentence to what the run says of itself, once."""
    note = client.get_run(run_id).data.tags.get(MLFLOW_RUN_NOTE, "")
    if sentence and sentence not in note:
        client.set_tag(run_id, MLFLOW_RUN_NOTE, f"{note}\n\n{sentence}")


@contextmanager
def _not_launched() -> Iterator[None]:
    """Keep the run that `mlflow run` made from becoming that of the study or of a step."""
    launched = os.environ.pop("MLFLOW_RUN_ID", None)
    try:
        yield
    finally:
        if launched is not None:
            os.environ["MLFLOW_RUN_ID"] = launched
