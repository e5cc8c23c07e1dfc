"""The wheel holds what the product needs and no more; its command starts at once."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
UV = str(Path(sys.executable).parent / "uv")
NEWEST = (3, 13)
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
# One small search, saved, loaded and asked again; what it prints is compared between Pythons.
SEARCHED = """
import json, sys
import segmentation
from experiments import find_segments
from segmentation import SegmentationModel
from segmentation.data.synthetic import generate

if __name__ == "__main__":
    quick = {"n_jobs": 1, "trial_seconds": 0.0, "trial_gigabytes": 0.0, "progress": False}
    result = find_segments(generate(300, seed=1), n_trials=4, k_max=4, **quick)
    new = generate(50, seed=2)
    result.model.save("model")
    answers = SegmentationModel.load("model").score(new)
    assert answers.equals(result.model.score(new))
    segments = [answers["segment"].tolist(), answers["confidence"].round(9).tolist()]
    print(json.dumps([sys.version_info[:2], segmentation.__file__, segments]))
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


def another_python() -> str:
    """Return the newest supported Python here that is of another version; else the running one."""
    listed = subprocess.run(
        (UV, "python", "list", "--only-installed", "--output-format", "json"),
        capture_output=True,
        text=True,
        check=True,
    )
    paths = {Path(one["path"]) for one in json.loads(listed.stdout)}
    # uv looks where PATH leads, pyenv keeps its Pythons beside it.
    roots = [Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()]
    paths |= {path for root in roots for path in root.glob("versions/3.*/bin/python")}
    versions = {version_of(path): str(path) for path in sorted(paths)}
    supported = [v for v in versions if (3, 11) <= v <= NEWEST and v != sys.version_info[:2]]
    return versions[max(supported)] if supported else sys.executable


def version_of(path: Path) -> tuple[int, int]:
    """Return the version that a Python says it has; (0, 0) where it does not start."""
    code = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run((path, "-c", code), capture_output=True, text=True, check=False)
    major, minor = map(int, done.stdout.split() or (0, 0))
    return major, minor


def test_another_python_finds_the_same_segments(tmp_path: Path, wheel: zipfile.ZipFile) -> None:
    """Fresh, with exactly what the lock pins and the wheel: search, save, load, score, help."""
    environment = tmp_path / "environment"
    executable = environment / "bin" / "python"
    variables = {**os.environ, "VIRTUAL_ENV": str(environment)}
    variables.pop("PYTHONPATH", None)
    install = (UV, "pip", "install", "--quiet", "--no-deps", "--offline", str(wheel.filename))
    script = tmp_path / "searched.py"
    script.write_text(SEARCHED, encoding="utf-8")

    def run(*command: str | Path, **others: str) -> str:
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**variables, **others},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    run(UV, "venv", "--quiet", "--python", another_python(), environment)
    run(UV, "pip", "sync", "--quiet", "--require-hashes", ROOT / "requirements.lock")
    run(*install)
    there = json.loads(run(executable, script))
    here = json.loads(run(sys.executable, script, PYTHONPATH=str(ROOT)))
    assert Path(there[1]).is_relative_to(environment)
    assert Path(here[1]).is_relative_to(ROOT)
    assert there[0] == list(version_of(executable))
    assert there[2] == here[2]
    assert "Commands:" in run(environment / "bin" / "customer-segmentation", "--help")
    shutil.rmtree(environment)  # a gigabyte


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
