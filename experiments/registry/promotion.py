"""Gates before a version serves, and the moves of the champion: forward and back."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from experiments.registry.client import (
    CHALLENGER,
    MIGRATION,
    MODEL_NAME,
    Evidence,
    Gate,
    GateError,
    Migration,
    ModelInfo,
    Move,
    Promotion,
    RegistryError,
    describe,
    store_message,
    version_of,
)
from experiments.registry.promotion_log import (
    ForeignModelError,
    LostRaceError,
    PromotionLog,
    user,
)
from segmentation.errors import SegmentationError
from segmentation.evaluation.constraints import Constraints
from segmentation.evaluation.result import SCORE_NOISE

ROOT = Path(__file__).resolve().parents[2]
LONGEST_REASON = 1_000
NOT_WORSE = "not worse than the champion"
SOUND_FILES = "files as registered"
NOT_THERE = "RESOURCE_DOES_NOT_EXIST"


def promote(
    name: str = MODEL_NAME,
    version: str = CHALLENGER,
    *,
    force: bool = False,
    reason: str = "",
    who: str = "",
    k: int = 0,
    seen: list[Move] | None = None,
    isolated: bool = False,
) -> Promotion:
    """Make a version the champion if it passes every gate and the champion was not moved meanwhile.

    Parameters
    ----------
    name, version
        The registered model, and a version's number or alias.
    force
        Whether to pass closed gates; those of integrity stay closed.
    reason, who
        For the promotion log. A reason is needed to force; `who` is this process's user by default.
    k
        The number of segments the user requires, 0 for none. With one, the version may score less
        than the champion.
    seen
        The moves on which the decision rests; by default those at this moment.
    isolated
        Whether to load the model in a process of its own.

    Raises
    ------
    GateError
        When a gate stays closed.
    RegistryError
        When there is no such model or version, or the champion was moved meanwhile.
    """
    client = MlflowClient()
    if force and not reason.strip():
        raise RegistryError("force needs a reason: it stays in the promotion log. Add --reason.")
    with _log_errors(name):
        log = PromotionLog(client, name)
        moves = log.sync() if seen is None else seen
    target = _number(client, name, version)
    before = moves[-1].to_version if moves else ""
    if target == before:
        raise RegistryError(f"{name} version {target} is the champion already: nothing to promote")
    gates = (
        *quality_gates(name, target, before, k),
        *integrity_gates(client, name, target, isolated=isolated),
    )
    closed = [gate for gate in gates if not gate.passed]
    if any(gate.final or not force for gate in closed):
        raise GateError(target, gates)
    forced = " (forced past: " + ", ".join(gate.name for gate in closed) + ")" if closed else ""
    why = reason.strip()[:LONGEST_REASON] + forced
    with _log_errors(name):
        move = log.move(moves, target, who=who or user(), why=why, kind="promote")
    if target == version_of(client, name, CHALLENGER):
        client.delete_registered_model_alias(name, CHALLENGER)
    return Promotion(move.from_version, target, gates)


def rollback(
    name: str = MODEL_NAME, *, reason: str = "", who: str = "", isolated: bool = False
) -> Promotion:
    """Return to the champion before this one, if its files are sound and it answers.

    Raises
    ------
    GateError
        When the previous champion is damaged or does not answer.
    RegistryError
        When there was none, or the champion was moved meanwhile.
    """
    client = MlflowClient()
    with _log_errors(name):
        log = PromotionLog(client, name)
        moves = log.sync()
    current = moves[-1].to_version if moves else ""
    target = _before(name, moves)
    gates = tuple(integrity_gates(client, name, target, isolated=isolated))
    if not all(gate.passed for gate in gates):
        raise GateError(target, gates)
    why = reason.strip()[:LONGEST_REASON]
    with _log_errors(name):
        log.move(moves, target, who=who or user(), why=why, kind="rollback")
    return Promotion(current, target, gates)


def _before(name: str, moves: list[Move]) -> str:
    """Return the version that was champion before the present one."""
    current = moves[-1].to_version if moves else ""
    forward = (m for m in reversed(moves) if m.to_version == current and m.kind != "rollback")
    arrival = next(forward, None)
    if arrival is None or not arrival.from_version:
        raise RegistryError(f"{name} had no champion before version {current or 'none'}")
    return arrival.from_version


def evidence(name: str = MODEL_NAME, version: str = "") -> Evidence:
    """Return what to know before a version is promoted; before the roll-back without a version.

    The gates are those of :func:`quality_gates`; files and answers are checked when it is promoted.

    Raises
    ------
    RegistryError
        When there is no such model or version, or no champion to return to.
    """
    client = MlflowClient()
    moves = history(name)
    current = moves[-1].to_version if moves else ""
    target = version or _before(name, moves)
    candidate = describe(name, target)
    champion = describe(name, current) if current and current != target else None
    gates = tuple(_gates(candidate, champion)) if version else ()
    return Evidence(candidate, champion, gates, _migration(client, candidate, champion))


def _migration(
    client: MlflowClient, candidate: ModelInfo, champion: ModelInfo | None
) -> Migration | None:
    """Return who would move, counted when either of two versions was registered."""
    if champion is None:
        return None
    for one, other in ((candidate, champion), (champion, candidate)):
        tags = client.get_model_version(one.name, one.version).tags
        migration = Migration.from_json(tags.get(MIGRATION, ""))
        if migration is not None and migration.champion == other.version:
            return migration if one is candidate else migration.reversed(champion.version)
    return None


def history(name: str = MODEL_NAME) -> list[Move]:
    """Return every move of the champion, one by hand included, oldest first."""
    with _log_errors(name):
        return PromotionLog(MlflowClient(), name).sync()


def quality_gates(name: str, version: str, champion: str, k: int = 0) -> Iterator[Gate]:
    """Yield the gates of a version's evaluation, against the champion's where there is one."""
    yield from _gates(describe(name, version), describe(name, champion) if champion else None, k)


def _gates(info: ModelInfo, champion: ModelInfo | None, k: int = 0) -> Iterator[Gate]:
    evaluation = info.evaluation
    feasible = bool(evaluation["feasible"])
    finding = "meets every constraint" if feasible else "violates a constraint"
    yield Gate("feasible", feasible, finding)
    stability, floor = float(evaluation["stability"]), Constraints().stability
    yield Gate("stability", stability >= floor, f"{stability:.3f}, at least {floor:.2f}")
    if champion is not None:
        if k:
            yield Gate(NOT_WORSE, True, f"not compared: {k} segments were asked for")
        else:
            yield score_gate(info, champion)
        yield schema_gate(info, champion)


def score_gate(info: ModelInfo, champion: ModelInfo) -> Gate:
    """Require that the score is not below the champion's beyond noise."""
    own, other = info.evaluation, champion.evaluation
    noise = max(SCORE_NOISE, math.hypot(own["score_error"], other["score_error"]))
    difference = own["score"] - other["score"]
    text = (
        f"score {own['score']:.3f} against {other['score']:.3f} of version {champion.version}, "
        f"difference {difference:+.3f}, noise {noise:.3f}"
    )
    return Gate(NOT_WORSE, difference >= -noise, text)


