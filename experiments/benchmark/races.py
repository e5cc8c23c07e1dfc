"""Several people promote at once: one wins, the others are told, the record is right."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from mlflow import MlflowClient

from experiments.registry import packaging
from experiments.registry.client import CHAMPION, RegistryError, version_of
from experiments.registry.promotion import history, promote
from experiments.registry.registration import register
from experiments.tracking.event_run import registry_experiment
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.data.synthetic import generate
from segmentation.evaluation.evaluator import Evaluator
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.schema import load_schema

CARDS = "cc_general"
RACERS = 3
NAME = "promotion-races"


@dataclass(frozen=True)
class RaceRow:
    """What became of several races.

    Parameters
    ----------
    races
        Run.
    one_winner
        Of those, how many had exactly one winner.
    losers_told
        Of all losers, how many were told that, and to what, the champion had been moved.
    losers
        All.
    record_right
        In how many races record and alias agreed, and named the winner.
    """

    races: int
    one_winner: int
    losers: int
    losers_told: int
    record_right: int


def run_races(races: int, racers: int = RACERS) -> RaceRow:
    """Let several threads promote another version each at the same moment, again and again.

    Parameters
    ----------
    races
        How many.
    racers
        Threads in each.
    """
    client = MlflowClient()
    versions = prepare(client, racers + 1)
    one_winner = losers = explained = right = 0
    for _ in range(races):
        champion = version_of(client, NAME, CHAMPION)
        entered = [version for version in versions if version != champion]
        won, refused = _race(entered)
        one_winner += len(won) == 1
        losers += len(refused)
        explained += sum("was moved meanwhile" in text or "being moved" in text for text in refused)
        last = history(NAME)[-1]
        right += [last.to_version] == won == [version_of(client, NAME, CHAMPION)]
    return RaceRow(races, one_winner, losers, explained, right)


def prepare(client: MlflowClient, count: int, name: str = NAME, segments: int = 4) -> list[str]:
    """Return that many equal versions of a small model, the first one champion."""
    schema = load_schema(CARDS)
    customers = generate(800, seed=2).set_index("CUST_ID")[list(schema.column_names)]
    customers = customers.astype(float)
    spec = SegmenterSpec(CARDS, Preprocessing(), "k_means", {"n_clusters": segments})
    evaluated = Evaluator(customers, schema).evaluate(spec)
    model = SegmentationModel.build(evaluated.segmenter, customers, evaluated.evaluation, 0)
    experiment = registry_experiment(client, name)
    versions = []
    for _ in range(count):
        run_id = client.create_run(experiment).info.run_id
        uri = packaging.log_model(client, run_id, model)
        version = register(client, name, uri, run_id=run_id, description="", tags={})
        versions.append(version)
        client.set_terminated(run_id)
    return versions


def _race(entered: list[str]) -> tuple[list[str], list[str]]:
    """Return the versions that won and what the others were told."""
    seen = history(NAME)
    barrier = threading.Barrier(len(entered))
    won: list[str] = []
    refused: list[str] = []

    def run(version: str) -> None:
        barrier.wait()
        try:
            won.append(promote(NAME, version, who=f"racer {version}", seen=seen).to_version)
        except RegistryError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=run, args=(version,)) for version in entered]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won, refused
