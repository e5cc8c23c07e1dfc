"""Write a scored file for a file of customers, in pieces, in bounded memory."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from tqdm import tqdm

from experiments.registry.client import CHAMPION, MODEL_NAME, RegistryError, describe, put_names
from experiments.registry.verification import verified
from experiments.spark.scoring import score_table
from experiments.spark.session import SPARK, engine_options
from experiments.study.databases import prepare_tracking, quiet
from segmentation.data.atomic import appearing_whole
from segmentation.data.readers import iter_chunks
from segmentation.data.writers import ScoredWriter
from segmentation.errors import SegmentationError
from segmentation.schema.levels import decode

CHUNK_ROWS = 50_000


def score_file(
    source: Path, target: Path, model_name: str, alias: str, chunk_rows: int = CHUNK_ROWS
) -> int:
    """Score a CSV or Parquet file into another one; return the number of customers.

    `target` appears only when all of it is written; at most `chunk_rows` customers are in memory.

    Raises
    ------
    DataError
        When the file does not fit the model's schema.
    RegistryError
        When there is no such version.
    """
    info = describe(model_name, alias)
    with verified(MlflowClient(), model_name, info.version) as folder:
        model = mlflow.pyfunc.load_model(str(folder))
    done = 0
    with appearing_whole(target) as draft, tqdm(unit=" customers", disable=None) as bar:
        warned: set[tuple[str, str | None]] = set()
        with ScoredWriter(draft, target.suffix) as writer:
            for piece in iter_chunks(str(source), info.schema, chunk_rows):
                for warning in piece.warnings:
                    if (key := (warning.check, warning.column)) not in warned:
                        warned.add(key)
                        bar.write(f"warning: {warning.without_values()}", file=sys.stderr)
                answer = model.predict(decode(piece.customers, info.schema))
                put_names(answer, info.given_names)
                answer.index.name = piece.customers.index.name or "row"
                writer.write(answer.reset_index())
                done += len(answer)
                bar.update(len(answer))
    return done


@click.command()
@click.option("--data", required=True, help="CSV or Parquet; on Spark also a folder of it.")
@click.option("--out", required=True, help="CSV or Parquet; on Spark a new folder of Parquet.")
@click.option("--model-name", default=MODEL_NAME, show_default=True)
@click.option("--alias", default=CHAMPION, show_default=True)
@engine_options
def main(*, data: str, out: str, model_name: str, alias: str, engine: str, master: str) -> None:
    """Score a file with a registered model."""
    quiet()
    if Path(data).resolve() == Path(out).resolve():
        raise click.UsageError(f"out={out!r} is the input; name another file.")
    try:
        prepare_tracking()
        if engine == SPARK:
            done = score_table(data, out, model_name, alias, master)
        else:
            done = score_file(Path(data), Path(out), model_name, alias)
    except (SegmentationError, RegistryError, MlflowException) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    click.echo(f"{done:,} customers scored into {out}")


if __name__ == "__main__":
    main()
