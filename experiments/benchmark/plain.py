"""The peer of a search: the loop one would write with Optuna, scikit-learn and MLflow.

The same trials, each fitted on all customers and judged by the exact silhouette, one MLflow run and
one figure a trial: ``python -m experiments.benchmark.plain``. What a trial costs depends on its
recipe, so the loop is handed those of another study in place of its own sampler's.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import matplotlib.pyplot as plt
import mlflow
import optuna
from matplotlib.figure import Figure
from sklearn.metrics import silhouette_score

from experiments.search.runner import space_for
from experiments.study.study import settled
from experiments.tracking.tracker import flat
from segmentation.clustering.segmenter import Segmenter
from segmentation.data.readers import load_customers
from segmentation.schema import load_schema
from segmentation.types import FloatArray, IntArray


@click.command()
@click.option("--data", required=True)
@click.option("--schema", required=True)
@click.option("--same-as", required=True, help="database of the study whose trials are tried")
@click.option("--out", required=True, type=click.Path(path_type=Path))
def main(data: str, schema: str, same_as: str, out: Path) -> None:
    """Try, and write the recipe with the best silhouette into a file."""
    table = load_schema(schema)
    customers = load_customers(data, table).customers
    space = space_for(customers, table, 3, 10, 0)
    recipes = {}
    mlflow.set_experiment("plain")

    def objective(trial: optuna.Trial) -> float:
        spec = space.propose(trial)
        recipes[trial.number] = spec.to_json()
        with mlflow.start_run(run_name=f"trial {trial.number}"):
            mlflow.log_params(flat(spec))
            segmenter = Segmenter(spec, table).fit_within(customers)
            labels = segmenter.assignment_.segment
            features = segmenter.features(customers)
            several = len(set(labels)) > 1
            score = float(silhouette_score(features, labels)) if several else -1.0
            mlflow.log_metric("silhouette", score)
            figure = _figure(features, labels)
            mlflow.log_figure(figure, "segments.png")
            plt.close(figure)
        return score

    [name] = optuna.get_all_study_names(same_as)
    trials = settled(optuna.load_study(study_name=name, storage=same_as))
    study = optuna.create_study(direction="maximize")
    for trial in trials:
        study.enqueue_trial(trial.params)
    study.optimize(objective, n_trials=len(trials))
    out.write_text(json.dumps(recipes[study.best_trial.number]), encoding="utf-8")


def _figure(features: FloatArray, labels: IntArray) -> Figure:
    figure, axes = plt.subplots()
    axes.scatter(features[:, 0], features[:, 1], c=labels, s=4)
    axes.set_title("Segments")
    return figure


if __name__ == "__main__":
    main()
