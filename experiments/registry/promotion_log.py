"""The append-only record of who made which version the champion, and the only way to move it.

Every move is a parameter of one MLflow run. MLflow never lets a parameter change, on any store and
through any server, so of two processes that claim the same number one is refused: that is the
compare-and-set that an alias lacks.
"""

from __future__ import annotations

import getpass
import json
import os
import uuid
from dataclasses import asdict
from datetime import UTC, datetime

from mlflow import MlflowClient
from mlflow.entities import RunStatus
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from experiments.registry.client import CHAMPION, Move, version_of
from segmentation.errors import SegmentationError

RUN = "promotions_run"
BY_HAND = "by hand, past this project"
# A move that was claimed so long ago and is not done was interrupted.
INTERRUPTED_AFTER_SECONDS = 30.0
MOST_MOVES_IN_NOTE, LONGEST_NOTE = 50, 8_000


class LostRaceError(Exception):
    """The champion was moved meanwhile; the message says by whom, when and to what."""


class ForeignModelError(SegmentationError):
    """A registered model was not made by this project: it has versions, and no promotion log."""


class NotPermittedError(SegmentationError):
    """A user may not register versions of a model."""


class PromotionLog:
    """The promotion log of one registered model, which must exist."""

    def __init__(self, client: MlflowClient, name: str) -> None:
        self.client, self.name = client, name
        run_id = client.get_registered_model(name).tags.get(RUN)
        if not run_id:
            raise ForeignModelError(_foreign(name))
        self.run_id = str(run_id)

    def moves(self) -> list[Move]:
        """Return every move, oldest first."""
        params = self.client.get_run(self.run_id).data.params
        moves = [Move(**json.loads(v)) for key, v in params.items() if key.startswith("move_")]
        return sorted(moves, key=lambda move: move.number)

    def sync(self) -> list[Move]:
        """Return every move after recording one that was made past this project.

        The alias may be set in MLflow's own pages; that is legitimate, and part of the record.

        Raises
        ------
        LostRaceError
            When the champion is being moved right now.
        """
        moves = self.moves()
        champion = version_of(self.client, self.name, CHAMPION)
        last = moves[-1] if moves else None
        if last is not None and not self._done(last):
            self._finish_or_wait(last)
            return self.sync()
        before = last.to_version if last else ""
        if champion == before:
            return moves
        self._record(len(moves) + 1, before, champion, who=BY_HAND, why="", kind="by hand")
        return self.moves()

    def move(self, seen: list[Move], to_version: str, *, who: str, why: str, kind: str) -> Move:
        """Move the champion alias, unless it was moved since :meth:`sync` returned `seen`.

        Raises
        ------
        LostRaceError
            When the champion was moved meanwhile.
        """
        before = seen[-1].to_version if seen else ""
        return self._record(len(seen) + 1, before, to_version, who=who, why=why, kind=kind)

    def _record(
        self, number: int, before: str, after: str, *, who: str, why: str, kind: str
    ) -> Move:
        when = datetime.now(UTC).isoformat(timespec="milliseconds")
        move = Move(number, before, after, who, when, why, kind, uuid.uuid4().hex)
        self._claim(move)
        if kind != "by hand":
            self.client.set_registered_model_alias(self.name, CHAMPION, after)
        self._finish(move)
        return move

    def _claim(self, move: Move) -> None:
        text = json.dumps(asdict(move))
        try:
            self.client.log_param(self.run_id, f"move_{move.number:06d}", text)
        except MlflowException:
            # Refused: the number is taken. Anything else that went wrong left no claim behind.
            first = next((m for m in self.moves() if m.number == move.number), None)
            if first is None:
                raise
            if first.claim != move.claim:
                raise LostRaceError(
                    f"{self.name}@{CHAMPION} was moved meanwhile, so version {move.to_version} "
                    f"was not promoted. {first}. Look at it, then run the command again."
                ) from None

    def _finish(self, move: Move) -> None:
        self.client.set_tag(self.run_id, f"done_{move.number:06d}", move.claim)
        # For readers; the parameters, which cannot change, are the record.
        lines = "\n".join(f"1. {made}" for made in self.moves()[-MOST_MOVES_IN_NOTE:])
        note = f"Who made which version of {self.name} the champion:\n\n{lines}"
        self.client.set_tag(self.run_id, MLFLOW_RUN_NOTE, note[:LONGEST_NOTE])
        if move.to_version:
            note = f"{move.kind} {move.when} by {move.who}" + (f": {move.why}" if move.why else "")
            self.client.set_model_version_tag(
                self.name, move.to_version, f"champion_{move.number:06d}", note[:5000]
            )

    def _done(self, move: Move) -> bool:
        tags = self.client.get_run(self.run_id).data.tags
        return tags.get(f"done_{move.number:06d}") == move.claim

    def _finish_or_wait(self, move: Move) -> None:
        """Complete a move whose process died; refuse while it may still be running."""
        age = (datetime.now(UTC) - datetime.fromisoformat(move.when)).total_seconds()
        if age < INTERRUPTED_AFTER_SECONDS:
            raise LostRaceError(
                f"{self.name}@{CHAMPION} is being moved right now. {move}. Wait half a minute, "
                "then run the command again."
            )
        self.client.set_registered_model_alias(self.name, CHAMPION, move.to_version)
        self._finish(move)


