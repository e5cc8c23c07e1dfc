"""Break the code on purpose, one small change at a time, and count what the tests notice.

``python -m tests.mutants`` changes a sample, ``python -m tests.mutants --all`` everything that
``[tool.mutmut]`` in pyproject.toml names.
"""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import click

WORK = Path("mutants")
MUTMUT = [sys.executable, "-m", "mutmut"]
# How pytest, or its process, ends when a test fails; running out of time proves nothing.
TEST_FAILED = (1, 3)
NO_TESTS = (5, 33)


def results() -> dict[str, int | None]:
    """Return the exit code of the tests for every mutant, None where they did not run."""
    ended: dict[str, int | None] = {}
    for file in sorted(WORK.rglob("*.meta")):
        ended |= json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]
    return ended


def package(mutant: str) -> str:
    """Return the package of a mutant, named like ``segmentation.model.novelty.x_f__mutmut_3``."""
    depth = 3 if mutant.startswith("serve.") else 2
    return ".".join(mutant.split(".")[:depth])


def reason(exit_code: int | None) -> str:
    """Return why a mutant is not killed."""
    if exit_code == 0:
        return "survived"
    return "no test reaches it" if exit_code in NO_TESTS else "ran out of time or did not run"


@click.command()
@click.option("--sample", default=250, show_default=True, help="Number of mutants.")
@click.option("--all", "everything", is_flag=True, help="All mutants; it takes hours.")
@click.option("--seed", default=0, show_default=True, help="Of the sample.")
@click.option("--jobs", default=2, show_default=True, help="Processes.")
def main(sample: int, everything: bool, seed: int, jobs: int) -> None:
    """Print the mutants that survive and how many were killed, by package."""
    run = [*MUTMUT, "run", "--max-children", str(jobs)]
    # Two processes share two cores; the copy of the tests lies a folder deeper than the tests.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("SEGMENTATION_DATA_DIR", str(Path.cwd().parent / "shared" / "data"))
    # Nothing has this name: mutmut makes the mutants, times the tests, and stops.
    subprocess.run([*run, "none"], check=False, capture_output=True)
    names = sorted(results())
    if not names:
        raise click.ClickException("no mutants were made; try: mutmut run")
    chosen = names if everything else random.Random(seed).sample(names, min(sample, len(names)))
    done = subprocess.run([*run, *chosen], check=False, capture_output=True, text=True)
    if done.returncode:
        raise click.ClickException(f"mutmut stopped:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")
    ended = results()
    total = Counter(package(name) for name in chosen)
    survivors = sorted(name for name in chosen if ended[name] not in TEST_FAILED)
    alive = Counter(package(name) for name in survivors)
    for name in survivors:
        click.echo(f"{reason(ended[name])}: {name}")
    for name, count in sorted(total.items()):
        click.echo(f"{name}: {count - alive[name]} of {count} killed")
    killed = len(chosen) - len(survivors)
    click.echo(f"{killed} of {len(chosen)} mutants killed ({killed / len(chosen):.0%})")
    click.echo("See a change with: mutmut show NAME")


if __name__ == "__main__":
    main()
