"""What the pages, the gateway and the commands read of the registry; light to import.

MLflow takes seconds and 170 MB to import, scikit-learn as much again: both are imported when a
function needs them, so that a page's process starts without them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segmentation.schema import TableSchema

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

MODEL_NAME = "customer-segmentation"
# What has a meaning in MLflow's addresses and queries.
NOT_IN_NAMES = frozenset("/:@?#%'\"`\\")
LONGEST_NAME = 200
CHAMPION, CHALLENGER = "champion", "challenger"
# The folder with the model below `data` among a version's files.
DATA = "segmentation_model"
# On a version: the digest of the manifest of its files; without one it is another program's.
SEAL = "manifest"
# In the message of an HTTP call that was tried often enough.
NO_ANSWER = "Max retries exceeded"
NOT_THERE = "RESOURCE_DOES_NOT_EXIST"
REMEDY = "run a search first, or name another one."
# Written by MLflow beside a model: a body for `/invocations`.
EXAMPLE = "serving_input_example.json"
# In a model's metadata: which form of whole requests it takes, see `experiments.scoring_model`.
ENVELOPES = "envelopes"
# On a version: who would move to it from the champion of the day, see `Migration`.
MIGRATION = "migration"
# In a study's run: see `Alternative`.
ALTERNATIVES = "alternatives.json"
# Of a registered model's promotions, comparisons, monitoring and history.
EXPERIMENT = "{name}-registry"
VERSION = "version"  # tag of the run of an event: the version that it is about
# In the run of a history: what :meth:`segmentation.monitoring.history.History.to_dict` returns.
FIGURES = "history.json"
# Tags of the registered model, followed by a segment's number: its name and what to do for it.
NAME, ACTION = "segment_name.", "segment_note."
LONGEST_SEGMENT_NAME = 60
MOST_VERSIONS = 100
# In model cards. A tag `score` without a tag `vote` is of an earlier release, which added the vote.
CARD_SCORE = re.compile(r"\*\*Score\*\* (\d\.\d+)")


class RegistryError(Exception):
    """The registry lacks a version, cannot be reached, or a model does not answer."""


@dataclass(frozen=True)
class Action:
    """What to do for a segment, from version to version."""

    text: str
    who: str = ""  # empty where nobody signs in
    when: str = ""  # UTC, ISO 8601; empty of an earlier release

    @classmethod
    def from_text(cls, text: str) -> Action:
        """Return the action in a tag: JSON, or the bare text of an earlier release."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return cls(text)


@dataclass(frozen=True)
class ModelInfo:
    """A version's description, read without loading its model.

    `profiles`, `book`, `evaluation` and `map` are those of
    :meth:`segmentation.model.segmentation_model.SegmentationModel.description`.
    """

    name: str
    version: str
    run_id: str
    experiment_id: str  # of its run; empty where the run was deleted
    created: datetime  # UTC
    schema: TableSchema
    profiles: list[dict[str, Any]]
    book: dict[str, Any]
    evaluation: dict[str, Any]
    map: dict[str, Any]
    given_names: dict[int, str] = field(default_factory=dict)  # newer than the model's own names
    actions: dict[int, Action] = field(default_factory=dict)  # what to do, by segment
    challenger: str = ""  # the version behind that alias, empty for none

    @property
    def segment_facts(self) -> dict[int, dict[str, str]]:
        """What was learned of outcomes, by segment: title to figure, for a scored file."""
        return {
            int(profile["number"]): {
                f"{outcome['title']}, in training": outcome["gap"]
                or outcome["text"] + (f" ({outcome['interval']})" if outcome["interval"] else "")
                for outcome in profile.get("outcomes", ())
            }
            for profile in self.profiles
        }


@dataclass(frozen=True)
class Version:
    """One version in a list; texts are tags of its registration, empty where there is none."""

    number: str
    created: datetime  # UTC
    aliases: tuple[str, ...]
    segments: str
    stability: str
    score: str
    matched: str  # segments that are the previous champion's, for example "5 of 6"
    algorithm: str
    outcomes: str  # how far segments differ in them, for example "Churn 3.1% to 35%"
    run_id: str


