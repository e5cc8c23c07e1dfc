"""Compare two versions on the same customers: the challenger with the champion, or any two."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from experiments import happening, lineage, registry
from experiments.options import read_options
from experiments.store import prepare_tracking, quiet
from experiments.tables import load_described
from segmentation.comparison import Comparison, compare_models
from segmentation.errors import SegmentationError
from segmentation.model import SegmentationModel
from segmentation.pages import flow_picture, page

REPORT = "compare.html"
JUDGED = {
    "n_segments": "Segments",
    "score": "Score",
    "score_error": "its standard error",
    "stability": "Stability",
    "separation": "Separation",
    "agreement": "Neighbour agreement",
    "smallest_share": "Smallest segment",
    "largest_share": "Largest segment",
    "tree_accuracy": "Told by a small tree",
    "rows": "Judged on customers",
}


def run(model_name: str, first: str, second: str, data: str, out: str) -> Comparison:
    """Compare two versions, record and print what was found."""
    prepare_tracking()
    client = MlflowClient()
    one, other = (registry.describe(model_name, alias) for alias in (first, second))
    options = read_options(client.get_run(one.run_id).data.params)
    source, schema = (data, "auto") if data else (options.data, options.schema)
    customers = load_described(source, schema)[0].customers
    before, after = (lineage.load(client, model_name, about.version) for about in (one, other))
    found = compare_models(before, after, customers)
    title = f"{model_name}: version {other.version} against {one.version}"
    html = report(found, (one, other), (before, after), title, Path(source).name)
    metrics = found.metrics()
    for suffix, about in (("first", one), ("second", other)):
        judged = {key: about.evaluation[key] for key in JUDGED}
        metrics |= {f"{key}_{suffix}": float(value) for key, value in judged.items()}
    note = _note(found, title)
    happening.record(
        client,
        model_name,
        f"version {other.version} against {one.version}",
        kind="comparison",
        note=note,
        metrics=metrics,
        files={REPORT: html, "migration.json": json.dumps(found.to_dict(), indent=1)},
    )
    if out:
        Path(out).write_text(html, encoding="utf-8")
    click.echo(note.replace("**", ""))
    return found


def report(
    found: Comparison,
    abouts: tuple[registry.ModelInfo, registry.ModelInfo],
    models: tuple[SegmentationModel, SegmentationModel],
    title: str,
    source: str,
) -> str:
    """Return the comparison as an HTML page."""
    one, other = abouts
    same = found.names[0].items() & found.names[1].items()
    return page(
        "compare.html",
        title=title,
        found=found,
        first=f"version {one.version}",
        second=f"version {other.version}",
        source=source,
        kept=len(same),
        changes=models[1].identity.changes,
        picture=flow_picture(found),
        rows=[
            (text, _number(one.evaluation[key]), _number(other.evaluation[key]))
            for key, text in JUDGED.items()
        ],
    )


def _number(value: object) -> str:
    if not isinstance(value, int | float):
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def _note(found: Comparison, title: str) -> str:
    lines = [
        f"**{title}**, {found.rows:,} customers: agreement {found.rand:.3f} (adjusted Rand), "
        f"{found.moved:.1%} move to another segment.",
        *(
            f"- {flow.before} {found.names[0][flow.before]} -> {flow.after} "
            f"{found.names[1][flow.after]}: {flow.customers:,}"
            + (f" ({', '.join(flow.why)})" if flow.why else "")
            for flow in found.flows[:8]
        ),
    ]
    return "\n".join(lines)


@click.command()
@click.option("--model-name", default=registry.MODEL_NAME, show_default=True)
@click.option("--first", default=registry.CHAMPION, show_default=True, help="Alias or number.")
@click.option("--second", default=registry.CHALLENGER, show_default=True, help="Alias or number.")
@click.option("--data", default="", help="Customers; by default those the first learnt from.")
@click.option("--out", default="", help="Also write the HTML report here.")
def main(model_name: str, first: str, second: str, data: str, out: str) -> None:
    """Say who moves between segments, where to and why; record it in MLflow."""
    quiet()
    try:
        run(model_name, first, second, data, out)
    except (SegmentationError, registry.RegistryError, MlflowException) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
