"""The list of versions says the same score, whatever release registered them."""

import pytest
from mlflow import MlflowClient

from experiments.registry.client import RegistryError, describe, list_versions


def test_a_version_of_an_earlier_release_shows_its_score_without_the_vote(
    workplace: object, client: MlflowClient
) -> None:
    """Its tag adds the vote to the score; the card beside it has the score by itself."""
    client.create_registered_model("earlier")
    card = "- **Score** 1.523 ± 0.010, final 2.484, on 8,950 customers."
    for tags, description in (
        ({"score": "2.484"}, card),
        ({"score": "1.523", "vote": "0.960"}, card),
        ({"score": "2.484"}, "rewritten by hand"),
    ):
        version = client.create_model_version("earlier", "nowhere", description=description)
        for name, value in tags.items():
            client.set_model_version_tag("earlier", version.version, name, value)
    assert [version.score for version in list_versions("earlier")] == ["", "1.523", "1.523"]


def test_a_model_that_is_not_there_is_told_so(workplace: object) -> None:
    """With what to do, and not with what MLflow says to itself."""
    with pytest.raises(RegistryError, match="nobody@champion: there is no such .*search first"):
        describe("nobody")
