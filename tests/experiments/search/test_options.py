"""Options as a study's run has them."""

import shlex
from dataclasses import replace
from hashlib import sha256

import pytest

from experiments.search.options import (
    checked,
    default_options,
    read_options,
    read_weights,
    write_weights,
)
from experiments.search.search_space import Space
from experiments.study.study import study_name
from segmentation.evaluation.constraints import Constraints


@pytest.mark.parametrize(
    ("logged", "data"),
    [
        ("embedded:500", "embedded:500"),
        ("'my customers.csv'", "my customers.csv"),
        ("my customers.csv", "my customers.csv"),
        ("it's.csv", "it's.csv"),
    ],
)
def test_options_are_read_as_mlflow_run_logs_them(logged: str, data: str) -> None:
    """`mlflow run` logs a parameter quoted for the shell, an empty one as two quotes."""
    options = read_options({"data": logged, "algorithms": "''", "other": "x"}, k_min=3)
    assert (options.data, options.k_min) == (data, 3)
    assert options == read_options({"data": data}, k_min=3)


def test_weights_survive_the_command_line() -> None:
    """Names with commas, spaces, quotes and equals signs too, as `mlflow run` logs them."""
    weights = {"a, b": 2.0, "c=d": 0.5, 'e"f': 3.0}
    text = write_weights(weights)
    assert dict(read_weights(text)) == weights
    assert read_options({"weights": shlex.quote(text)}).columns_weights == read_weights(text)


def test_shares_narrow_the_numbers_of_segments() -> None:
    """A fifth at least leaves room for five, a quarter at most needs four."""
    options = checked({**default_options(), "smallest_share": 0.2, "largest_share": 0.25})
    assert (options.constraints.k_min, options.constraints.k_max) == (4, 5)
    limits = checked(default_options()).constraints
    assert limits == Constraints(k_min=3, k_max=10)


def test_weights_leave_mixtures_out() -> None:
    """A mixture finds the same segments whatever columns weigh, so it is not tried."""
    plain = checked(default_options()).chosen_algorithms
    weighted = checked({**default_options(), "weights": "BALANCE=2"}).chosen_algorithms
    assert set(plain) - set(weighted) == {a for a in plain if a.startswith("gaussian")}


def test_other_constraints_are_another_study() -> None:
    """The same ones continue it; studies from before constraints could be set keep their name."""
    space, plain = Space("cc_general", 3, 8, 5), Constraints(3, 8)
    name = study_name("e", "digest", space, plain)
    assert name == f"e-{sha256(f'digest {space.fingerprint()}'.encode()).hexdigest()[:10]}"
    assert study_name("e", "digest", space, replace(plain, smallest_share=0.1)) != name
    weighted = replace(space, weights=(("PURCHASES", 2.0),))
    assert study_name("e", "digest", weighted, plain) != name
