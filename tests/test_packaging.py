"""The wheel holds what the product needs and no more; its command starts at once."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("segmentation", "experiments", "serve")
HEAVY = {"sklearn", "mlflow", "optuna", "pandas", "flask"}
LEFT_OUT = {".md", ".png", ".ipynb"}
LISTED = """
import sys
from click.testing import CliRunner
from experiments.command_line import COMMANDS, main

help = CliRunner().invoke(main, ["--help"], prog_name="customer-segmentation")
assert help.exit_code == 0, help.output
assert all(name in help.output for name in COMMANDS)
print(*sys.modules)
"""
EVERY = """
from click.testing import CliRunner
from experiments.command_line import COMMANDS, main

for name in COMMANDS:
    help = CliRunner().invoke(main, [name, "--help"], prog_name="customer-segmentation")
    assert help.exit_code == 0, (name, help.output)
    assert f"customer-segmentation {name}" in help.output, help.output
wrong = CliRunner().invoke(main, ["serch"])
assert wrong.exit_code == 2
assert "No such command 'serch'" in wrong.output
"""


def python(*arguments: str) -> str:
    done = subprocess.run(
        (sys.executable, *arguments), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel as `pip install .` does, without asking an index."""
    folder = tmp_path_factory.mktemp("wheel")
    python("-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder))
    (file,) = folder.glob("customer_segmentation-*.whl")
    return zipfile.ZipFile(file)


def test_the_wheel_holds_every_file_of_the_product(wheel: zipfile.ZipFile) -> None:
    """Modules, schemas, templates, styles and scripts; no benchmark, picture, text or test."""
    tracked = subprocess.run(
        ("git", "ls-files", *ROOMS), cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    expected = {
        name
        for name in tracked
        if Path(name).suffix not in LEFT_OUT and not name.startswith("experiments/benchmark/")
    }
    files = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert files == expected
    assert {Path(name).suffix for name in files} >= {".py", ".yaml", ".html", ".css", ".js", ".svg"}


def test_the_wheel_has_one_command(wheel: zipfile.ZipFile) -> None:
    """`customer-segmentation`, which is `python -m experiments`."""
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    scripts = wheel.read(name).decode()
    assert "customer-segmentation = experiments.command_line:main" in scripts


def test_setup_installs_nothing_without_a_hash() -> None:
    """Also uv itself, where it is absent: its version and hashes are those of the lock."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    setup = makefile[makefile.index("setup: ") : makefile.index("demo: ")]
    installs = re.findall(r"pip (?:install|sync) [^\n&;]*", setup)
    assert len(installs) == 3
    assert all("--require-hashes" in line for line in installs)
    pin = re.search(r"^UV_PIN = (.*)$", makefile, re.MULTILINE)
    assert pin is not None
    command = ("sh", "-c", pin[1].replace("$$", "$"))
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    first, *hashes = lines.stdout.replace("\\", "").split()
    assert first.startswith("uv==")
    assert hashes
    assert all(word.startswith("--hash=sha256:") for word in hashes)


def test_listing_the_commands_imports_none_of_them() -> None:
    """A fresh interpreter that prints the help loads no heavy library."""
    modules = {name.partition(".")[0] for name in python("-c", LISTED).split()}
    assert not modules & HEAVY
    assert "Commands:" in python("-m", "experiments", "--help")


def test_every_command_has_its_own_help() -> None:
    """Each is found where the table says, under its own name; a typing error is said."""
    python("-c", EVERY)
