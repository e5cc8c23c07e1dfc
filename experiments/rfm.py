"""RFM groups of customers, from their transactions, beside the segments that a model learned."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from experiments.collect import Day, OtherTables, other_tables
from experiments.faults import check_output, check_source, ending_in_a_sentence, switch
from experiments.registry.client import CHAMPION, MODEL_NAME, ModelName
from segmentation.errors import SpecError


class Cuts(click.ParamType[tuple[float, ...]]):
    """Cut points, such as ``30,90,180,365``; empty for none."""

    name = "numbers"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Read them."""
        if isinstance(value, tuple):
            return value
        if not str(value).strip():
            return ()
        from segmentation.data.transactions.recipe import CutPoints  # noqa: PLC0415 - pydantic

        try:
            return CutPoints(recency=tuple(str(value).split(","))).recency  # type: ignore[arg-type]
        except SpecError:
            self.fail(
                f"{value!r}: expected four numbers that ascend, such as 30,90,180,365", param, ctx
            )


@click.command()
@click.option("--data", required=True, help="Transactions: a file, folder, glob or address.")
@click.option("--out", required=True, help="CSV; the report is beside it, ending in .html.")
@click.option("--recipe", default="", help="YAML file; default: the model's own.")
@click.option("--as-of", type=Day(), default="", help="First day that does not count any more.")
@other_tables
@click.option(
    "--recency", type=Cuts(), default="", help="Four numbers of days; default: quintiles."
)
@click.option("--frequency", type=Cuts(), default="", help="Four numbers of purchases.")
@click.option("--money", type=Cuts(), default="", help="Four amounts.")
@switch("--alone", "Ask no model: groups without segments beside them.")
@click.option("--model-name", type=ModelName(), default=MODEL_NAME, show_default=True)
@click.option("--alias", default=CHAMPION, show_default=True, help="Or a number.")
def main(
    *,
    data: str,
    out: str,
    recipe: str,
    as_of: date | None,
    accounts: str,
    statements: str,
    recency: tuple[float, ...],
    frequency: tuple[float, ...],
    money: tuple[float, ...],
    alone: bool,
    model_name: str,
    alias: str,
) -> None:
    """Score recency, frequency and money from 1 to 5; cross the groups with learned segments."""
    from experiments.study.databases import quiet  # noqa: PLC0415 - imports MLflow
    from experiments.work.rfm_run import (  # noqa: PLC0415 - imports the analysis
        load,
        print_and_record,
        report_path,
        run,
    )
    from segmentation.data.transactions.recipe import load_recipe  # noqa: PLC0415 - pydantic
    from segmentation.interpretation.formatting import with_noun  # noqa: PLC0415 - pydantic

    quiet()
    cuts = {"recency": recency, "frequency": frequency, "money": money}
    with ending_in_a_sentence():
        for option, source in (("data", data), ("accounts", accounts), ("statements", statements)):
            check_source(option, source)
        check_output("out", out, data, (".csv", ".CSV"))
        learned = None if alone else load(model_name, alias)
        grouping = run(
            data,
            Path(out),
            load_recipe(recipe) if recipe else None,
            learned,
            as_of=as_of,
            beside=OtherTables(accounts, statements),
            cuts={measure: points for measure, points in cuts.items() if points},
        )
    customers, groups = len(grouping.rfm.customers), len(grouping.rfm.groups)
    click.echo(
        f"{with_noun(customers, 'customer')} in {with_noun(groups, 'group')} in {out}, "
        f"the report in {report_path(Path(out))}"
    )
    print_and_record(grouping, learned)


if __name__ == "__main__":
    main()
