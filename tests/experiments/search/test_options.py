"""Options as a study's run has them."""

import pytest

from experiments.search.options import read_options


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