@dataclass(frozen=True)
class Alternative:
    """The best candidate of a study with so many segments; one JSON object each in its run."""

    segments: int
    algorithm: str  # its title
    score: float
    stability: float
    stability_spread: float  # standard deviation between splits
    separation: float
    shares: tuple[float, ...]  # of the customers evaluated, the largest first
    picked: bool
    equal: bool  # whether it ranks as the pick within noise
    outcomes: str = ""  # how far segments differ in them, for example "Churn 3.1% to 35%"


@dataclass(frozen=True)
class Move:
    """One move of the champion alias; versions are empty for none."""

    number: int  # from 1
    from_version: str
    to_version: str
    who: str
    when: str  # UTC, ISO 8601
    why: str
    kind: str  # "register", "promote", "rollback" or "by hand"
    claim: str  # unique, in case two processes claim the same number

    def __str__(self) -> str:
        """Return the move as a sentence."""
        before = f"version {self.from_version}" if self.from_version else "none"
        why = f": {self.why}" if self.why else ""
        return f"{self.when} {self.kind}: {before} -> version {self.to_version}, by {self.who}{why}"


@dataclass(frozen=True)
class SegmentHistory:
    """Segments over time, as the command `history` recorded them.

    `figures` are those of :meth:`segmentation.monitoring.history.History.to_dict`.
    """

    version: str  # the one that saw every day
    recorded: datetime  # UTC
    run_id: str
    experiment_id: str
    figures: dict[str, Any]


@dataclass(frozen=True)
class Gate:
    """One condition a version must meet to serve; force does not open one that is `final`."""

    name: str
    passed: bool
    finding: str
    final: bool = False

    def __str__(self) -> str:
        """Return the gate as a line."""
        return f"{'pass' if self.passed else 'FAIL'}  {self.name}: {self.finding}"


@dataclass(frozen=True)
class Promotion:
    """A move of the champion alias, and the gates before it."""

    from_version: str
    to_version: str
    gates: tuple[Gate, ...] = ()


@dataclass(frozen=True)
class Migration:
    """Who would move from a champion to a new version, counted on that version's customers."""

    champion: str  # version
    flows: dict[str, int]  # customers by segment numbers before and after: "1>2"
    drift: str = ""  # the verdict on the customers against the champion's, empty where not known
    sentences: tuple[str, ...] = ()  # what drifted

    def to_json(self) -> str:
        """Return it as the text of a tag."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Migration | None:
        """Return what :meth:`to_json` returned; None for any other text."""
        try:
            raw = json.loads(text)
            return cls(**{**raw, "sentences": tuple(raw["sentences"])})
        except (ValueError, TypeError, KeyError):
            return None

    def reversed(self, champion: str) -> Migration:
        """Return the way back; the drift says nothing of it."""
        flows = {">".join(reversed(pair.split(">"))): count for pair, count in self.flows.items()}
        return Migration(champion, flows)


@dataclass(frozen=True)
class Evidence:
    """What speaks for and against a move of the champion, before it is made."""

    candidate: ModelInfo
    champion: ModelInfo | None  # None for the first version, and where it is the candidate
    gates: tuple[Gate, ...]  # those that need no model loaded
    migration: Migration | None  # None where it was not counted for these two


class GateError(RegistryError):
    """A version did not pass; the message lists all its `gates`."""

    def __init__(self, version: str, gates: tuple[Gate, ...]) -> None:
        self.gates = gates
        remedy = (
            "Register a sound version."
            if any(gate.final and not gate.passed for gate in gates)
            else "Train again, or promote it anyway with --force --reason."
        )
        lines = "\n".join(f"  {gate}" for gate in gates)
        super().__init__(f"version {version} is not promoted:\n{lines}\n{remedy}")


def store_message(error: Exception, uri: str) -> str:
    """Return one sentence about an error of the store at `uri`: what is wrong, and the remedy."""
    code = getattr(error, "error_code", "")
    if code == "UNAUTHENTICATED":
        return (
            f"{uri} refuses this user name and password: check MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD."
        )
    if code == "PERMISSION_DENIED":
        who = os.environ.get("MLFLOW_TRACKING_USERNAME", "this user")
        return f"{uri} does not permit this to {who}: ask an administrator for the permission."
    if NO_ANSWER in str(error):
        return f"{uri} does not answer: start it, or name another in MLFLOW_TRACKING_URI."
    return str(error).strip().partition("\n")[0]


def warm_up() -> None:
    """Import what the functions here need, so that the first of them does not wait for it."""
    import mlflow  # noqa: F401, PLC0415
    import pandas as pd  # noqa: F401, PLC0415


def check_model_name(name: str) -> str:
    """Return the name of a registered model, if it can be one.

    Raises
    ------
    RegistryError
        When MLflow would refuse it, or read something else in it.
    """
    wrong = sorted({c for c in name if c in NOT_IN_NAMES or not c.isprintable()})
    if wrong or name != name.strip() or not 0 < len(name) <= LONGEST_NAME:
        illegal = f", found {' '.join(map(repr, wrong))}" if wrong else ""
        raise RegistryError(
            f"model_name={name[:LONGEST_NAME]!r}: expected 1 to {LONGEST_NAME} characters, no "
            f"blank at either end and none of {' '.join(sorted(NOT_IN_NAMES))}{illegal}. Choose "
            "another name."
        )
    return name


class ModelName(click.ParamType[str]):
    """The name of a registered model, one that MLflow takes."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name; UsageError for one that MLflow refuses."""
        try:
            return check_model_name(str(value))
        except RegistryError as error:
            self.fail(str(error), param, ctx)