def schema_gate(info: ModelInfo, champion: ModelInfo) -> Gate:
    """Require that clients which send what the champion needs send what this version needs."""
    categorical = {column.name: column.categorical for column in champion.schema.columns}
    columns = info.schema.columns
    new = [column.name for column in columns if column.name not in categorical]
    changed = [
        column.name
        for column in columns
        if column.categorical != categorical.get(column.name, column.categorical)
    ]
    text = f"{len(columns)} columns, all of which version {champion.version} takes"
    if new or changed:
        parts = [f"new: {', '.join(new)}"] * bool(new)
        parts += [f"of another kind: {', '.join(changed)}"] * bool(changed)
        text = f"clients of version {champion.version} would fail; columns {'; '.join(parts)}"
    return Gate("takes what clients send", not new and not changed, text)


def integrity_gates(
    client: MlflowClient, name: str, version: str, *, isolated: bool = False
) -> Iterator[Gate]:
    """Require that every file is as registered, and that the model answers its own example."""
    if isolated:
        yield from _isolated_integrity_gates(name, version)
        return
    # They load scikit-learn; a page's process must not.
    from experiments.registry.registration import check_answers  # noqa: PLC0415
    from experiments.registry.verification import verified  # noqa: PLC0415

    answers = "answers its own example"
    try:
        with verified(client, name, version) as folder:
            yield Gate(SOUND_FILES, True, "every digest matches", final=True)
            try:
                customers = check_answers(str(folder))
                yield Gate(answers, True, f"{customers} customers", final=True)
            except RegistryError as error:
                yield Gate(answers, False, str(error), final=True)
    except (SegmentationError, MlflowException) as error:
        # Also when MLflow cannot fetch the files: unchecked files are not promoted.
        yield Gate(SOUND_FILES, False, str(error), final=True)


def _isolated_integrity_gates(name: str, version: str) -> list[Gate]:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    uri = mlflow.get_tracking_uri()
    process = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "experiments.registry.promotion", name, version],
        env={**os.environ, "PYTHONPATH": path, "MLFLOW_TRACKING_URI": uri},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    try:
        return [Gate(**gate) for gate in json.loads(process.stdout.splitlines()[-1])]
    except (ValueError, TypeError, IndexError):
        text = f"the check ended with exit code {process.returncode}; its log says why"
        return [Gate(SOUND_FILES, False, text, final=True)]


@contextmanager
def _log_errors(name: str) -> Iterator[None]:
    """Turn errors of the promotion log into a RegistryError."""
    try:
        yield
    except LostRaceError as error:
        raise RegistryError(str(error)) from error
    except (ForeignModelError, MlflowException) as error:
        uri = mlflow.get_tracking_uri()
        missing = getattr(error, "error_code", NOT_THERE) == NOT_THERE
        what = "is not" if missing else "cannot be looked up"
        reason = store_message(error, uri)
        raise RegistryError(f"{name} {what} in the registry at {uri}: {reason}") from error


def _number(client: MlflowClient, name: str, version: str) -> str:
    if version.isdecimal():
        try:
            return str(client.get_model_version(name, version).version)
        except MlflowException as error:
            raise RegistryError(f"{name} has no version {version}: nothing to promote") from error
    number = version_of(client, name, version)
    if not number:
        raise RegistryError(f"{name} has no version with the alias {version!r}: nothing to promote")
    return number


if __name__ == "__main__":
    checked = integrity_gates(MlflowClient(), *sys.argv[1:])
    print(json.dumps([asdict(gate) for gate in checked]))
