"""Whole requests in envelopes are answered as MLflow's server answers each by itself."""

from __future__ import annotations

import io
import json
import random
from contextlib import closing
from dataclasses import dataclass

import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import PyFuncModel
from mlflow.pyfunc.scoring_server import invocations

from experiments.registry.packaging import signature_of
from experiments.scoring_model import Envelopes, ScoringModel
from experiments.scoring_threads import (
    CORES,
    LEAST_BYTES,
    LEAST_ROWS,
    MOST_THREADS,
    csv_files,
    row_ranges,
)
from segmentation.clustering.segmenter import Segmenter
from segmentation.clustering.spec import Preprocessing, SegmenterSpec
from segmentation.data.readers import load_customers
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.preprocessing.categorical import prepare_table
from segmentation.schema import load_schema
from segmentation.schema.levels import decode
from serve.gateway import joining
from serve.gateway.backend import PASSED_ON
from serve.gateway.error_messages import CSV, JSON, PARQUET
from serve.gateway.joining import Request
from tests.experiments.scoring_requests import generated
from tests.segmentation.planted import EVALUATION, planted, planted_model

VERSION = "3"


@dataclass(frozen=True)
class Server:
    """MLflow's scoring server without a socket."""

    model: PyFuncModel

    @classmethod
    def of(cls, model: SegmentationModel, *, envelopes: bool = False) -> Server:
        """Return the server of a model, in the gateway where it takes envelopes."""
        scoring = ScoringModel(model, VERSION)
        plain = PyFuncModel(described(signature_of(model)), scoring)
        if not envelopes:
            return cls(plain)
        passed_on = Model.from_dict({**described(signature_of(model)).to_dict(), **PASSED_ON})
        return cls(PyFuncModel(passed_on, Envelopes(scoring, plain)))

    def ask(self, kind: str, body: bytes) -> bytes:
        """Return the content of an answer or a refusal."""
        try:
            schema = self.model.metadata.get_input_schema()
            return invocations(body, kind, self.model, schema).response.encode()
        except MlflowException as error:
            return error.serialize_as_json().encode()


def described(signature: ModelSignature) -> Model:
    """Return what MLflow knows of a model with a signature."""
    model = Model(signature=signature)
    model.add_flavor("python_function", loader_module="experiments.scoring_model")
    return model


def numbers() -> tuple[SegmentationModel, pd.DataFrame]:
    """Return a model of numbers, and customers."""
    return planted_model(), planted(300, seed=4)[0]


def mixed() -> tuple[SegmentationModel, pd.DataFrame]:
    """Return a model that takes texts too, and customers."""
    schema = load_schema("embedded_people")
    customers = load_customers("embedded-people:600:3", schema).customers
    prepared = prepare_table(customers, schema, sensitive=True)
    spec = SegmenterSpec(schema.name, Preprocessing(), "k_means", {"n_clusters": 4})
    segmenter = Segmenter(spec, prepared.schema).fit(prepared.customers)
    model = SegmentationModel.build(
        segmenter, prepared.customers, EVALUATION, 0, schema=prepared.table
    )
    return model, decode(customers, prepared.table)


@pytest.mark.parametrize("make", [numbers, mixed])
def test_requests_together_are_answered_as_each_alone(make) -> None:
    """Every format, three in ten unusual: the bytes that MLflow writes, and its refusals."""
    model, customers = make()
    assert answered_in_envelopes(model, customers, 300, seed=1) > 0.6


def answered_in_envelopes(
    model: SegmentationModel, customers: pd.DataFrame, count: int, seed: int
) -> float:
    """Compare generated requests, in envelopes of any size, with MLflow; the share answered."""
    schema, chance, answered = model.schema, random.Random(seed), 0
    alone, together = Server.of(model), Server.of(model, envelopes=True)
    envelopes, left = joining.Envelopes(VERSION), list(generated(customers, schema, count, seed))
    while left:
        size = chance.choice([1, 2, 5, 30])
        batch, left = left[:size], left[size:]
        requests = [Request(body, kind) for kind, body in batch]
        with closing(envelopes.join(requests)) as joined:
            split = envelopes.split(together.ask(JSON, joined.request.body), joined)
        assert split is not None
        for (kind, body), reply in zip(batch, split.replies, strict=True):
            assert reply.content == alone.ask(kind, body), (kind, body)
            answered += reply.status == 200
    return answered / count


