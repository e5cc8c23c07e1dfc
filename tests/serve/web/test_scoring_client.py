"""What the pages make of a scoring server's answer for many customers."""

import io

import pandas as pd
import pytest

from experiments.scoring_answers import written
from experiments.scoring_bodies import JSON, PARQUET
from serve.web.scoring_client import ScoringRefusedError, _rows, _table
from tests.segmentation.planted import planted, planted_model


@pytest.fixture(scope="module")
def contents() -> tuple[bytes, bytes]:
    """Return a model's answer for 40 customers in JSON and in Parquet."""
    answers = planted_model().answers(planted(40, seed=4)[0])
    json, parquet = (written(answers, "7", [40], [kind])[0] for kind in (JSON, PARQUET))
    return json, parquet


def test_an_answer_in_parquet_is_that_in_json(contents: tuple[bytes, bytes]) -> None:
    """The same values and types, whichever way they came."""
    json, parquet = contents
    pd.testing.assert_frame_equal(_table(parquet, 40), pd.DataFrame(_rows(json, 40)))


@pytest.mark.parametrize(
    "changes",
    [
        {"confidence": 1.5},
        {"confidence": None},
        {"segment": "first"},
        {"segment_name": None},
        {"reasons": "BALANCE"},
        {"unlike_training": "perhaps"},
    ],
)
def test_a_table_that_is_no_answer_is_refused(
    contents: tuple[bytes, bytes], changes: dict[str, object]
) -> None:
    """Other types, values that are missing or impossible, other rows, and half a file."""
    _, parquet = contents
    table, stream = pd.read_parquet(io.BytesIO(parquet)), io.BytesIO()
    table.assign(**changes).to_parquet(stream)
    without = io.BytesIO()
    table.drop(columns=list(changes)).to_parquet(without)
    wrong = [stream.getvalue(), without.getvalue(), parquet[: len(parquet) // 2], b"{}"]
    for content, rows in (*((content, 40) for content in wrong), (parquet, 41)):
        with pytest.raises(ScoringRefusedError):
            _table(content, rows)