def describe(name: str = MODEL_NAME, alias: str = CHAMPION) -> ModelInfo:
    """Return the description of a version of a registered model, by alias or number.

    Raises
    ------
    RegistryError
        When there is no such model, alias or version, or the registry cannot be reached.
    """
    import mlflow  # noqa: PLC0415 - see the module's docstring
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    client, version = mlflow.MlflowClient(), None
    try:
        registered = client.get_registered_model(name)
        number = alias if alias.isdecimal() else str(registered.aliases.get(alias, ""))
        if not number:
            raise RegistryError(f"{name}@{alias}: there is no such alias in the registry; {REMEDY}")
        version = client.get_model_version(name, number)
        uri = f"models:/{name}/{version.version}/data/{DATA}/description.json"
        description = json.loads(mlflow.artifacts.load_text(uri))
        experiment_id = _experiment_of(client, str(version.run_id))
        given_names = _by_segment(registered.tags, NAME)
    except (MlflowException, OSError, ValueError, RecursionError) as error:
        uri = mlflow.get_tracking_uri()
        place = f"in the registry at {uri}"
        if version is None and getattr(error, "error_code", "") == NOT_THERE:
            what = f"{name}@{alias}: there is no such model or version {place}"
            raise RegistryError(f"{what}; {REMEDY}") from error
        if version is not None and SEAL not in version.tags:
            raise RegistryError(
                f"{name}@{alias} {place} is version {version.version}, which this project did not "
                "register. Move the alias to one of its versions, or choose another model_name."
            ) from error
        reason = store_message(error, uri)
        raise RegistryError(f"no description of {name}@{alias} {place}: {reason}") from error
    return ModelInfo(
        name=name,
        version=str(version.version),
        run_id=str(version.run_id),
        experiment_id=experiment_id,
        created=_moment(version),
        schema=TableSchema.from_dict(description["schema"]),
        profiles=[
            {**p, "name": given_names.get(p["number"], p["name"])} for p in description["profiles"]
        ],
        book=description["book"],
        evaluation=description["evaluation"],
        map=description["map"],
        given_names=given_names,
        actions={
            number: Action.from_text(text)
            for number, text in _by_segment(registered.tags, ACTION).items()
        },
        challenger=str(registered.aliases.get(CHALLENGER, "")),
    )


def _experiment_of(client: MlflowClient, run_id: str) -> str:
    """Return the experiment of a run, empty where it was deleted or may not be read."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        info = client.get_run(run_id).info
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "PERMISSION_DENIED"}:
            return ""
        raise
    return str(info.experiment_id) if info.lifecycle_stage == "active" else ""


def version_of(client: MlflowClient, name: str, alias: str) -> str:
    """Return the version behind an alias, empty when there is none."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        # Not by the alias: of a model that does not exist, a server with sign-in forbids to ask it.
        return str(client.get_registered_model(name).aliases.get(alias, ""))
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return ""
        raise


