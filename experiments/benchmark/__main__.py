"""Reprint what the documentation claims: ``python -m experiments.benchmark <what>``.

Light to import: what a command measures is imported where it runs, so that help comes at once.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from experiments.registry.client import MODEL_NAME

if TYPE_CHECKING:
    from experiments.benchmark.suite import LabelledProblem

CORES = os.cpu_count()
TABLE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def main() -> None:
    """Measure the product against data with known answers and against named peers."""
    import optuna  # noqa: PLC0415

    optuna.logging.set_verbosity(optuna.logging.ERROR)


@main.command()
@click.option("--experiment-name", default=MODEL_NAME, show_default=True)
def tracking(experiment_name: str) -> None:
    """Print what a trial of an experiment cost: judging, drawing, MLflow calls."""
    from experiments.benchmark.tracking import print_costs  # noqa: PLC0415
    from experiments.study.databases import prepare_tracking  # noqa: PLC0415

    prepare_tracking()
    sys.exit(print_costs(experiment_name))


@main.command()
@click.option("--suite", type=click.Path(exists=True, path_type=Path), help="Problems on disk.")
@click.option("--scikit-learn/--no-scikit-learn", default=False, help="Its four real tables.")
@click.option("--simulated", default=0, show_default=True, help="Tables of every simulated kind.")
@click.option("--trials", default=60, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("--jobs", default=CORES, show_default="cores", type=click.IntRange(1))
@click.option("--track/--no-track", default=False, help="Make every trial an MLflow run.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="JSON report.")
@click.option("--plot", type=click.Path(path_type=Path), help="PNG of all problems.")
def quality(
    *,
    suite: Path | None,
    scikit_learn: bool,
    simulated: int,
    trials: int,
    seed: int,
    jobs: int,
    track: bool,
    out: Path,
    plot: Path | None,
) -> None:
    """Search labelled problems, k unknown; then score the choices."""
    from experiments.benchmark.quality import report, run_suite  # noqa: PLC0415
    from experiments.benchmark.report import draw_quality  # noqa: PLC0415
    from experiments.benchmark.simulated import simulated_tables  # noqa: PLC0415
    from experiments.benchmark.suite import SCIKIT_LEARN, ScikitLearnTable, read_suite  # noqa: PLC0415

    problems: list[LabelledProblem] = list(read_suite(suite)) if suite else []
    if scikit_learn:
        problems += map(ScikitLearnTable, SCIKIT_LEARN)
    problems += simulated_tables(simulated)
    if not problems:
        raise click.UsageError("nothing to search: give --suite, --scikit-learn or --simulated")
    rows = []
    for row in run_suite(problems, trials, seed, jobs, track=track):
        click.echo(f"{row.dataset}: ARI {row.ari:.3f}, {row.seconds:.0f} s", err=True)
        rows.append(row)
    report(rows, out)
    if plot:
        draw_quality(rows).savefig(plot, dpi=110)


@main.command()
@click.option("--rows", "sizes", multiple=True, type=click.IntRange(100), help="Transactions.")
def collect(sizes: tuple[int, ...]) -> None:
    """Collect customers from 1 to 100 million transactions; print pandas' groupby beside it."""
    from experiments.benchmark.collecting import (  # noqa: PLC0415
        SIZES,
        collect_rows,
        collect_table,
        short_of,
    )

    finished = []
    for row in collect_rows(sizes or SIZES):
        click.echo(f"{row.transactions:,}: {row.seconds:.1f} s", err=True)
        finished.append(row)
    click.echo(collect_table(finished))
    sys.exit(_told(short_of(finished)))


@main.command()
@click.option("--table", "tables", multiple=True, type=TABLE, help="A table without labels.")
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1))
@click.option("--trials", default=60, show_default=True, type=click.IntRange(1))
@click.option("--rows", default=4_000, show_default=True, type=click.IntRange(200))
@click.option("--jobs", default=CORES, show_default="cores", type=click.IntRange(1))
def segments(tables: tuple[Path, ...], seeds: int, trials: int, rows: int, jobs: int) -> None:
    """Find planted segments at three difficulties; print real tables' alternatives."""
    from experiments.benchmark.segments import alternatives_of, planted_rows, summary  # noqa: PLC0415

    finished = []
    for row in planted_rows(seeds, trials, rows, jobs):
        click.echo(f"{row.difficulty} {row.seed}: {row.k_chosen}, ARI {row.ari:.3f}", err=True)
        finished.append(row)
    click.echo(summary(finished, "difficulty"))
    for table in tables:
        click.echo(f"\n{alternatives_of(table, trials, 0, jobs)}")


