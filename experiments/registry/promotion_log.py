"""The append-only record of who made which version the champion, and the only way to move it.

Every move is a parameter of one MLflow run. MLflow never lets a parameter change, on any store and
through any server, so of two people who claim the same place in the record one is refused: that is
the compare-and-set an alias by itself lacks.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from mlflow import MlflowClient
from mlflow.entities import RunStatus
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from segmentation.errors import SegmentationError

CHAMPION = "champion"
RUN = "promotions_run"
BY_HAND = "by hand, past this project"
# A move that was claimed so long ago and is not done was interrupted.
PATIENCE_SECONDS = 30.0
MOST_TOLD, LONGEST_NOTE = 50, 8_000


class LostRaceError(Exception):
    """Somebody else moved the champion meanwhile; the message says who, when and to what."""


class ForeignModelError(SegmentationError):
    """A registered model is somebody else's: it has versions, and no record of this project."""


@dataclass(frozen=True)
class Move:
    """One move of the champion alias.

    Parameters
    ----------
    number
        Place in the record, from 1.
    from_version, to_version
        Empty for none.
    who, when, why
        Who moved it; in UTC, ISO 8601; the reason given.
    kind
        ``register``, ``promote``, ``rollback`` or ``by hand``.
    claim
        Tells two claims of the same move apart.
    """

    number: int
    from_version: str
    to_version: str
    who: str
    when: str
    why: str
    kind: str
    claim: str

    def __str__(self) -> str:
        """Return the move as a sentence."""
        before = f"version {self.from_version}" if self.from_version else "none"
        why = f": {self.why}" if self.why else ""
        return f"{self.when} {self.kind}: {before} -> version {self.to_version}, by {self.who}{why}"


class Trail:
    """The record of one registered model.

    Parameters
    ----------
    client
        Of the registry.
    name
        Of the registered model; it must exist.
    """

    def __init__(self, client: MlflowClient, name: str) -> None:
        self.client, self.name = client, name
        self.run_id = _run_of(client, name)

    def moves(self) -> list[Move]:
        """Return every move, oldest first."""
        params = self.client.get_run(self.run_id).data.params
        found = [json.loads(text) for key, text in params.items() if key.startswith("move_")]
        return sorted((Move(**raw) for raw in found), key=lambda move: move.number)

    def notice(self) -> list[Move]:
        """Return every move after recording one that was made past this project.

        The alias may be set in MLflow's own pages; that is legitimate, and part of the record.

        Raises
        ------
        LostRaceError
            When somebody is moving it right now.
        """
        moves = self.moves()
        champion = champion_of(self.client, self.name)
        last = moves[-1] if moves else None
        if last is not None and not self._done(last):
            self._finish_or_wait(last)
            return self.notice()
        if champion == (last.to_version if last else ""):
            return moves
        before = last.to_version if last else ""
        self._record(len(moves) + 1, before, champion, who=BY_HAND, why="", kind="by hand")
        return self.moves()

    def move(self, seen: list[Move], to_version: str, *, who: str, why: str, kind: str) -> Move:
        """Move the champion alias, if nobody did since `seen` was read.

        Parameters
        ----------
        seen
            What :meth:`notice` returned before the decision was taken.
        to_version
            The new champion.
        who, why, kind
            See :class:`Move`.

        Raises
        ------
        LostRaceError
            When somebody else was faster.
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
            self.client.log_param(self.run_id, _key(move), text)
        except MlflowException:
            # Refused: the place is taken. Anything else that went wrong left no claim behind.
            taken = self._at(move.number)
            if taken is None:
                raise
            if taken.claim != move.claim:
                raise LostRaceError(
                    f"{self.name}@{CHAMPION} was moved meanwhile, so version {move.to_version} "
                    f"was not promoted. {taken}. Look at it, then run the command again."
                ) from None

    def _at(self, number: int) -> Move | None:
        return next((move for move in self.moves() if move.number == number), None)

    def _finish(self, move: Move) -> None:
        self.client.set_tag(self.run_id, f"done_{move.number:06d}", move.claim)
        # For people; the record itself is the parameters, which nobody can change.
        lines = "\n".join(f"1. {told}" for told in self.moves()[-MOST_TOLD:])
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
        """Complete a move whose maker died; refuse while it may still be at work."""
        age = (datetime.now(UTC) - datetime.fromisoformat(move.when)).total_seconds()
        if age < PATIENCE_SECONDS:
            raise LostRaceError(
                f"{self.name}@{CHAMPION} is being moved right now. {move}. Wait half a minute, "
                "then run the command again."
            )
        self.client.set_registered_model_alias(self.name, CHAMPION, move.to_version)
        self._finish(move)


def champion_of(client: MlflowClient, name: str) -> str:
    """Return the champion's version, empty when there is none."""
    return version_of(client, name, CHAMPION)


def version_of(client: MlflowClient, name: str, alias: str) -> str:
    """Return the version behind an alias, empty when there is none."""
    try:
        found: ModelVersion = client.get_model_version_by_alias(name, alias)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return ""
        raise
    return str(found.version)


def create(client: MlflowClient, name: str, description: str, experiment_id: str) -> None:
    """Create a registered model together with its record, unless it exists.

    The record's run is named in the very call that creates the model, so that of two processes
    that both create it, both end up with one record. A model that somebody made by hand and that
    has no version yet gets its record; should two processes give it one at the same moment, the
    later one holds, and names a champion of the other as made by hand.

    Raises
    ------
    ForeignModelError
        When the model has versions, and no record.
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
    """Return whether a registered model has its record; one without may be new or empty.

    Raises
    ------
    ForeignModelError
        When it has versions, and no record.
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


def _run_of(client: MlflowClient, name: str) -> str:
    run_id = client.get_registered_model(name).tags.get(RUN)
    if not run_id:
        raise ForeignModelError(_foreign(name))
    return str(run_id)


def _foreign(name: str) -> str:
    return (
        f"the registered model {name!r} was not made by this project: it has no tag {RUN!r}. "
        "Register with `mlflow run .`, under another model_name where this one has versions."
    )


def _key(move: Move) -> str:
    return f"move_{move.number:06d}"
