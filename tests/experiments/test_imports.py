"""What a command imports: help and mistakes in its options must not wait for libraries."""

import subprocess
import sys
from pathlib import Path

import pytest

from experiments import command_line

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("ibis", "matplotlib", "mlflow", "numpy", "optuna", "pandas", "scipy", "sklearn")
COMMANDS = [module.removesuffix(".__main__") for module, _ in command_line.COMMANDS.values()]
LIGHT = (*COMMANDS, "experiments.benchmark")


def imported_by(code: str) -> set[str]:
    """Return the heavy libraries that a fresh interpreter has imported after `code`."""
    show = f"print('imported', *(name for name in {HEAVY} if name in sys.modules))"
    text = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\n{show}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    first, *names = text.splitlines()[-1].split()
    assert first == "imported"
    return set(names)


@pytest.mark.parametrize("module", ["experiments", "experiments.command_line"])
def test_importing_a_package_is_light(module: str) -> None:
    """The front doors import libraries at the first use of what needs them."""
    assert not imported_by(f"import {module}")


@pytest.mark.parametrize("module", LIGHT)
def test_help_comes_without_libraries(module: str) -> None:
    """A command prints its help without importing what only its work needs."""
    code = f"""
import runpy
sys.argv = ["command", "--help"]
try:
    runpy.run_module("{module}", run_name="__main__")
except SystemExit as end:
    assert end.code == 0
"""
    assert not imported_by(code)
