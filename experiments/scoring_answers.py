"""A model's answers as JSON, CSV and Parquet: what they cost is what they hold."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from experiments.scoring_bodies import CSV, JSON, PARQUET
from experiments.scoring_threads import each, row_ranges
from segmentation.model.answers import Answers, BasicAnswers
from segmentation.types import IntArray

VERSION = "model_version"


def written(
    answers: BasicAnswers, version: str, sizes: Sequence[int], kinds: Sequence[str]
) -> list[bytes]:
    """Return the answer to each of several requests.

    Parameters
    ----------
    answers
        For the customers of all requests.
    version
        Of the model.
    sizes
        How many customers each request has.
    kinds
        Content type of each answer. JSON has the bytes that MLflow writes. CSV has the reasons
        joined by commas, and the memberships as JSON. Parquet has lists and structures.
    """
    ends = np.cumsum(sizes).tolist()
    parts = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    predictions = _predictions(answers, version, parts) if JSON in kinds else [None] * len(parts)
    return [
        json.dumps({"predictions": own}).encode()
        if kind == JSON
        else WRITERS[kind](answers.part(part), version)
        for kind, part, own in zip(kinds, parts, predictions, strict=True)
    ]


def _predictions(answers: BasicAnswers, version: str, parts: Sequence[slice]) -> list[Any]:
    """Return what MLflow writes for each part: rows, or lists by column of a basic answer."""
    columns = {
        name: values.tolist() if isinstance(values, np.ndarray) else values
        for name, values in answers.columns().items()
    }
    columns[VERSION] = [version] * len(answers)
    if not isinstance(answers, Answers):
        return [{name: values[part] for name, values in columns.items()} for part in parts]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [rows[part] for part in parts]


def _csv(answers: BasicAnswers, version: str) -> bytes:
    def lines(rows: slice) -> bytes:
        table = _text_columns(answers.part(rows), version)
        stream = io.BytesIO()
        pa.csv.write_csv(table, stream, pa.csv.WriteOptions(include_header=not rows.start))
        return stream.getvalue()

    return b"".join(each(lines, row_ranges(len(answers))))


def _text_columns(answers: BasicAnswers, version: str) -> pa.Table:
    """Return the columns of an answer without lists, structures and categories."""
    table = _columns(answers, version)
    if isinstance(answers, Answers):
        table["memberships"] = _objects(answers)
        table["reasons"] = pc.binary_join(table["reasons"], ", ")
    return pa.table(
        {
            name: values.dictionary_decode() if pa.types.is_dictionary(values.type) else values
            for name, values in table.items()
        }
    )


def _objects(answers: BasicAnswers) -> pa.Array:
    """Return the memberships of each customer as an object of JSON."""
    parts: list[Any] = []
    for number, values in zip(answers.numbers.tolist(), answers.memberships.T, strict=True):
        parts += [f'{", " if parts else "{"}"{number}": ', pa.array(values).cast(pa.string())]
    return pc.binary_join_element_wise(*parts, "}", "")


def _parquet(answers: BasicAnswers, version: str) -> bytes:
    table = _columns(answers, version)
    categories = [name for name, values in table.items() if pa.types.is_dictionary(values.type)]
    stream = io.BytesIO()
    pq.write_table(
        pa.table(table),
        stream,
        use_dictionary=[*categories, "reasons.list.element"],
        write_statistics=False,
    )
    return stream.getvalue()


def _columns(answers: BasicAnswers, version: str) -> dict[str, pa.Array]:
    """Return a column for each field of an answer, names as categories."""
    table = {
        "segment": pa.array(answers.numbers[answers.cluster]),
        "segment_name": _category(answers.cluster, answers.names),
        "confidence": pa.array(answers.confidence),
    }
    if isinstance(answers, Answers):
        table |= {
            "memberships": pa.StructArray.from_arrays(
                [pa.array(np.ascontiguousarray(one)) for one in answers.memberships.T],
                names=[str(number) for number in answers.numbers],
            ),
            "runner_up": pa.array(answers.numbers[answers.runner_up]),
            "runner_up_name": _category(answers.runner_up, answers.names),
            "unlike_training": pa.array(answers.unlike),
            "map_x": pa.array(np.ascontiguousarray(answers.place[:, 0])),
            "map_y": pa.array(np.ascontiguousarray(answers.place[:, 1])),
            "reasons": _lists(answers.reasons, answers.reason_names),
        }
    versions = _category(np.zeros(len(answers), dtype=np.int64), np.array([version]))
    return {**table, VERSION: versions}


def _category(positions: IntArray, names: NDArray[Any]) -> pa.Array:
    indices = pa.array(positions.astype(np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array(names.tolist(), pa.string()))


def _lists(positions: IntArray, names: Sequence[str]) -> pa.Array:
    """Return a list of names for each row of positions, without the -1."""
    present = positions >= 0
    offsets = np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int32)
    values = pa.array(names, pa.string()).take(pa.array(positions[present]))
    return pa.ListArray.from_arrays(pa.array(offsets), values)


WRITERS = MappingProxyType({CSV: _csv, PARQUET: _parquet})
