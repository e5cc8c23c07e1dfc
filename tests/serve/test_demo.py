"""What the demos run before the servers start can be run: every step has these options."""

from pathlib import Path

import click
import pytest
import yaml

from experiments.command_line import COMMANDS, EntryPoints
from experiments.command_line import main as every_command
from serve.demo import START, Demo, of_customers, of_transactions

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("demo", [of_customers(), of_transactions()], ids=lambda demo: demo.model)
def test_every_step_can_be_typed(demo: Demo) -> None:
    """The entry points exist and take what is passed; all of them speak of one model."""
    project = yaml.safe_load((ROOT / "MLproject").read_text("utf-8"))["entry_points"]["main"]
    group = every_command
    assert isinstance(group, EntryPoints)
    searches = 0
    for step in demo.steps:
        if step[1:3] == ("-m", "experiments"):
            name, *words = step[3:]
            assert name in COMMANDS
            command = group.get_command(click.Context(group), name)
            assert command is not None
            read = command.make_context(name, words).params
            assert read.get("model_name", demo.model) == demo.model
        elif step[1:3] == ("run", "."):
            searches += 1
            pairs = dict(step[i + 1].split("=") for i, word in enumerate(step) if word == "-P")
            assert set(pairs) <= set(project["parameters"])
            default = project["parameters"]["model_name"]["default"]
            assert pairs.get("model_name", default) == demo.model
            assert step[step.index("--experiment-name") + 1] == demo.model
    assert searches == 1


def test_the_demo_of_transactions_goes_from_collecting_to_groups() -> None:
    """In this order; what one step writes is what the next ones read."""
    demo = of_transactions()
    texts = [" ".join(step[1:]) for step in demo.steps]
    names = ("collect --data", "study.databases", "run .", "score --data", "rfm --data")
    assert all(name in text for name, text in zip(names, texts, strict=True))
    table = demo.steps[0][-1]
    assert f"data={table} -P schema={table.replace('.parquet', '.yaml')} " in texts[2]
    assert demo.settings["SEGMENTATION_SCORED"] == f"{demo.steps[3][-1]}_current"
    assert demo.steps[4][-1].replace(".csv", ".html") in demo.more


def test_a_form_without_examples_offers_typical_customers() -> None:
    """The demo starts from either."""
    page = '<a href="/about?x=1"><a class="chip" href="/customer?{}">'
    for query in ("like=2", "example=big-spender"):
        assert START.findall(page.format(query)) == [f"/customer?{query}"]
