"""What `mlflow models serve` loads: the module that is copied into every logged model."""

from __future__ import annotations

import gc
import os
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import yaml
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.pyfunc import PyFuncModel
from threadpoolctl import threadpool_limits

from experiments.scoring_answers import written
from experiments.scoring_bodies import BASIC, DETAIL, FULL, JSON, Body, joined, read_body
from experiments.scoring_threads import CORES, each, row_ranges
from segmentation.clustering.segmenter import Customers
from segmentation.errors import SegmentationError
from segmentation.memory import hold_memory
from segmentation.model.answers import Answers, BasicAnswers
from segmentation.model.segmentation_model import SegmentationModel

VERSION_FILE = "registered_model_meta"
# Beside the file that MLflow reads: the same as it was registered, where the gateway put another
# signature into the first to send whole requests.
REGISTERED = "MLmodel.registered"
# Where the gateway says which of its servers this is.
NUMBER = "SEGMENTATION_SCORING_NUMBER"


class ScoringModel:
    """Answers for customers: segment, confidence, runner-up, reasons, and the model's version.

    `version` is the number in the registry; empty when the model was not loaded from there.
    """

    def __init__(self, model: SegmentationModel, version: str) -> None:
        self.model = model
        self.version = version

    def predict(
        self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None
    ) -> pd.DataFrame | dict[str, Any]:
        """Return the answer for customers.

        Parameters
        ----------
        model_input
            Shape (n, d), the schema's columns. CSV and Parquet carry no parameters: there a
            column ``detail`` does it, with the same text in every row; where the table has a
            column of that name, ``detail_``.
        params
            ``detail``: ``full``, the default, or ``basic``.

        Returns
        -------
        DataFrame or dict
            ``full``: a row per customer, the columns of :meth:`SegmentationModel.score` and
            ``model_version``. ``basic``: lists of segment, name, confidence and version by
            column, which are written as JSON in a tenth of the time of rows.

        Raises
        ------
        MlflowException
            When `detail` is neither, or the customers cannot be scored.
        """
        basic = self._detail(model_input, params or {}) == BASIC
        try:
            if basic:
                answer = {name: a.tolist() for name, a in self.model.segments(model_input).items()}
                return {**answer, "model_version": [self.version] * len(model_input)}
            rows = self.model.score(model_input)
        except SegmentationError as error:
            # Anything else becomes a stack trace in MLflow's answer.
            raise MlflowException.invalid_parameter_value(str(error)) from error
        rows["model_version"] = pd.Series(self.version, index=rows.index, dtype=object)
        return rows

    def _detail(self, customers: pd.DataFrame, params: Mapping[str, Any]) -> str:
        detail = str(params.get(DETAIL, FULL))
        column = self.model.schema.detail_column
        if column in customers:
            values = customers[column].dropna().unique()
            detail = str(values[0]) if len(values) == 1 else "several" if len(values) else detail
        if detail not in {FULL, BASIC}:
            # The text may be a customer's value in the wrong column: it is not repeated.
            raise MlflowException.invalid_parameter_value(
                f"{DETAIL}: expected {FULL!r} or {BASIC!r}, the same for every customer; "
                "found something else. Leave it out for the full answer."
            )
        return detail