@main.command()
@click.option("--table", required=True, type=TABLE, help="A table without labels.")
@click.option("--repeats", default=10, show_default=True, type=click.IntRange(1))
@click.option("--trials", default=60, show_default=True, type=click.IntRange(1))
@click.option("--jobs", default=CORES, show_default="cores", type=click.IntRange(1))
def repeats(table: Path, repeats: int, trials: int, jobs: int) -> None:
    """Search a table again with rows shuffled, columns rescaled, and other seeds."""
    from experiments.benchmark.segments import repeat_rows, summary  # noqa: PLC0415

    finished = []
    for row in repeat_rows(table, repeats, trials, jobs):
        click.echo(f"{row.change} {row.seed}: {row.k_chosen}, ARI {row.ari:.3f}", err=True)
        finished.append(row)
    click.echo(summary(finished, "change"))
    same = sum(row.k_chosen == row.k_first for row in finished)
    click.echo(f"the same number of segments in {same} of {len(finished)} repeats")


@main.command()
@click.option("--table", "tables", multiple=True, type=TABLE, help="Columns to permute; repeat it.")
@click.option("--seeds", default=4, show_default=True, type=click.IntRange(1))
@click.option("--rows", "sizes", multiple=True, type=click.IntRange(30), help="Only these sizes.")
def nulls(tables: tuple[Path, ...], seeds: int, sizes: tuple[int, ...]) -> None:
    """Count how often tables with and without groups are said to have structure.

    Every table is reported as it is done; those that are wrongly judged are marked.
    """
    from experiments.benchmark.nulls import (  # noqa: PLC0415
        PLANTED_ROWS,
        ROWS,
        null_rows,
        planted_tables,
        summary_of,
    )

    answers = []
    planted = planted_tables(seeds, sizes or PLANTED_ROWS)
    for row in chain(planted, null_rows(tables, seeds, sizes or ROWS)):
        mark = "WRONG " if row.wrong else ""
        click.echo(f"{mark}{row.name}, {row.seed}: {row.structure.evidence}", err=True)
        answers.append(row)
    click.echo(summary_of(answers))


@main.command()
@click.option("--table", "tables", multiple=True, type=TABLE, help="A table without labels.")
@click.option("--rows", default=2_000, show_default=True, type=click.IntRange(200))
@click.option("--trials", default=60, show_default=True, type=click.IntRange(0))
@click.option("--jobs", default=CORES, show_default="cores", type=click.IntRange(1))
@click.option("--plot", type=click.Path(path_type=Path), help="PNG of the tables' reliability.")
def confidence(
    tables: tuple[Path, ...], rows: int, trials: int, jobs: int, plot: Path | None
) -> None:
    """Judge memberships beside a known posterior; refit real tables' models on bootstraps.

    Mixtures are searched too, the number of groups unknown, unless --trials is 0.
    """
    from experiments.benchmark.confidence import (  # noqa: PLC0415
        diagram,
        kept_row,
        kept_table,
        missed_targets,
        planted_rows,
        planted_table,
    )

    planted, real = [], []
    for row in planted_rows(rows, trials, jobs):
        click.echo(f"{row.mixture}, {row.clusterer}: Brier {row.brier:.3f}", err=True)
        planted.append(row)
    click.echo(planted_table(planted))
    for table in tables:
        real.append(kept_row(table, max(trials, 1), jobs))
        click.echo(f"\n{kept_table(real[-1])}")
    if plot and real:
        diagram(real).savefig(plot, dpi=110)
    sys.exit(_told(missed_targets(planted, real)))


