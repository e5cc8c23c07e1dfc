"""What people want to see of all versions of a model before they promote one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from experiments.registry.registry import RegistryError

MOST_VERSIONS = 100


@dataclass(frozen=True)
class Version:
    """One version in a list.

    Parameters
    ----------
    number
        In the registry.
    created
        In UTC.
    aliases
        ``champion``, ``challenger`` and others.
    segments, stability, score, kept, algorithm
        As tagged when it was registered; empty where nothing was.
    run_id
        Of the search that found it.
    """

    number: str
    created: datetime
    aliases: tuple[str, ...]
    segments: str
    stability: str
    score: str
    kept: str
    algorithm: str
    run_id: str


# Versions of earlier releases: their tag adds the vote, their card has the score by itself.
CARD_SCORE = re.compile(r"\*\*Score\*\* (\d\.\d+)")


def _score(version: ModelVersion) -> str:
    """Return stability + separation + 0.03 ln(segments) of the version's evaluation as text."""
    if "vote" in version.tags:
        return str(version.tags.get("score", ""))
    score = CARD_SCORE.search(version.description or "")
    return score[1] if score else ""


def list_versions(name: str) -> list[Version]:
    """Return the newest hundred versions of a model, newest first.

    Raises
    ------
    RegistryError
        When the registry cannot be reached.
    """
    client = MlflowClient()
    try:
        aliases = client.get_registered_model(name).aliases
        found = client.search_model_versions(
            f"name = '{name}'", max_results=MOST_VERSIONS, order_by=["version_number DESC"]
        )
    except (MlflowException, OSError) as error:
        raise RegistryError(f"the versions of {name} cannot be listed: {error}") from error
    return [
        Version(
            number=str(version.version),
            created=datetime.fromtimestamp(version.creation_timestamp / 1000, tz=UTC),
            aliases=tuple(sorted(a for a, v in aliases.items() if str(v) == str(version.version))),
            segments=version.tags.get("segments", ""),
            stability=version.tags.get("stability", ""),
            score=_score(version),
            kept=version.tags.get("segments_kept", ""),
            algorithm=version.tags.get("algorithm", ""),
            run_id=str(version.run_id),
        )
        for version in found
    ]