class Envelopes:
    """Answers whole requests, each in a text, as the gateway sends them.

    MLflow casts and checks a table column by column, and writes an answer value by value. Here
    all plain requests are read, scored together and written at once; any other is handed to
    MLflow's own code, so that its answer or refusal is the one that it gets by itself.

    Parameters
    ----------
    scoring
        The model.
    plain
        The same behind the signature that it was registered with.
    """

    def __init__(self, scoring: ScoringModel, plain: PyFuncModel) -> None:
        self.scoring = scoring
        self.plain = plain

    def predict(self, model_input: Sequence[str]) -> dict[str, Any]:
        """Return the answer to each request.

        Parameters
        ----------
        model_input
            For each request in base 64: its content type, that of its answer, the path of memory
            that the gateway shares, a line each, and its body, which stands in that memory where
            there is a path.

        Returns
        -------
        dict
            ``version``; ``rows``, customers that were scored together; ``answers``, for each
            request its status, its content type and its content in base 64; none where it
            stands in the memory of the request.
        """
        requests = [_request(b64decode(text)) for text in model_input]
        schema = self.scoring.model.schema
        bodies = [read_body(one.kind, one.body, schema) for one in requests]
        contents = self._scored(bodies, [one.answer for one in requests])
        return {
            "version": self.scoring.version,
            "rows": sum(len(body.customers) for body in bodies if body),
            "answers": [
                _answer(one.memory, 200, one.answer, content)
                if content is not None
                else _answer(one.memory, *self._by_mlflow(one.kind, one.body))
                for one, content in zip(requests, contents, strict=True)
            ],
        }

    def _scored(self, bodies: Sequence[Body | None], kinds: Sequence[str]) -> list[bytes | None]:
        """Return the content of each answer; None where there is no body, or it is refused."""
        contents: list[bytes | None] = [None] * len(bodies)
        for detail in (FULL, BASIC):
            group = [(i, body) for i, body in enumerate(bodies) if body and body.detail == detail]
            if not group:
                continue
            try:
                answers = self._answers(joined([body for _, body in group]), detail)
            except SegmentationError:
                continue
            sizes = [len(body.customers) for _, body in group]
            own_kinds = [kinds[i] for i, _ in group]
            parts = written(answers, self.scoring.version, sizes, own_kinds)
            for (i, _), content in zip(group, parts, strict=True):
                contents[i] = content
        return contents

    def _answers(self, customers: Customers, detail: str) -> BasicAnswers:
        model = self.scoring.model
        parts = [customers[rows] for rows in row_ranges(len(customers))]
        if detail == BASIC:
            return BasicAnswers.joined(each(model.basic, parts))
        return Answers.joined(each(model.answers, parts))

    def _by_mlflow(self, kind: str, body: bytes) -> tuple[int, str, bytes]:
        """Return status, content type and content of what MLflow answers to a request."""
        from mlflow.pyfunc import scoring_server  # noqa: PLC0415 - a server has it already

        schema = self.plain.metadata.get_input_schema()  # type: ignore[no-untyped-call]
        ask: Callable[..., Any] = scoring_server.invocations
        try:
            reply = ask(body, kind, self.plain, schema)
        except MlflowException as error:
            status = error.get_http_status_code()  # type: ignore[no-untyped-call]
            return status, JSON, error.serialize_as_json().encode()  # type: ignore[no-untyped-call]
        return reply.status, reply.mimetype, reply.response.encode()


class _Request(NamedTuple):
    kind: str
    answer: str
    memory: str
    body: bytes


def _request(envelope: bytes) -> _Request:
    *lines, body = envelope.split(b"\n", 3)
    kind, answer, memory = (line.decode() for line in lines)
    return _Request(kind, answer, memory, Path(memory).read_bytes() if memory else body)


def _answer(memory: str, status: int, kind: str, content: bytes) -> tuple[int, str, str | None]:
    """Return an answer, its content left in shared memory where there is some."""
    if not memory:
        return status, kind, b64encode(content).decode()
    Path(memory).write_bytes(content)
    return status, kind, None


def _load_pyfunc(path: str) -> ScoringModel | Envelopes:
    """Load the model from its data folder; MLflow calls this."""
    model = ScoringModel(SegmentationModel.load(Path(path)), _version(Path(path)))
    if "mlflow.pyfunc.scoring_server.app" in sys.modules:
        _settle()
    registered = Path(path).parent.parent / REGISTERED
    if registered.is_file():
        described = Model.from_dict(yaml.safe_load(registered.read_text(encoding="utf-8")))
        return Envelopes(model, PyFuncModel(described, model))
    return model


def _settle() -> None:
    """Make a scoring server's process faster; ``experiments.benchmark serving`` measures it."""
    # A server never frees what it has loaded. When the garbage collector skips these objects, a
    # body of 50,000 customers is read in half the time.
    gc.collect()
    gc.freeze()
    hold_memory()
    # Threads of linear algebra would wait for one another on the one core below.
    threadpool_limits(1)
    # One lock lets one thread compute at a time. Handed from core to core it costs a fifth of
    # the requests at four connections; processes spread over the cores by their numbers.
    if sys.platform == "linux":
        number = int(os.environ.get(NUMBER, os.getpid()))
        os.sched_setaffinity(0, {CORES[number % len(CORES)]})


def _version(data: Path) -> str:
    """Return the version MLflow notes beside a model it took from the registry."""
    for folder in (data, *data.parents[:2]):
        note = folder / VERSION_FILE
        if note.is_file():
            return str(yaml.safe_load(note.read_text(encoding="utf-8"))["model_version"])
    return ""