def alias_version(name: str = MODEL_NAME, alias: str = CHAMPION) -> str:
    """Return the version behind an alias.

    Raises
    ------
    RegistryError
        When there is none, or the registry cannot be reached.
    """
    with _errors("The registry cannot be reached.", detail=False) as client:
        version = version_of(client, name, alias)
    if not version:
        raise RegistryError(f"{name} has no {alias}: {REMEDY}")
    return version


def list_versions(name: str) -> list[Version]:
    """Return the newest hundred versions of a model, newest first.

    Raises
    ------
    RegistryError
        When the registry cannot be reached.
    """
    with _errors(f"the versions of {name} cannot be listed") as client:
        aliases = client.get_registered_model(name).aliases
        versions = client.search_model_versions(
            f"name = '{name}'", max_results=MOST_VERSIONS, order_by=["version_number DESC"]
        )
    return [
        Version(
            number=str(version.version),
            created=_moment(version),
            aliases=tuple(sorted(a for a, v in aliases.items() if str(v) == str(version.version))),
            segments=version.tags.get("segments", ""),
            stability=version.tags.get("stability", ""),
            score=_score(version),
            matched=version.tags.get("segments_kept", ""),
            algorithm=version.tags.get("algorithm", ""),
            outcomes=version.tags.get("outcomes", ""),
            run_id=str(version.run_id),
        )
        for version in versions
    ]


def alternatives(name: str, version: str) -> list[Alternative]:
    """Return the alternatives to a version, fewest segments first: those of its study.

    Empty where the study's run has none, since an earlier release searched.

    Raises
    ------
    RegistryError
        When there is no such version, its run was deleted, or the registry cannot be reached.
    """
    import mlflow  # noqa: PLC0415 - see the module's docstring

    with _errors(f"the alternatives to version {version} cannot be read") as client:
        run = str(client.get_model_version(name, version).run_id)
        if ALTERNATIVES not in {file.path for file in client.list_artifacts(run)}:
            return []
        rows = json.loads(mlflow.artifacts.load_text(f"runs:/{run}/{ALTERNATIVES}"))
    return [Alternative(**{**row, "shares": tuple(row["shares"])}) for row in rows]


def segment_history(name: str, version: str) -> SegmentHistory | None:
    """Return the newest history that a version saw, else the newest of its model, None without one.

    Raises
    ------
    RegistryError
        When the tracking server cannot be reached, or the figures are none.
    """
    import mlflow  # noqa: PLC0415 - see the module's docstring

    finished = "tags.kind = 'history' and attributes.status = 'FINISHED'"
    own = f"{finished} and tags.{VERSION} = '{version}'"
    with _errors(f"the history of {name} cannot be read") as client:
        experiment = client.get_experiment_by_name(EXPERIMENT.format(name=name))
        if experiment is None:
            return None
        for query in (own, finished):
            for run in client.search_runs(
                [experiment.experiment_id], query, max_results=1, order_by=["start_time DESC"]
            ):
                text = mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/{FIGURES}")
                try:
                    figures = json.loads(text)
                except ValueError as error:
                    raise RegistryError(f"{FIGURES} of run {run.info.run_id} is no JSON") from error
                return SegmentHistory(
                    version=run.data.tags.get(VERSION, ""),
                    recorded=datetime.fromtimestamp(run.info.start_time / 1000, tz=UTC),
                    run_id=str(run.info.run_id),
                    experiment_id=str(experiment.experiment_id),
                    figures=figures,
                )
    return None


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
    from experiments.registry.verification import verified  # noqa: PLC0415

    with ExitStack() as files:
        with _errors(f"version {version} cannot be read") as client:
            folder = files.enter_context(verified(client, name, version))
        yield folder


def history(name: str = MODEL_NAME) -> list[Move]:
    """Return every move of the champion, one by hand included, oldest first.

    Raises
    ------
    RegistryError
        When there is no such model, or the champion is being moved right now.
    """
    from experiments.registry import promotion  # noqa: PLC0415

    return promotion.history(name)


def evidence(name: str = MODEL_NAME, version: str = "") -> Evidence:
    """Return what to know before a version is promoted; before the roll-back without a version.

    Raises
    ------
    RegistryError
        When there is no such model or version, or no champion to return to.
    """
    from experiments.registry import promotion  # noqa: PLC0415

    return promotion.evidence(name, version)


