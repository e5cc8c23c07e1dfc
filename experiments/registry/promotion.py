"""Gates before a version serves, and the moves of the champion: forward and back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from experiments.registry.promotion_log import (
    ForeignModelError,
    LostRaceError,
    Move,
    Trail,
    version_of,
)
from experiments.registry.registry import (
    CHALLENGER,
    MODEL_NAME,
    ModelInfo,
    RegistryError,
    check_answers,
    describe,
    user,
)
from experiments.registry.verification import verified
from experiments.search.ranking import NOISE
from segmentation.errors import SegmentationError
from segmentation.evaluation.constraints import Constraints

T = TypeVar("T")
LONGEST_REASON = 1_000
BETTER = "not worse than the champion"


@dataclass(frozen=True)
class Gate:
    """One condition a version must meet to serve.

    Parameters
    ----------
    name
        What is asked.
    passed
        Whether it is met.
    finding
        The number or fact behind it.
    final
        Whether not even force opens it.
    """

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


class GateError(RegistryError):
    """A version did not pass; the message lists every gate.

    Attributes
    ----------
    gates
        All that were asked.
    """

    def __init__(self, version: str, gates: tuple[Gate, ...]) -> None:
        self.gates = gates
        closed = [gate for gate in gates if not gate.passed]
        remedy = (
            "Register a sound version."
            if any(gate.final for gate in closed)
            else "Train again, or promote it anyway with --force --reason."
        )
        lines = "\n".join(f"  {gate}" for gate in gates)
        super().__init__(f"version {version} is not promoted:\n{lines}\n{remedy}")


def promote(
    name: str = MODEL_NAME,
    version: str = CHALLENGER,
    *,
    force: bool = False,
    reason: str = "",
    who: str = "",
    k: int = 0,
    seen: list[Move] | None = None,
) -> Promotion:
    """Make a version the champion if it passes every gate and nobody moved the champion meanwhile.

    Parameters
    ----------
    name
        Of the registered model.
    version
        A number or an alias.
    force
        Whether to pass closed gates; those of integrity stay closed.
    reason
        For the record; needed to force.
    who
        For the record; by default the user of this process.
    k
        The number of segments a person asked for: then the version may score less than the
        champion. 0 where nobody did.
    seen
        The moves on which the decision rests; by default those at this moment.

    Raises
    ------
    GateError
        When a gate stays closed.
    RegistryError
        When there is no such model or version, or somebody else was faster.
    """
    client = MlflowClient()
    if force and not reason.strip():
        raise RegistryError("force needs a reason: it stays in the record. Add --reason.")
    trail = _trail(client, name)
    moves = _asked(trail.notice) if seen is None else seen
    target = _number(client, name, version)
    before = moves[-1].to_version if moves else ""
    if target == before:
        raise RegistryError(f"{name} version {target} is the champion already: nothing to promote")
    gates = tuple(gates_of(client, name, target, before, k))
    closed = [gate for gate in gates if not gate.passed]
    if any(gate.final or not force for gate in closed):
        raise GateError(target, gates)
    forced = " (forced past: " + ", ".join(gate.name for gate in closed) + ")" if closed else ""
    why = reason.strip()[:LONGEST_REASON] + forced
    move = _asked(lambda: trail.move(moves, target, who=who or user(), why=why, kind="promote"))
    if target == version_of(client, name, CHALLENGER):
        client.delete_registered_model_alias(name, CHALLENGER)
    return Promotion(move.from_version, target, gates)


def rollback(name: str = MODEL_NAME, *, reason: str = "", who: str = "") -> Promotion:
    """Return to the champion before this one, if its files are sound and it answers.

    Raises
    ------
    GateError
        When the previous champion is damaged or does not answer.
    RegistryError
        When there was none, or somebody else was faster.
    """
    client = MlflowClient()
    trail = _trail(client, name)
    moves = _asked(trail.notice)
    current = moves[-1].to_version if moves else ""
    arrived = next((m for m in reversed(moves) if m.to_version == current and _forward(m)), None)
    if arrived is None or not arrived.from_version:
        raise RegistryError(f"{name} had no champion before version {current or 'none'}")
    target = arrived.from_version
    gates = tuple(integrity_gates(client, name, target))
    if not all(gate.passed for gate in gates):
        raise GateError(target, gates)
    why = reason.strip()[:LONGEST_REASON]
    _asked(lambda: trail.move(moves, target, who=who or user(), why=why, kind="rollback"))
    return Promotion(current, target, gates)


def history(name: str = MODEL_NAME) -> list[Move]:
    """Return every move of the champion, one by hand included, oldest first."""
    return _asked(_trail(MlflowClient(), name).notice)


def gates_of(
    client: MlflowClient, name: str, version: str, champion: str, k: int = 0
) -> Iterator[Gate]:
    """Yield every gate of a version, against the champion where there is one."""
    about = describe(name, version)
    floor = Constraints().stability
    evaluation = about.evaluation
    feasible = bool(evaluation["feasible"])
    yield Gate(
        "feasible", feasible, "meets every constraint" if feasible else "violates a constraint"
    )
    stable = float(evaluation["stability"])
    yield Gate("stability", stable >= floor, f"{stable:.3f}, at least {floor:.2f}")
    if champion:
        before = describe(name, champion)
        asked = f"not compared: {k} segments were asked for"
        yield Gate(BETTER, True, asked) if k else quality_gate(about, before)
        yield schema_gate(about, before)
    yield from integrity_gates(client, name, version)


def quality_gate(about: ModelInfo, champion: ModelInfo) -> Gate:
    """Ask that the judged objective is not worse than the champion's beyond noise."""
    own, other = about.evaluation, champion.evaluation
    noise = max(NOISE, math.hypot(own["score_error"], other["score_error"]))
    difference = own["score"] - other["score"]
    text = (
        f"score {own['score']:.3f} against {other['score']:.3f} of version {champion.version}, "
        f"difference {difference:+.3f}, noise {noise:.3f}"
    )
    return Gate(BETTER, difference >= -noise, text)


