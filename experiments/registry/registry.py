"""The registered versions: register, describe."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from experiments.registry import promotion_log as trail
from experiments.registry import verification as integrity
from experiments.registry.packaging import DATA
from experiments.tracking.parent_run import open_experiment
from segmentation.errors import SegmentationError
from segmentation.schema import TableSchema

MODEL_NAME = "customer-segmentation"
CHAMPION = trail.CHAMPION
CHALLENGER = "challenger"
TRIAL = "trial_run"
# Written by MLflow beside a model: a body for `/invocations`.
EXAMPLE = "serving_input_example.json"
ABOUT = "Customer segments found without labels; the alias `champion` is the version served."
HAPPENINGS = (
    "What happens to the registered model {name}: its promotions (append-only), comparisons of "
    "versions, and the monitoring of new customers."
)
# On the registered model: a name that a person gave to a segment.
NAME, NOTE = "segment_name.", "segment_note."


class RegistryError(Exception):
    """The registry lacks what was asked for, cannot be reached, or a model does not answer."""


@dataclass(frozen=True)
class ModelInfo:
    """What is known about one version without loading its model.

    Parameters
    ----------
    name, version
        In the registry.
    run_id, experiment_id
        Of the run it was logged by.
    created
        In UTC.
    schema
        The table it scores.
    given_names
        Names that people gave to segments, by number; newer than those a model answers with.
    notes
        What people wrote down to do for segments, by number.
    profiles, book, evaluation, map
        As in :meth:`segmentation.model.segmentation_model.SegmentationModel.description`.
    """

    name: str
    version: str
    run_id: str
    experiment_id: str
    created: datetime
    schema: TableSchema
    profiles: list[dict[str, Any]]
    book: dict[str, Any]
    evaluation: dict[str, Any]
    map: dict[str, Any]
    given_names: dict[int, str] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)


def register(
    client: MlflowClient,
    name: str,
    model_uri: str,
    *,
    run_id: str,
    description: str,
    tags: Mapping[str, str],
) -> str:
    """Register a logged model after it answered its own input example; return the version.

    The first version becomes the champion, a later one the challenger.

    Parameters
    ----------
    client
        Of the registry.
    name
        Of the registered model, made where there is none.
    model_uri
        ``models:/<model id>``.
    run_id
        Of the run that logged the model; the digests of its files are kept there.
    description, tags
        Of the version.

    Raises
    ------
    RegistryError
        When the model cannot be loaded or does not answer.
    """
    check_answers(model_uri)
    trail.create(client, name, ABOUT, registry_experiment(client, name))
    sealed = integrity.seal(client, run_id, model_uri)
    made = mlflow.register_model(model_uri, name, tags={**tags, **sealed})
    version = str(made.version)
    client.update_model_version(name, version, description=description)
    record = trail.Trail(client, name)
    moves = record.notice()
    if not moves:
        with suppress(trail.LostRaceError):
            record.move(moves, version, who=user(), why="first version", kind="register")
            return version
    client.set_registered_model_alias(name, CHALLENGER, version)
    return version


def registry_experiment(client: MlflowClient, name: str) -> str:
    """Return the experiment of what happens to a registered model: promotions, comparisons."""
    return open_experiment(client, f"{name}-registry", HAPPENINGS.format(name=name))


def user() -> str:
    """Return who runs this process, for the record."""
    return os.environ.get("MLFLOW_TRACKING_USERNAME") or getpass.getuser()


def version_of_trial(client: MlflowClient, name: str, run_id: str) -> str:
    """Return the version a trial's recipe was registered as; empty where there is none."""
    found = client.search_model_versions(f"name = '{name}'")
    return next((str(v.version) for v in found if v.tags.get(TRIAL) == run_id), "")


