"""Draft a schema from a file: ``python -m segmentation.schema infer FILE > my.yaml``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from segmentation.errors import SegmentationError
from segmentation.schema import TableSchema, load_schema, to_yaml


@click.group()
def main() -> None:
    """Draft and check the contract of a table."""


@main.command()
@click.argument("source", metavar="FILE")
@click.option("--name", default="", help="Name of the schema; by default that of the file.")
def infer(source: str, name: str) -> None:
    """Write a drafted schema of FILE, or of another source, to the standard output."""
    from segmentation.data.readers import read_table  # noqa: PLC0415 - imports pandas
    from segmentation.data.validation import refuse_repeated_customers  # noqa: PLC0415
    from segmentation.data.warehouse.address import public_name, short_name  # noqa: PLC0415
    from segmentation.schema.inference import infer_schema  # noqa: PLC0415

    try:
        table = read_table(source)
        for remark in table.remarks:
            click.echo(f"remark: {remark}", err=True)
        refuse_repeated_customers(table.frame, public_name(source))
        schema = infer_schema(table.frame, name or _name_of(short_name(source)))
    except SegmentationError as error:
        _fail(error)
    # In UTF-8 whatever the terminal's encoding is: the file is read as that.
    click.echo(to_yaml(schema, short_name(source)).encode(), nl=False)
    click.echo(_summary(schema), err=True)


@main.command()
@click.argument("schema", metavar="SCHEMA")
def check(schema: str) -> None:
    """Read SCHEMA (a .yaml file or a shipped name) and print what it describes."""
    try:
        click.echo(_summary(load_schema(schema)))
    except SegmentationError as error:
        _fail(error)


def _name_of(source: str) -> str:
    stem = "".join(c if c.isalnum() else "_" for c in Path(source).stem.lower())
    return stem.strip("_") or "inferred"


def _summary(schema: TableSchema) -> str:
    forming = [column for column in schema.columns if not column.sensitive]
    categories = sum(column.categorical for column in forming)
    lines = [
        f"{schema.name}: {len(forming)} features, {categories} of them categories; "
        f"identifier: {schema.identifier or 'none'}",
        *(f"excluded {name}: {reason}" for name, reason in schema.excluded.items()),
    ]
    if schema.outcomes:
        names = ", ".join(schema.outcome_names)
        lines.append(f"outcomes, which describe segments and never form them: {names}")
    if schema.sensitive_names:
        names = ", ".join(schema.sensitive_names)
        lines.append(f"sensitive, which describe segments and do not form them: {names}")
    if schema.missing:
        lines.append(f"mean a missing value: {', '.join(map(repr, schema.missing))}")
    lines += (f"{name}: {note}" for name, note in schema.notes.items())
    return "\n".join(lines)


def _fail(error: SegmentationError) -> None:
    click.echo(f"error: {error}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main(prog_name="python -m segmentation.schema")