def schema_gate(about: ModelInfo, champion: ModelInfo) -> Gate:
    """Ask that clients which send what the champion needs send what this version needs."""
    known = {column.name: column for column in champion.schema.columns}
    needed = about.schema.columns
    missing = [column.name for column in needed if column.name not in known]
    other = [
        column.name
        for column in needed
        if column.name in known and column.categorical != known[column.name].categorical
    ]
    text = f"{len(needed)} columns, all of which version {champion.version} takes"
    if missing or other:
        parts = [f"new: {', '.join(missing)}"] * bool(missing)
        parts += [f"of another kind: {', '.join(other)}"] * bool(other)
        text = f"clients of version {champion.version} would fail; columns {'; '.join(parts)}"
    return Gate("takes what clients send", not missing and not other, text)


def integrity_gates(client: MlflowClient, name: str, version: str) -> Iterator[Gate]:
    """Ask that every file is as it was registered, and that the model answers its own example."""
    try:
        with verified(client, name, version) as folder:
            yield Gate("files as registered", True, "every digest matches", final=True)
            yield _answers(str(folder))
    except (SegmentationError, MlflowException) as error:
        # Also where MLflow cannot or will not fetch them: what nobody saw is not promoted.
        yield Gate("files as registered", False, str(error), final=True)


def _answers(uri: str) -> Gate:
    try:
        rows = check_answers(uri)
    except RegistryError as error:
        return Gate("answers its own example", False, str(error), final=True)
    return Gate("answers its own example", True, f"{rows} customers", final=True)


def _forward(move: Move) -> bool:
    return move.kind != "rollback"


def _trail(client: MlflowClient, name: str) -> Trail:
    try:
        return Trail(client, name)
    except (ForeignModelError, MlflowException) as error:
        raise RegistryError(
            f"{name} is not in the registry at {mlflow.get_tracking_uri()}: {error}"
        ) from error


def _number(client: MlflowClient, name: str, version: str) -> str:
    if version.isdecimal():
        try:
            return str(client.get_model_version(name, version).version)
        except MlflowException as error:
            raise RegistryError(f"{name} has no version {version}: nothing to promote") from error
    found = version_of(client, name, version)
    if not found:
        raise RegistryError(f"{name} has no version with the alias {version!r}: nothing to promote")
    return found


def _asked(question: Callable[[], T]) -> T:
    """Return the record's answer; what it refuses is an error of the registry."""
    try:
        return question()
    except LostRaceError as error:
        raise RegistryError(str(error)) from error
