"""The rooms and who may enter: imports point one way."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("segmentation", "experiments", "serve")
FORBIDDEN = {
    "segmentation": {"mlflow", "optuna", "flask", "experiments", "serve"},
    "experiments": {"flask", "serve"},
    "serve": {"sklearn", "optuna", "mlflow"},
}
# What `serve` may know of the other rooms.
SERVE_MAY = {
    "segmentation.schema",
    "segmentation.errors",
    "segmentation.interpretation.formatting",
    "segmentation.schema.levels",
    "segmentation.data.atomic",
    "segmentation.data.validation",
    "segmentation.data.readers",
    "segmentation.data.writers",
    "experiments.registry.client",
}
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
SOURCES = [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))]


def imports(path: Path) -> Iterator[str]:
    """Yield the full name of every module that a file imports, nested imports included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_one_way(path: Path) -> None:
    """A module imports nothing that its room may not know."""
    room = path.relative_to(ROOT).parts[0]
    broken = [name for name in imports(path) if name.split(".")[0] in FORBIDDEN[room]]
    assert not broken, f"{name_of(path)} imports {broken}"


@pytest.mark.parametrize("path", sorted((ROOT / "serve").rglob("*.py")), ids=name_of)
def test_serve_knows_only_the_contract(path: Path) -> None:
    """`serve` enters the other rooms by their front doors only."""
    foreign = {n for n in imports(path) if n.split(".")[0] in {"segmentation", "experiments"}}
    assert foreign <= SERVE_MAY, f"{name_of(path)} imports {sorted(foreign - SERVE_MAY)}"


@pytest.mark.parametrize("path", sorted((ROOT / "serve").rglob("*.py")), ids=name_of)
def test_the_application_imports_its_pages_and_not_they_it(path: Path) -> None:
    """Pages take their context from `serve.web.context`: nothing in `serve` needs `serve.app`."""
    assert "serve.app" not in imports(path)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_handler_catches_everything(path: Path) -> None:
    """Every except clause names what it expects."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{name_of(path)}:{node.lineno} bare except"