def describe(name: str = MODEL_NAME, alias: str = CHAMPION) -> ModelInfo:
    """Return what is known about a version.

    Parameters
    ----------
    name
        Of the registered model.
    alias
        An alias, or the version's number.

    Raises
    ------
    RegistryError
        When there is no such model, alias or version, or the registry cannot be reached.
    """
    client = MlflowClient()
    try:
        if alias.isdecimal():
            found = client.get_model_version(name, alias)
        else:
            found = client.get_model_version_by_alias(name, alias)
        uri = f"models:/{name}/{found.version}/data/{DATA}/description.json"
        about = json.loads(mlflow.artifacts.load_text(uri))
        run = client.get_run(str(found.run_id))
        tags = client.get_registered_model(name).tags
        given = _by_segment(tags, NAME)
    except (MlflowException, OSError, ValueError, RecursionError) as error:
        raise RegistryError(
            f"no description of {name}@{alias} in the registry at {mlflow.get_tracking_uri()}: "
            f"{error}"
        ) from error
    return ModelInfo(
        name=name,
        version=str(found.version),
        run_id=str(found.run_id),
        experiment_id=str(run.info.experiment_id),
        created=datetime.fromtimestamp(found.creation_timestamp / 1000, tz=UTC),
        schema=TableSchema.from_dict(about["schema"]),
        profiles=[{**p, "name": given.get(p["number"], p["name"])} for p in about["profiles"]],
        book=about["book"],
        evaluation=about["evaluation"],
        map=about["map"],
        given_names=given,
        notes=_by_segment(tags, NOTE),
    )


def alias_version(name: str = MODEL_NAME, alias: str = CHAMPION) -> str:
    """Return the version an alias names.

    Raises
    ------
    RegistryError
        When there is none, or the registry cannot be reached.
    """
    try:
        found = trail.version_of(MlflowClient(), name, alias)
    except (MlflowException, OSError) as error:
        raise RegistryError("The registry cannot be reached.") from error
    if not found:
        raise RegistryError(f"{name} has no {alias}: run a search first.")
    return found


@contextmanager
def servable(name: str, version: str) -> Iterator[Path]:
    """Yield a folder with a version's files, each as it was registered, to serve them from.

    Raises
    ------
    ModelFileError
        When a file is not as it was registered.
    RegistryError
        When there is no such version, or the registry cannot be reached.
    """
    with ExitStack() as files:
        try:
            checked = integrity.verified(MlflowClient(), name, version)
            folder = files.enter_context(checked)
        except (MlflowException, OSError) as error:
            raise RegistryError(f"version {version} cannot be read: {error}") from error
        yield folder


def given_names(client: MlflowClient, name: str) -> dict[int, str]:
    """Return the names that people gave to segments, by number."""
    return _by_segment(client.get_registered_model(name).tags, NAME)


def write_note(name: str, segment: int, text: str) -> None:
    """Keep what people want to do for a segment, for every version; empty removes it.

    Raises
    ------
    RegistryError
        When the registry cannot be reached.
    """
    client = MlflowClient()
    try:
        if text:
            client.set_registered_model_tag(name, f"{NOTE}{segment}", text)
        elif f"{NOTE}{segment}" in client.get_registered_model(name).tags:
            client.delete_registered_model_tag(name, f"{NOTE}{segment}")
    except (MlflowException, OSError) as error:
        raise RegistryError(f"the note was not kept: {error}") from error


def _by_segment(tags: Mapping[str, str], kind: str) -> dict[int, str]:
    """Return the tags of a kind, by the number of the segment they are about."""
    return {
        int(key.removeprefix(kind)): str(value)
        for key, value in tags.items()
        if key.startswith(kind)
    }


def put_given_names(answers: pd.DataFrame, given: Mapping[int, str]) -> None:
    """Put the names that people gave into a table of answers, in place."""
    if not given:
        return
    for number, name in (("segment", "segment_name"), ("runner_up", "runner_up_name")):
        pairs = zip(answers[number], answers[name], strict=True)
        answers[name] = [given.get(int(segment), own) for segment, own in pairs]


def check_answers(model_uri: str) -> int:
    """Load a model back and let it score its own input example; return the number of answers.

    Raises
    ------
    RegistryError
        When it cannot be loaded, or answers with fewer rows than asked.
    """
    try:
        model = mlflow.pyfunc.load_model(model_uri)
        example = model.input_example
        answer = model.predict(example)
    except (MlflowException, SegmentationError, OSError, ValueError) as error:
        raise RegistryError(
            f"{model_uri} does not answer its own input example: {error}"
        ) from error
    if len(answer) != len(example):
        raise RegistryError(f"{model_uri} answered {len(answer)} of {len(example)} examples")
    return len(answer)