def user() -> str:
    """Return who runs this process, for the record."""
    return os.environ.get("MLFLOW_TRACKING_USERNAME") or getpass.getuser()


def create(client: MlflowClient, name: str, description: str, experiment_id: str) -> None:
    """Create a registered model together with its promotion log, unless it exists.

    The log's run is named in the very call that creates the model, so that two processes that
    both create it end up with one log. A model that was made by hand and has no version yet gets
    its log; should two processes give it one at the same moment, the later one stays, and records
    a champion of the other as made by hand.

    Raises
    ------
    ForeignModelError
        When the model has versions, and no log.
    """
    if check_name(client, name):
        return
    tags = {"kind": "promotions"}
    run = client.create_run(experiment_id, tags=tags, run_name=f"promotions of {name}")
    client.set_terminated(run.info.run_id, RunStatus.to_string(RunStatus.FINISHED))
    try:
        client.create_registered_model(name, {RUN: run.info.run_id}, description)
    except MlflowException as error:
        if error.error_code == "RESOURCE_ALREADY_EXISTS" and not check_name(client, name):
            client.set_registered_model_tag(name, RUN, run.info.run_id)
            return
        client.delete_run(run.info.run_id)
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def check_name(client: MlflowClient, name: str) -> bool:
    """Return whether a registered model has its promotion log; one without is new or empty.

    Raises
    ------
    ForeignModelError
        When it has versions, and no log.
    """
    try:
        if RUN in client.get_registered_model(name).tags:
            return True
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise
    if client.search_model_versions(f"name = '{name}'", max_results=1):
        raise ForeignModelError(_foreign(name))
    return False


def need_permission(client: MlflowClient, name: str) -> None:
    """Ask whether this user may register versions of a model, where there is one.

    Every user may create a registered model; versions of one need the permission that writing a
    tag needs.

    Raises
    ------
    NotPermittedError
        When the user may not.
    """
    if not check_name(client, name):
        return
    log = client.get_registered_model(name).tags[RUN]
    try:
        client.set_registered_model_tag(name, RUN, log)
    except MlflowException as error:
        if error.error_code != "PERMISSION_DENIED":
            raise
        raise NotPermittedError(
            f"model_name={name!r}: {user()} may not register versions of it. Ask its owner for the "
            "permission EDIT, or name another model."
        ) from error


def _foreign(name: str) -> str:
    return (
        f"the registered model {name!r} was not made by this project: it has no tag {RUN!r}. "
        "Register with `mlflow run .`, under another model_name where this one has versions."
    )
