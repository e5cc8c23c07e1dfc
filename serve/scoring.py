"""Ask the scoring server, with time limits, and turn whatever it says into a typed answer."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import pandas as pd
import requests

CONNECT_SECONDS = 1.0
COLUMNS = (
    "segment",
    "segment_name",
    "confidence",
    "runner_up",
    "runner_up_name",
    "unlike_training",
    "reasons",
    "model_version",
)


class ScoringError(Exception):
    """No usable answer; the message is fit for a person and holds no customer's value."""


class ScoringAwayError(ScoringError):
    """The scoring server is away or too slow."""


class ScoringRefusedError(ScoringError):
    """The scoring server cannot take these customers."""


@dataclass(frozen=True)
class Answer:
    """What the served model says of one customer; see the model's own documentation."""

    segment: int
    segment_name: str
    confidence: float
    runner_up: int
    runner_up_name: str
    unlike_training: bool
    reasons: tuple[str, ...]
    model_version: str


class ScoringClient:
    """Talks to ``mlflow models serve``.

    Parameters
    ----------
    url
        Base address.
    timeout, file_timeout
        Seconds to wait for one customer, and for a part of a file.
    """

    def __init__(self, url: str, timeout: float, file_timeout: float) -> None:
        self.url = url
        self.timeout = timeout
        self.file_timeout = file_timeout

    def one(self, customer: pd.DataFrame) -> Answer:
        """Return the answer for a table of one customer.

        Raises
        ------
        ScoringAwayError, ScoringRefusedError
            See their classes.
        """
        row = self._predictions(customer, self.timeout)[0]
        return Answer(**{**row, "reasons": tuple(row["reasons"])})

    def many(self, customers: pd.DataFrame) -> pd.DataFrame:
        """Return one answer row per customer, with the index of `customers`."""
        rows = self._predictions(customers, self.file_timeout)
        return pd.DataFrame(rows, columns=list(COLUMNS)).set_axis(customers.index)

    def alive(self) -> bool:
        """Tell whether the scoring server answers."""
        try:
            return requests.get(f"{self.url}/ping", timeout=(CONNECT_SECONDS, 1.0)).ok
        except requests.RequestException:
            return False

    def _predictions(self, customers: pd.DataFrame, seconds: float) -> list[dict[str, Any]]:
        body = io.StringIO()
        customers.to_csv(body, index=False)
        try:
            reply = requests.post(
                f"{self.url}/invocations",
                data=body.getvalue().encode(),
                headers={"Content-Type": "text/csv"},
                timeout=(CONNECT_SECONDS, seconds),
            )
        except requests.RequestException as error:
            raise ScoringAwayError("The scoring server does not answer right now.") from error
        if not reply.ok:
            # The server's own words may repeat what the customer typed: they stay here.
            raise ScoringRefusedError(
                f"The scoring server refused the request ({reply.status_code})."
            )
        return _rows(reply.text, len(customers))


def _rows(text: str, expected: int) -> list[dict[str, Any]]:
    """Return the answer's rows after a look at their shape."""
    try:
        rows = json.loads(text)["predictions"]
        complete = len(rows) == expected and all(set(COLUMNS) <= set(row) for row in rows)
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ScoringRefusedError("The scoring server's answer is not readable.") from error
    if not complete:
        raise ScoringRefusedError("The scoring server's answer is incomplete.")
    return [{name: row[name] for name in COLUMNS} for row in rows]
