"""Segments keep their numbers and names from version to version of a registered model."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from mlflow import MlflowClient

from experiments.registry.client import (
    CHAMPION,
    DATA,
    NAME,
    RegistryError,
    describe,
    names_of_segments,
    version_of,
)
from experiments.registry.verification import verified
from segmentation.errors import DataError
from segmentation.model.segment_matching import Identity, Known, first_identity, match
from segmentation.model.segmentation_model import SegmentationModel

# On the registered model: the number that its next new segment gets.
NEXT_NUMBER = "next_segment"
LONGEST_NAME = 60


def load(client: MlflowClient, name: str, version: str) -> SegmentationModel:
    """Return a version's model with the names that were given to its segments.

    Raises
    ------
    ModelFileError
        When its files are not as registered.
    """
    with verified(client, name, version) as folder:
        model = SegmentationModel.load(Path(folder) / "data" / DATA)
    old, names = model.identity, names_of_segments(client, name)
    new = tuple(names.get(n, own) for n, own in zip(old.numbers, old.names, strict=True))
    return model.identified(Identity(old.numbers, new, old.overlap, old.following, old.changes))


def rename(client: MlflowClient, name: str, segment: int, text: str) -> str:
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
    if not 0 < len(new) <= LONGEST_NAME:
        raise RegistryError(f"name={text!r}: expected 1 to {LONGEST_NAME} characters")
    others = {other.casefold(): number for number, other in names.items() if number != segment}
    if (owner := others.get(new.casefold())) is not None:
        raise RegistryError(f"name={text!r}: segment {owner} has it already; choose another")
    client.set_registered_model_tag(name, f"{NAME}{segment}", new)
    return names[segment]


def identified(
    client: MlflowClient, name: str, model: SegmentationModel, customers: pd.DataFrame
) -> SegmentationModel:
    """Return a new model whose segments keep the numbers and names of the champion's.

    Parameters
    ----------
    client
        Of the registry.
    name
        Of the registered model; without a champion the segments are numbered from 1.
    model
        New.
    customers
        Validated, with the columns of both models, shape (n, d).
    """
    version = version_of(client, name, CHAMPION)
    if not version:
        return model
    champion = load(client, name, version)
    old = champion.identity
    following = max(_next_number(client, name), old.following)
    names = model.identity.names
    try:
        before = champion.assign(customers).segment
    except DataError:
        # Another table: no customer is in both, so no segment can be the same.
        return model.identified(first_identity(names, following))
    previous = Known(old.numbers, old.names, following)
    return model.identified(match(previous, before, model.assign(customers).segment, names))


def reserve_numbers(client: MlflowClient, name: str, identity: Identity) -> None:
    """Record which numbers are taken, so that no later segment gets one of them."""
    following = max(_next_number(client, name), identity.following)
    client.set_registered_model_tag(name, NEXT_NUMBER, str(following))


def _next_number(client: MlflowClient, name: str) -> int:
    return int(client.get_registered_model(name).tags.get(NEXT_NUMBER, 1))
