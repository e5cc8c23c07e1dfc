"""MLproject, conda.yaml, the lock file and the commands say the same."""

import re
import tomllib
from pathlib import Path

import click
import pytest
import yaml
from packaging.requirements import Requirement

from experiments import (
    collect,
    compare,
    explore,
    history,
    monitor,
    promote,
    rename,
    retrain,
    rfm,
    rollback,
    score,
)
from experiments.search import __main__ as search

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {
    "collect": collect.main,
    "compare": compare.main,
    "history": history.main,
    "monitor": monitor.main,
    "retrain": retrain.main,
    "rename": rename.main,
    "rfm": rfm.main,
    "rollback": rollback.main,
    "main": search.main,
    "promote": promote.main,
    "score": score.main,
    "explore": explore.main,
}
PROJECT = yaml.safe_load((ROOT / "MLproject").read_text(encoding="utf-8"))


def text_of(value: object) -> str:
    """Return a default as MLproject writes it: 30 and 30.0 are one number."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):  # of an option that may be repeated
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def test_every_entry_point_is_a_command() -> None:
    """No entry point without a module, no module forgotten."""
    assert set(PROJECT["entry_points"]) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_parameters_and_defaults_agree(name: str) -> None:
    """What `mlflow run` declares is what the command takes, defaults included."""
    declared = PROJECT["entry_points"][name]["parameters"]
    options = {o.name: o for o in COMMANDS[name].params if isinstance(o, click.Option)}
    assert set(declared) == set(options)
    for key, option in options.items():
        if option.required:
            assert "default" not in declared[key]
        else:
            assert text_of(declared[key]["default"]) == text_of(option.default)
        flag = f"--{key.replace('_', '-')} {{{key}}}"
        assert flag in PROJECT["entry_points"][name]["command"]


def locked() -> dict[str, set[str]]:
    """Return the versions of every package in both locks."""
    versions: dict[str, set[str]] = {}
    locks = [ROOT / "requirements.lock", ROOT / "requirements-spark.lock"]
    text = "\n".join(lock.read_text(encoding="utf-8") for lock in locks)
    for package, version in re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", text, re.MULTILINE):
        versions.setdefault(package, set()).add(version)
    return versions


def test_conda_yaml_agrees_with_the_lock() -> None:
    """Exactly the runtime dependencies, at locked versions."""
    raw = yaml.safe_load((ROOT / "conda.yaml").read_text(encoding="utf-8"))
    pins = dict(pin.split(";")[0].strip().split("==") for pin in raw["dependencies"][-1]["pip"])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.match(r"[a-z0-9-]+(\[\w+\])?", line)[0] for line in project["dependencies"]}  # type: ignore[index]
    assert set(pins) == names
    for package, version in pins.items():
        assert version in locked()[package.split("[")[0]], package


def test_every_locked_version_is_in_its_range() -> None:
    """What `pip install .` may choose includes what was tested; exact pins are the lock's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for extra in project["optional-dependencies"].values() for line in extra]
    for requirement in map(Requirement, [*project["dependencies"], *extras]):
        assert requirement.specifier, requirement
        assert not any(part.operator == "==" for part in requirement.specifier), requirement
        for version in locked()[requirement.name]:
            assert requirement.specifier.contains(version), f"{requirement}: {version}"


def test_the_lock_names_no_host_and_hashes_everything() -> None:
    """Every requirement has a hash; no index or address is written down."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    requirements = re.split(r"\n(?=[a-z0-9-]+==)", text)[1:]
    assert len(requirements) > 80
    assert all("--hash=sha256:" in requirement for requirement in requirements)