def promote(
    name: str, version: str, *, seen: list[Move], who: str, reason: str, force: bool
) -> Promotion:
    """Promote a version as :func:`experiments.registry.promotion.promote` does.

    Its model is loaded in a process of its own: this one never imports scikit-learn.
    """
    from experiments.registry import promotion  # noqa: PLC0415

    return promotion.promote(
        name, version, seen=seen, who=who, reason=reason, force=force, isolated=True
    )


def rollback(name: str, *, who: str, reason: str) -> Promotion:
    """Return to the champion before this one, whose model is loaded in a process of its own."""
    from experiments.registry import promotion  # noqa: PLC0415

    return promotion.rollback(name, who=who, reason=reason, isolated=True)


def write_action(name: str, segment: int, text: str, who: str) -> None:
    """Store what to do for a segment, for every version; an empty text removes it.

    Raises
    ------
    RegistryError
        When the registry cannot be reached.
    """
    key = f"{ACTION}{segment}"
    with _errors("the action was not saved") as client:
        if text:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            value = json.dumps(asdict(Action(text, who, now)), ensure_ascii=False)
            client.set_registered_model_tag(name, key, value)
        elif key in client.get_registered_model(name).tags:
            client.delete_registered_model_tag(name, key)


def rename_segment(name: str, segment: int, text: str) -> str:
    """Give a segment of the champion of a registered model a name; return the one it had.

    Raises
    ------
    RegistryError
        When there is no champion or no such segment, or the name is empty, too long or taken.
    """
    info = describe(name)
    names = {int(p["number"]): str(p["name"]) for p in info.profiles}
    new = " ".join(text.split())
    if segment not in names:
        raise RegistryError(
            f"segment={segment}: version {info.version} of {name} has no such segment; expected "
            f"one of {', '.join(map(str, sorted(names)))}"
        )
    if not 0 < len(new) <= LONGEST_SEGMENT_NAME:
        raise RegistryError(f"name={text!r}: expected 1 to {LONGEST_SEGMENT_NAME} characters")
    others = {other.casefold(): number for number, other in names.items() if number != segment}
    if (owner := others.get(new.casefold())) is not None:
        raise RegistryError(f"name={text!r}: segment {owner} has it already; choose another")
    with _errors("the name was not saved") as client:
        client.set_registered_model_tag(name, f"{NAME}{segment}", new)
    return names[segment]


def names_of_segments(client: MlflowClient, name: str) -> dict[int, str]:
    """Return the names that users gave to segments, by number."""
    return _by_segment(client.get_registered_model(name).tags, NAME)


def put_names(answers: pd.DataFrame, names: Mapping[int, str]) -> None:
    """Replace segment names in a table of answers by those that users gave, in place."""
    if not names:
        return
    for number, name in (("segment", "segment_name"), ("runner_up", "runner_up_name")):
        pairs = zip(answers[number], answers[name], strict=True)
        answers[name] = [names.get(int(segment), own) for segment, own in pairs]


def put_actions(answers: pd.DataFrame, actions: Mapping[int, str]) -> None:
    """Add what to do for each customer's segment to a table of answers, in place.

    Without a single action there is no column.
    """
    if actions:
        answers["action"] = [actions.get(int(segment), "") for segment in answers["segment"]]


@contextmanager
def _errors(message: str, *, detail: bool = True) -> Iterator[MlflowClient]:
    """Yield a client; what MLflow or the network raises meanwhile becomes a RegistryError."""
    from mlflow import MlflowClient, get_tracking_uri  # noqa: PLC0415
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        yield MlflowClient()
    except (MlflowException, OSError) as error:
        reason = store_message(error, get_tracking_uri())
        raise RegistryError(f"{message}: {reason}" if detail else message) from error


def _by_segment(tags: Mapping[str, str], prefix: str) -> dict[int, str]:
    """Return the tags with a prefix, by the number of the segment that follows it."""
    return {
        int(key.removeprefix(prefix)): str(value)
        for key, value in tags.items()
        if key.startswith(prefix)
    }


def _score(version: ModelVersion) -> str:
    """Return the score as text; that of an earlier release's version stands in its model card."""
    if "vote" in version.tags:
        return str(version.tags.get("score", ""))
    score = CARD_SCORE.search(version.description or "")
    return score[1] if score else ""


def _moment(version: ModelVersion) -> datetime:
    return datetime.fromtimestamp(version.creation_timestamp / 1000, tz=UTC)
