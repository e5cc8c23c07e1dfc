"""Views of MLflow's table of runs that come with an experiment."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from time import time

# MLflow's pages read an experiment's views from its tags; a key ends with the view's id.
TAG, IN_ADDRESS = "mlflow.sharedViewState.", "viewStateShareKey"
WINNERS, TRIALS = "winners", "trials"
WIDTHS = {
    "attributes.`Run Name`": 310,
    "runDateAndNestInfo": 150,
    "attributes.`Dataset`": 240,
    "tags.`segments`": 90,
    "tags.`algorithm`": 150,
    "metrics.`score`": 90,
    "metrics.`stability`": 90,
    "tags.`registered`": 230,
}


def saved_views() -> dict[str, str]:
    """Return the tags that hold the views, by key.

    The winner of each study, and all feasible trials, both by score: MLflow hides trials below
    their study where runs are ordered by time.
    """
    return {
        f"{TAG}{WINNERS}": _view("Winners", "tags.pick = 'yes'"),
        f"{TAG}{TRIALS}": _view("Trials by score", "tags.feasible = 'yes' and tags.trial LIKE '%'"),
    }


def address_of(experiment_id: str, view: str) -> str:
    """Return where MLflow's pages show a view."""
    return f"#/experiments/{experiment_id}/runs?{IN_ADDRESS}={view}"


def _view(title: str, query: str) -> str:
    state = {
        "searchFilter": query,
        "orderByKey": "metrics.`score`",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": [column for column in WIDTHS if "`" in column],
        "columnOrder": list(WIDTHS),
        "columnWidths": WIDTHS,
    }
    now = int(time() * 1000)
    packed = b64encode(zlib.compress(json.dumps(state).encode())).decode()
    return json.dumps(
        {"name": title, "createdAt": now, "updatedAt": now, "state": f"deflate;{packed}"}
    )
