"""Segments keep their numbers and names from version to version of a registered model."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from mlflow import MlflowClient

from experiments.registry import registry
from experiments.registry.packaging import DATA
from experiments.registry.promotion_log import version_of
from experiments.registry.registry import RegistryError
from experiments.registry.verification import verified
from segmentation.errors import DataError
from segmentation.model.segment_matching import Identity, Known, first_identity, match
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.types import IntArray

# On the registered model: the number that its next new segment gets.
FOLLOWING = "next_segment"
LONGEST = 60


def load(client: MlflowClient, name: str, version: str) -> SegmentationModel:
    """Return a version's model, as it was registered, with the names that people gave.

    Raises
    ------
    ModelFileError
        When its files are not as they were.
    """
    with verified(client, name, version) as folder:
        model = SegmentationModel.load(Path(folder) / "data" / DATA)
    return renamed(model, registry.given_names(client, name))


def renamed(model: SegmentationModel, given: dict[int, str]) -> SegmentationModel:
    """Return the model with the names that people gave to its segments."""
    old = model.identity
    names = tuple(given.get(n, name) for n, name in zip(old.numbers, old.names, strict=True))
    return model.identified(Identity(old.numbers, names, old.overlap, old.following, old.changes))


def rename(client: MlflowClient, name: str, segment: int, text: str) -> str:
    """Give a segment of the champion a name; return the one it had.

    Parameters
    ----------
    client
        Of the registry.
    name
        Of the registered model.
    segment
        The segment's number.
    text
        The new name.

    Raises
    ------
    RegistryError
        When there is no champion or no such segment, or the name is empty, too long or taken.
    """
    about = registry.describe(name)
    names = {int(p["number"]): str(p["name"]) for p in about.profiles}
    wanted = " ".join(text.split())
    if segment not in names:
        raise RegistryError(
            f"segment={segment}: version {about.version} of {name} has no such segment; expected "
            f"one of {', '.join(map(str, sorted(names)))}"
        )
    if not 0 < len(wanted) <= LONGEST:
        raise RegistryError(f"name={text!r}: expected 1 to {LONGEST} characters")
    others = {other.casefold(): number for number, other in names.items() if number != segment}
    if (taken := others.get(wanted.casefold())) is not None:
        raise RegistryError(f"name={text!r}: segment {taken} has it already; choose another")
    client.set_registered_model_tag(name, f"{registry.NAME}{segment}", wanted)
    return names[segment]


def identified(
    client: MlflowClient, name: str, model: SegmentationModel, people: pd.DataFrame
) -> SegmentationModel:
    """Return a new model whose segments keep the champion's numbers and names.

    Parameters
    ----------
    client
        Of the registry.
    name
        Of the registered model; without a champion the segments are numbered from 1.
    model
        New.
    people
        Validated customers with the columns of both models, shape (n, d).
    """
    champion = version_of(client, name, registry.CHAMPION)
    if not champion:
        return model
    proposed = model.identity.names
    before = load(client, name, champion)
    following = int(client.get_registered_model(name).tags.get(FOLLOWING, 1))
    known = Known(
        before.identity.numbers,
        before.identity.names,
        max(following, before.identity.following),
    )
    try:
        old = clusters(before, people)
    except DataError:
        # Another table: no customer is known to both, so nothing can be the same.
        return model.identified(first_identity(proposed, known.following))
    return model.identified(match(known, old, clusters(model, people), proposed))


def remember(client: MlflowClient, name: str, identity: Identity) -> None:
    """Note which numbers are taken, so that no later segment gets one of them."""
    known = int(client.get_registered_model(name).tags.get(FOLLOWING, 1))
    following = str(max(known, identity.following))
    client.set_registered_model_tag(name, FOLLOWING, following)


def clusters(model: SegmentationModel, people: pd.DataFrame) -> IntArray:
    """Return the cluster, from 0, of every customer; shape (n,).

    Raises
    ------
    DataError
        When a column of the model is not in the table.
    """
    return model.assign(people).segment