@pytest.mark.parametrize("detail", ["full", "basic"])
def test_answers_come_as_tables_too(detail: str) -> None:
    """CSV and Parquet hold what JSON holds: lists and structures, or their texts."""
    model, customers = numbers()
    server, envelopes = Server.of(model, envelopes=True), joining.Envelopes(VERSION)
    body = customers.assign(detail=detail).to_csv(index=False).encode()
    requests = [Request(body, CSV, kind) for kind in (JSON, CSV, PARQUET)]
    with closing(envelopes.join(requests)) as joined:
        split = envelopes.split(server.ask(JSON, joined.request.body), joined)
    assert split is not None
    json_, csv, parquet = (reply.content for reply in split.replies)
    expected = pd.DataFrame(json.loads(json_)["predictions"])
    table = pd.read_parquet(io.BytesIO(parquet))
    text = pd.read_csv(io.BytesIO(csv), dtype={"model_version": str})
    assert list(expected) == list(table) == list(text)
    if detail == "full":
        assert table["reasons"].map(list).tolist() == expected["reasons"].tolist()
        assert (
            text.pop("reasons").fillna("").tolist() == expected["reasons"].str.join(", ").tolist()
        )
        assert text.pop("memberships").map(json.loads).tolist() == expected["memberships"].tolist()
        expected, table = (one.drop(columns="reasons") for one in (expected, table))
        assert table.pop("memberships").tolist() == expected.pop("memberships").tolist()
    for one in (table, text):
        assert one.astype(object).to_dict("list") == expected.to_dict("list")


@pytest.mark.parametrize("make", [numbers, mixed])
@pytest.mark.parametrize("detail", ["full", "basic"])
def test_large_tables_in_parts_are_answered_as_whole(make, detail: str) -> None:
    """On several threads where there are cores; the bytes are MLflow's."""
    model, customers = make()
    many = pd.concat([customers] * (3 * LEAST_ROWS // len(customers)), ignore_index=True)
    body = many.assign(**{model.schema.detail_column: detail}).to_csv(index=False).encode()
    parts = min(MOST_THREADS, len(CORES), 3)
    assert len(csv_files(body)) == len(row_ranges(len(many))) == parts
    together, envelopes = Server.of(model, envelopes=True), joining.Envelopes(VERSION)
    with closing(envelopes.join([Request(body, CSV), Request(body, CSV, CSV)])) as joined:
        split = envelopes.split(together.ask(JSON, joined.request.body), joined)
    assert split is not None
    json_, csv = (reply.content for reply in split.replies)
    assert json_ == Server.of(model).ask(CSV, body)
    predictions = json.loads(json_)["predictions"]
    table = pd.read_csv(io.BytesIO(csv))
    expected = pd.DataFrame(predictions)
    assert table["confidence"].tolist() == expected["confidence"].tolist()
    assert table["segment_name"].tolist() == expected["segment_name"].tolist()


@pytest.mark.parametrize(
    ("text", "parts"),
    [("a\n" + "1\n" * LEAST_BYTES, True), ('a\n"1"\n' + "1\n" * LEAST_BYTES, False)],
)
def test_a_csv_file_is_cut_between_lines(text: str, parts: bool) -> None:
    """Every part begins with the header; one with quoted cells stays whole."""
    files = csv_files(text.encode())
    assert (len(files) > 1) == (parts and len(CORES) > 1)
    assert all(file.startswith(b"a\n") and file.endswith(b"\n") for file in files)
    assert files[0] + b"".join(file[2:] for file in files[1:]) == text.encode()