@main.command()
@click.option("--table", required=True, type=TABLE, help="A table without labels.")
@click.option("--times", default=10, show_default=True, type=click.IntRange(1))
@click.option("--trials", default=60, show_default=True, type=click.IntRange(1))
@click.option("--jobs", default=CORES, show_default="cores", type=click.IntRange(1))
def retrains(table: Path, times: int, trials: int, jobs: int) -> None:
    """Search random four fifths of a table again; count segments that keep number and name."""
    from experiments.benchmark.retrains import retrain_rows  # noqa: PLC0415

    finished = []
    for row in retrain_rows(table, times, trials, jobs):
        click.echo(
            f"retrain {row.seed}: {row.preserved} of {row.segments} segments kept, overlap "
            f"{row.overlap:.3f}; by chance {row.preserved_by_chance}. {row.changes}"
        )
        finished.append(row)
    total, preserved = sum(r.segments for r in finished), sum(r.preserved for r in finished)
    chance = sum(r.preserved_by_chance for r in finished)
    click.echo(
        f"kept {preserved} of {total} ({preserved / total:.1%}); shuffled {chance} of {total}"
    )


@main.command()
@click.option("--count", default=100, show_default=True, type=click.IntRange(1))
def races(count: int) -> None:
    """Promote several versions at the same moment, in the store of MLFLOW_TRACKING_URI."""
    from experiments.benchmark.races import run_races  # noqa: PLC0415
    from experiments.study.databases import prepare_tracking, quiet  # noqa: PLC0415

    quiet()
    prepare_tracking()
    row = run_races(count)
    click.echo(
        f"{row.races} races: exactly one winner in {row.one_winner}, {row.losers_told} of "
        f"{row.losers} losers told, record and alias agree in {row.record_right}"
    )


@main.command()
@click.option("--rows", default=1_000_000, show_default=True, type=click.IntRange(1))
@click.option("--master", default="local[2]", show_default=True)
def spark(rows: int, master: str) -> None:
    """Score customers in one process and on Spark; status 1 where an answer differs."""
    from experiments.benchmark.spark import run_spark  # noqa: PLC0415
    from experiments.study.databases import prepare_tracking, quiet  # noqa: PLC0415

    quiet()
    prepare_tracking()
    row = run_spark(rows, master)
    click.echo(
        f"{row.rows:,} customers scored: in one process {row.process_seconds:.1f} s; on Spark "
        f"{master} {row.spark_seconds:.1f} s after {row.start_seconds:.1f} s of starting; "
        f"answers equal: {'yes' if not row.unequal else f'no, {row.unequal:,} differ'}"
    )
    sys.exit(bool(row.unequal))


@main.command()
@click.option("--moves", default=20, show_default=True, type=click.IntRange(1))
@click.option("--port", default=5051, show_default=True, type=click.IntRange(1024))
@click.option("--logs", default=Path("var/log"), show_default=True, type=click.Path(path_type=Path))
def promotions(moves: int, port: int, logs: Path) -> None:
    """Promote under load, in the store of MLFLOW_TRACKING_URI; damage a version at the end."""
    from experiments.benchmark.promotions import run_promotions  # noqa: PLC0415
    from experiments.study.databases import prepare_tracking, quiet  # noqa: PLC0415

    quiet()
    prepare_tracking()
    row = run_promotions(moves, port, logs)
    click.echo(
        f"{row.moves} moves, {row.requests:,} requests: {row.failed} failed; the new version "
        f"answered within {row.slowest:.0f} s each time; a damaged version answered "
        f"{row.broken_served} times: {row.problem}"
    )


@main.command()
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option("--seconds", default=3.0, show_default=True, type=click.FloatRange(0.1))
@click.option("--port", default=5061, show_default=True, type=click.IntRange(1024))
@click.option("--logs", default=Path("var/log"), show_default=True, type=click.Path(path_type=Path))
@click.option("--only", default="", help="Regular expression for rows of the table.")
@click.option("--out", type=click.Path(path_type=Path), help="JSON report.")
def serving(
    *, rounds: int, seconds: float, port: int, logs: Path, only: str, out: Path | None
) -> None:
    """Serve our model and a stock pipeline side by side; print requests per second of both."""
    from experiments.benchmark.serving import run_serving, serving_table, too_slow  # noqa: PLC0415
    from experiments.study.databases import prepare_tracking, quiet  # noqa: PLC0415

    quiet()
    prepare_tracking()
    rows, measured = run_serving(rounds, seconds, port, logs, only)
    if out:
        out.write_text(json.dumps(measured, indent=2), encoding="utf-8")
    click.echo(serving_table(rows, measured))
    sys.exit(_told(too_slow(measured)))


