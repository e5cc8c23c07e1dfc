"""The rooms and who may enter: imports point one way, and the tree explains itself."""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("segmentation", "experiments", "serve")
FORBIDDEN = {
    "segmentation": {"mlflow", "optuna", "flask", "experiments", "serve"},
    "experiments": {"flask", "serve"},
    "serve": {"sklearn", "optuna", "mlflow"},
}
# A package of `segmentation` uses those before it, and these leaves, which use only the first two.
LAYERS = (
    ("errors", "types", "disclosure", "schema"),
    ("data", "preprocessing"),
    ("clustering",),
    ("evaluation",),
    ("interpretation",),
    ("model",),
    ("monitoring",),
    ("reports",),
)
LEAVES = {"segmentation.clustering.spec", "segmentation.interpretation.formatting"}
# What `serve` may know of the other rooms.
SERVE_MAY = (
    "segmentation.schema",
    "segmentation.errors",
    "segmentation.memory",
    "segmentation.data",
    "segmentation.interpretation.formatting",
    "segmentation.reports.line_chart",
    "experiments.registry.client",
)
# Tables of like things, one entry beside another: the domain's packages, entry points, pages.
TABLES = {"segmentation", "experiments", "serve/web", "experiments/benchmark"}
DIALECT = {
    *("found", "known", "kept", "told", "said", "given", "asked", "wanted", "held", "shown"),
    *("meant", "happening", "patience", "mending", "rung", "ladder"),
}
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
SOURCES = [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


def name_of(path: Path) -> str:
    """Return the dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path): path for path in MODULES}


def nodes(tree: ast.AST, nested: bool) -> Iterator[ast.AST]:
    """Yield every node of a tree; unless `nested`, only what runs when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        )
        if nested or not later:
            yield node
            yield from nodes(node, nested)


def imports(path: Path, nested: bool = True) -> Iterator[str]:
    """Yield the full name of every module that a file imports, those in functions if `nested`."""
    for node in nodes(TREES[path], nested):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            submodules = [f"{module}.{alias.name}" for alias in node.names]
            yield from [name for name in submodules if name in NAMES] or [module]


def test_imports_point_one_way() -> None:
    """A module imports nothing that its room may not know."""
    wrong = [
        f"{name_of(path)} imports {name}"
        for path in MODULES
        for name in imports(path)
        if name.split(".")[0] in FORBIDDEN[path.relative_to(ROOT).parts[0]]
    ]
    assert not wrong


def test_serve_knows_only_the_contract() -> None:
    """`serve` enters the other rooms by their front doors only."""
    wrong = [
        f"{name_of(path)} imports {name}"
        for path in MODULES
        if path.is_relative_to(ROOT / "serve")
        for name in imports(path)
        if name.split(".")[0] in {"segmentation", "experiments"}
        and not any(name == door or name.startswith(f"{door}.") for door in SERVE_MAY)
    ]
    assert not wrong


def test_no_module_needs_itself() -> None:
    """There is no cycle of module-level imports; a function may close one on purpose."""
    graph = {
        name: {n for n in imports(path, nested=False) if n in NAMES} for name, path in NAMES.items()
    }
    TopologicalSorter(graph).prepare()


def test_the_domain_is_built_in_layers() -> None:
    """A package of `segmentation` imports only those below it."""
    layer = {name: place for place, names in enumerate(LAYERS) for name in names}
    wrong = []
    for path in MODULES:
        room, *inside = name_of(path).split(".")
        # The front doors and the command that drafts a schema from a file sit above all layers.
        if room != "segmentation" or not inside or inside[-1] == "__main__":
            continue
        wrong += [
            f"{name_of(path)} imports {name}"
            for name in imports(path)
            if name.startswith("segmentation.")
            and name not in LEAVES
            and layer[name.split(".")[1]] > layer[inside[0]]
        ]
    assert not wrong


def test_the_application_imports_its_pages_and_not_they_it() -> None:
    """Pages take their context from `serve.web.context`: nothing in `serve` needs `serve.app`."""
    assert not [name_of(path) for path in MODULES if "serve.app" in imports(path)]


def test_a_folder_can_be_taken_in_at_a_glance() -> None:
    """At most nine modules and folders stand side by side, but for tables of like things."""
    entries: defaultdict[str, set[str]] = defaultdict(set)
    for path in MODULES:
        parts = path.relative_to(ROOT).parts
        for depth in range(1, len(parts)):
            if not parts[depth].startswith("__"):
                entries["/".join(parts[:depth])].add(parts[depth])
    crowded = {f: sorted(e) for f, e in entries.items() if len(e) > 9 and f not in TABLES}
    assert not crowded


@pytest.mark.parametrize("room", ROOMS)
def test_a_file_name_says_which_file_is_meant(room: str) -> None:
    """No two modules of a room have one name."""
    names = Counter(
        path.name
        for path in MODULES
        if path.is_relative_to(ROOT / room) and not path.name.startswith("__")
    )
    assert not [name for name, count in names.items() if count > 1]


def test_names_say_what_they_hold() -> None:
    """No variable, parameter or attribute is named for what happened to it."""
    wrong = [
        f"{name_of(path)}:{node.lineno} {name}"
        for path in SOURCES
        for node in ast.walk(TREES[path])
        for name in (
            [node.id]
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            else [node.arg]
            if isinstance(node, ast.arg)
            else []
        )
        if name in DIALECT
    ]
    assert not wrong


def test_no_handler_catches_everything() -> None:
    """Every except clause names what it expects."""
    wrong = [
        f"{name_of(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert not wrong
