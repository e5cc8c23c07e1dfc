"""RFM groups of customers, from their transactions, beside the segments that a model learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import click
import pandas as pd
from mlflow import MlflowClient

from experiments.collect import NO_OTHERS, OtherTables, customers_of
from experiments.faults import answering_anyway, notify
from experiments.registry import segment_lineage
from experiments.registry.client import describe
from experiments.study.databases import prepare_tracking
from experiments.tracking import event_run
from segmentation.data.atomic import appearing_whole, write_whole
from segmentation.data.transactions.collect import Collected, drafted
from segmentation.data.transactions.recipe import Recipe, recipe_of
from segmentation.data.transactions.rfm import QUINTILES, RFM, rfm_groups
from segmentation.data.validation import validate
from segmentation.data.warehouse.address import short_name
from segmentation.data.writers import harmless
from segmentation.interpretation.cross_table import CrossTable, cross_table
from segmentation.interpretation.formatting import percent, quantity
from segmentation.model.segmentation_model import SegmentationModel
from segmentation.reports.html import page
from segmentation.schema import Column, free_name

REPORT, FIGURES = "rfm.html", "rfm.csv"
NO_CUTS: Mapping[str, tuple[float, ...]] = {}


@dataclass(frozen=True)
class Learned:
    """A version of a registered model, to be set beside the groups."""

    model: SegmentationModel
    name: str
    version: str


@dataclass(frozen=True)
class Grouping:
    """Customers by RFM, crossed with learned segments where there are some, and the report."""

    rfm: RFM
    cross: CrossTable | None
    html: str


def load(model_name: str, alias: str) -> Learned:
    """Return a registered version."""
    prepare_tracking()
    version = describe(model_name, alias).version
    return Learned(segment_lineage.load(MlflowClient(), model_name, version), model_name, version)


def run(
    data: str,
    out: Path,
    recipe: Recipe | None,
    learned: Learned | None = None,
    *,
    as_of: date | None = None,
    beside: OtherTables = NO_OTHERS,
    cuts: Mapping[str, tuple[float, ...]] = NO_CUTS,
) -> Grouping:
    """Group customers, write them into `out` and the report beside it; return both.

    Parameters
    ----------
    data
        Transactions.
    out
        CSV file; the report has its name and ends in ``.html``.
    recipe
        By default the model's own, without a model a draft.
    learned
        A model whose segments are set beside the groups; None for groups alone.
    as_of
        First day that does not count any more; by default the day after the last transaction.
    beside
        Other tables that the recipe needs.
    cuts
        Cut points by measure, instead of those of the recipe.

    Raises
    ------
    SpecError
        When the model was not learned from transactions, or cut points are none.
    DataError
        When the transactions cannot be collected, or are not what the model learned from.
    """
    if recipe is None:
        recipe = recipe_of(learned.model.schema) if learned else drafted(data, *beside.addresses)
    points = replace(recipe.rfm or QUINTILES, **cuts)
    collected = customers_of(data, recipe, out, as_of, beside)
    notify(collected.remarks)
    rfm = rfm_groups(collected.frame.set_index(recipe.customer), points)
    table, cross = rfm.customers, None
    if learned:
        segment, cross = _crossed(rfm, collected, learned.model, short_name(data))
        names = segment.map(learned.model.numbering.name_of)
        table = table.assign(segment=segment, segment_name=names)
    html = _report(rfm, cross, collected, short_name(data), learned)
    _write(table, recipe.customer, out)
    write_whole(report_path(out), html)
    return Grouping(rfm, cross, html)


def report_path(out: Path) -> Path:
    """Return where the report is written."""
    return out.with_suffix(".html")


def _crossed(
    rfm: RFM, collected: Collected, model: SegmentationModel, source: str
) -> tuple[pd.Series[int], CrossTable]:
    """Return the segment of every customer, and the table of groups and segments."""
    customers = validate(collected.frame, model.schema, source).customers
    numbers = model.segments(customers)["segment"]
    index = rfm.customers.index
    segment = pd.Series(numbers, customers.index.astype(str), dtype="int64").reindex(index)
    labels = {column.name: column.label for column in model.schema.columns}
    features = customers.set_axis(customers.index.astype(str)).reindex(index)
    cross = cross_table(
        rfm.customers["rfm_group"], segment, model.numbering.name_of, features, labels
    )
    return segment, cross


def _report(
    rfm: RFM, cross: CrossTable | None, collected: Collected, source: str, learned: Learned | None
) -> str:
    crossed = []
    if cross:
        counts, shares = (
            table.itertuples(index=False, name=None) for table in (cross.counts, cross.shares)
        )
        cells = [list(zip(*pair, strict=True)) for pair in zip(counts, shares, strict=True)]
        crossed = list(zip(cross.counts.index, cells, strict=True))
    by = [
        f"{name} at {', '.join(f'{point:g}' for point in points)}"
        if points
        else f"{name} by quintiles"
        for name, points in asdict(rfm.cuts).items()
    ]
    customers = learned.model.schema.customers if learned else collected.schema.customers
    amount = Column("money", "Amount", "money", collected.recipe.unit)
    return page(
        REPORT,
        customers,
        result=result_of(rfm, customers),
        money=lambda value: quantity(value, amount),
        title="Recency, frequency, money",
        rfm=rfm,
        as_of=collected.as_of,
        source=source,
        version=f"{learned.name} version {learned.version}" if learned else "",
        groups=list(rfm.groups.iterrows()),
        cut=f"Cut: {'; '.join(by)}.",
        scores=rfm.ranges,
        cross=cross,
        crossed=crossed,
    )


def result_of(rfm: RFM, customers: str) -> str:
    """Return the groups in one sentence."""
    shares = rfm.groups["share"].sort_values(ascending=False, kind="stable")
    groups = "1 group" if len(shares) == 1 else f"{len(shares)} groups"
    return (
        f"{len(rfm.customers):,} {customers} in {groups}; the largest is {shares.index[0]}, "
        f"{percent(float(shares.iloc[0]))} of them."
    )


def _write(table: pd.DataFrame, identifier: str, out: Path) -> None:
    """Write the customers; no text in the file becomes a formula."""
    rows = table.rename_axis(free_name(identifier, set(table.columns))).reset_index()
    texts = rows.select_dtypes(exclude="number").columns
    rows[texts] = rows[texts].astype(object).map(harmless)
    with appearing_whole(out) as draft:
        rows.to_csv(draft, index=False, float_format="%.12g")


def print_and_record(grouping: Grouping, learned: Learned | None) -> None:
    """Print the groups, and what learning adds; record that with the model."""
    for name, row in grouping.rfm.groups.iterrows():
        click.echo(f"  {name}: {int(row['customers']):,} ({percent(float(row['share']))})")
    cross = grouping.cross
    if cross is None or learned is None:
        return
    for sentence in cross.sentences:
        click.echo(sentence)
    figures = {
        "rfm_adjusted_mutual_information": cross.adjusted_mutual_information,
        "rfm_cramers_v": cross.cramers_v,
    }
    with answering_anyway():
        event_run.record(
            MlflowClient(),
            learned.name,
            f"RFM beside version {learned.version}",
            kind="rfm",
            version=learned.version,
            note="\n\n".join(cross.sentences),
            metrics={name: value for name, value in figures.items() if value is not None},
            files={REPORT: grouping.html, FIGURES: cross.counts.to_csv()},
        )
