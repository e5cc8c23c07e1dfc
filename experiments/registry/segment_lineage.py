"""Segments keep their numbers and names from version to version of a registered model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
from mlflow import MlflowClient

from experiments.registry.client import (
    CHAMPION,
    DATA,
    Migration,
    names_of_segments,
    version_of,
)
from experiments.registry.verification import verified
from segmentation.errors import DataError
from segmentation.model.segment_matching import Numbering, match_segments, new_numbering
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.monitoring import compare_batches, reference_batch, summarise
from segmentation.monitoring.comparison import compare_models
from segmentation.monitoring.drift import MIN_CUSTOMERS, drift_sentences

# On the registered model: the number that its next new segment gets.
NEXT_NUMBER = "next_segment"
# A version's tag holds 5,000 characters.
MOST_SENTENCES = 8


def load(client: MlflowClient, name: str, version: str) -> SegmentationModel:
    """Return a version's model with the names that users gave to its segments.

    Raises
    ------
    ModelFileError
        When its files are not as registered.
    """
    with verified(client, name, version) as folder:
        model = SegmentationModel.load(Path(folder) / "data" / DATA)
    own, chosen = model.numbering.name_of, names_of_segments(client, name)
    names = tuple(chosen.get(number, own[number]) for number in own)
    return model.with_numbering(replace(model.numbering, names=names))


def numbered_like_champion(
    client: MlflowClient, name: str, model: SegmentationModel, customers: pd.DataFrame
) -> SegmentationModel:
    """Return a new model whose segments keep the numbers and names of the champion's.

    Without a champion they are numbered from 1. `customers` are validated, shape (n, d), and have
    the columns of both models.
    """
    version = version_of(client, name, CHAMPION)
    if not version:
        return model
    champion = load(client, name, version)
    next_number = max(_next_number(client, name), champion.numbering.next_number)
    names = model.numbering.names
    try:
        before = champion.assign(customers).segment
    except DataError:
        # Another table: no customer is in both, so no segment can be the same.
        return model.with_numbering(new_numbering(names, next_number))
    previous = replace(champion.numbering, next_number=next_number)
    after = model.assign(customers).segment
    profiles = model.description["profiles"]
    other_names = {p["name"]: p["other_names"] for p in profiles if "other_names" in p}
    return model.with_numbering(match_segments(previous, before, after, names, other_names))


def migration_from_champion(
    client: MlflowClient, name: str, model: SegmentationModel, customers: pd.DataFrame
) -> Migration | None:
    """Return who would move from the champion to a new model, and how much its customers drifted.

    None without a champion that can assign these customers, the new model's training customers.
    """
    version = version_of(client, name, CHAMPION)
    if not version:
        return None
    champion = load(client, name, version)
    try:
        comparison = compare_models(champion, model, customers)
    except DataError:
        return None
    reference = reference_batch(champion)
    sentences: tuple[str, ...] = ()
    verdict = ""
    if reference is not None and len(customers) >= MIN_CUSTOMERS:
        drift = compare_batches(reference, summarise(champion, customers, reference))
        every = drift_sentences(drift, champion.schema, champion.numbering.name_of)
        sentences = every[:MOST_SENTENCES]
        verdict = drift.verdict
    flows = {
        f"{before}>{after}": int(count)
        for row, before in zip(comparison.matrix, comparison.before, strict=True)
        for count, after in zip(row, comparison.after, strict=True)
        if count
    }
    return Migration(version, flows, verdict, sentences)


def reserve_numbers(client: MlflowClient, name: str, numbering: Numbering) -> None:
    """Record which numbers are taken, so that no later segment gets one of them."""
    next_number = max(_next_number(client, name), numbering.next_number)
    client.set_registered_model_tag(name, NEXT_NUMBER, str(next_number))


def _next_number(client: MlflowClient, name: str) -> int:
    return int(client.get_registered_model(name).tags.get(NEXT_NUMBER, 1))