@main.command()
@click.option("--rows", default=1_000_000, show_default=True, type=click.IntRange(1))
@click.option("--port", default=5071, show_default=True, type=click.IntRange(1024))
@click.option("--logs", default=Path("var/log"), show_default=True, type=click.Path(path_type=Path))
def upload(rows: int, port: int, logs: Path) -> None:
    """Send a large file through the pages; print time and memory."""
    from experiments.benchmark.uploads import run_upload  # noqa: PLC0415
    from experiments.study.databases import prepare_tracking, quiet  # noqa: PLC0415

    quiet()
    prepare_tracking()
    row = run_upload(rows, (port, port + 1), logs)
    click.echo(
        f"{row.rows:,} customers, {row.megabytes:.0f} MB of CSV: scored in {row.seconds:.0f} s, "
        f"at most {row.peak_megabytes:,.0f} MB for all processes together; the page told how far "
        f"it was {row.looks} times, each within {row.slowest_look:.2f} s"
    )


@main.command()
@click.option("--rows", default=1_000_000, show_default=True, type=click.IntRange(1_000))
@click.option("--port", default=5081, show_default=True, type=click.IntRange(1024))
@click.option("--logs", default=Path("var/log"), show_default=True, type=click.Path(path_type=Path))
def lists(rows: int, port: int, logs: Path) -> None:
    """Look up, count and export customers of a scored table through the pages."""
    from experiments.benchmark.lists import list_figures, list_table, too_long  # noqa: PLC0415
    from experiments.study.databases import prepare_tracking, quiet  # noqa: PLC0415

    quiet()
    prepare_tracking()
    figures = []
    for figure in list_figures(rows, port, logs):
        click.echo(f"{figure.place}, {figure.what}: {figure.measured:.2f} {figure.unit}", err=True)
        figures.append(figure)
    click.echo(list_table(figures))
    sys.exit(_told(too_long(figures)))


@main.command("search")
@click.option("--rows", default=9_000, show_default=True, type=click.IntRange(200))
@click.option("--trials", default=60, show_default=True, type=click.IntRange(1))
def search_command(rows: int, trials: int) -> None:
    """Search generated customers beside the plain loop one would write; compare pace and picks."""
    from experiments.benchmark.searching import run_search, search_table, short_of  # noqa: PLC0415

    result = run_search(rows, trials)
    click.echo(search_table(*result))
    sys.exit(_told(short_of(*result)))


@main.command()
@click.option("--rows", "sizes", multiple=True, type=int)
@click.option("--trials", default=50, show_default=True, type=click.IntRange(1))
@click.option("--plot", type=click.Path(path_type=Path), help="PNG of the growth.")
def scale(sizes: tuple[int, ...], trials: int, plot: Path | None) -> None:
    """Search and score more and more customers; print how time and memory grow.

    Above a million customers are only scored.
    """
    from experiments.benchmark.scale import (  # noqa: PLC0415
        SIZES,
        draw_scale,
        missed,
        scale_rows,
        scale_table,
    )

    table = []
    for row in scale_rows(sizes or SIZES, trials):
        click.echo(f"{row.rows:,} customers done", err=True)
        table.append(row)
    click.echo(scale_table(table))
    if plot:
        draw_scale(table).savefig(plot, dpi=110)
    sys.exit(_told(missed(table)))


@main.command()
@click.option("--rows", default=9_000, show_default=True, type=click.IntRange(4_001))
@click.option("--jobs", default=CORES, show_default="cores", type=click.IntRange(1))
def ranks(rows: int, jobs: int) -> None:
    """Judge recipes on samples and on all customers; print how far the order agrees."""
    from experiments.benchmark.ranks import rank_table, ranks_of, too_low  # noqa: PLC0415

    ranks = ranks_of(f"embedded:{rows}", "cc_general", jobs)
    click.echo(rank_table(ranks))
    sys.exit(_told(too_low(ranks)))


def _told(missed: Sequence[str]) -> int:
    """Tell which targets were missed; return the exit status."""
    for sentence in missed:
        click.echo(f"missed: {sentence}")
    return 1 if missed else 0


if __name__ == "__main__":
    main()
