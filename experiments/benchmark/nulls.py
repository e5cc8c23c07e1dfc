"""How often tables without groups are called so, and tables with groups are not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from scipy.special import ndtr
from sklearn.datasets import make_circles, make_moons

from segmentation.data.readers import load_described
from segmentation.data.synthetic import generate
from segmentation.data.validation import validate
from segmentation.evaluation.clusterability import Structure, structure_of
from segmentation.preprocessing.categorical import prepare_table
from segmentation.schema import AUTO
from segmentation.schema.inference import infer_schema
from segmentation.types import FloatArray

COLUMNS, ROWS = (2, 5, 20), (200, 2_000, 20_000)
PLANTED_ROWS = (200, 2_000)
Random = np.random.Generator
Margin = Callable[[FloatArray], FloatArray]
Extra = Callable[[int, Random], list[FloatArray | list[str]]]
Make = Callable[[int, int], pd.DataFrame]

# Columns of amounts, from normal variables.
MARGINS: Mapping[str, Margin] = MappingProxyType(
    {
        "Gaussian": lambda z: 50 + 10 * z,
        "uniform": lambda z: 1_000 * ndtr(z),
        "heavy-tailed": lambda z: np.exp(4 + 1.5 * z),
        "zero-inflated": lambda z: np.where(z < 0, 0.0, np.round(np.exp(2 + 2 * z), 2)),
    }
)
PERMUTED = "permuted"


def _category(rows: int, random: Random) -> list[str]:
    levels = int(random.integers(2, 11))
    shares = random.dirichlet(np.full(levels, 5.0))
    return [f"level {code}" for code in random.choice(levels, rows, p=shares)]


# What is beside the amounts.
EXTRAS: Mapping[str, Extra] = MappingProxyType(
    {
        "no categories": lambda _rows, _random: [],
        "1 category": lambda rows, random: [_category(rows, random)],
        "3 categories": lambda rows, random: [_category(rows, random) for _ in range(3)],
        "a flag": lambda rows, random: [(random.random(rows) < 0.3).astype(np.float64)],
        "small counts": lambda rows, random: [random.integers(1, 5, rows).astype(np.float64)],
    }
)


@dataclass(frozen=True)
class NullRow:
    """One table, and whether it was found to have structure."""

    kind: str
    extra: str  # what is beside the amounts; empty for planted groups
    columns: int
    rows: int
    seed: int
    planted: bool
    structure: Structure

    @property
    def wrong(self) -> bool:
        """Whether groups were found where there are none, or missed where there are some."""
        return self.structure.present != self.planted

    @property
    def name(self) -> str:
        """The kind of table in words."""
        return ", ".join(
            part for part in (self.kind, self.extra, f"{self.columns} × {self.rows:,}") if part
        )


def null_rows(paths: Iterable[Path], seeds: int, sizes: Sequence[int] = ROWS) -> Iterator[NullRow]:
    """Ask of tables without groups, of every kind and size, whether they have structure.

    Every other table has correlated columns; those of permuted tables never are.

    Parameters
    ----------
    paths
        Tables whose columns are permuted, one after the other; generated card holders if none.
    seeds
        Tables of each kind and size.
    sizes
        Numbers of rows.
    """
    sources = [_amounts(path) for path in paths]
    for seed in range(seeds):
        for rows, columns, extra in product(sizes, COLUMNS, EXTRAS):
            for kind in (*MARGINS, PERMUTED):
                random = np.random.default_rng([seed, rows, columns, *map(ord, kind + extra)])
                if kind == PERMUTED:
                    source = sources[seed % len(sources)] if sources else _cards(seed)
                    amounts = _permuted(source, rows, columns, random)
                else:
                    amounts = MARGINS[kind](_normal(rows, columns, seed % 2 == 1, random))
                table = pd.DataFrame(amounts).rename(columns="amount {}".format)
                for place, values in enumerate(EXTRAS[extra](rows, random)):
                    table[f"extra {place}"] = values
                yield NullRow(kind, extra, columns, rows, seed, False, _ask(table, seed))


def _normal(rows: int, columns: int, correlated: bool, random: Random) -> FloatArray:
    points = random.normal(size=(rows, columns))
    if not correlated:
        return points
    mixing = random.normal(size=(columns, columns))
    return np.asarray(points @ mixing / np.linalg.norm(mixing, axis=0))


def _amounts(path: Path) -> pd.DataFrame:
    validated, schema = load_described(str(path), AUTO)
    numbers = [c.name for c in schema.columns if c.kind not in {"category", "ordinal"}]
    return validated.customers[numbers]


def _cards(seed: int) -> pd.DataFrame:
    return generate(5_000, seed).drop(columns="CUST_ID")


def _permuted(source: pd.DataFrame, rows: int, columns: int, random: Random) -> FloatArray:
    """Return columns of a table that have nothing to do with each other any more."""
    names = random.choice(source.columns, columns, replace=columns > source.shape[1])
    return np.column_stack([random.choice(source[name].to_numpy(), rows) for name in names])


def _shoppers(rows: int, seed: int) -> pd.DataFrame:
    """Return income by spending: four corners and a middle, and an age that says nothing."""
    random = np.random.default_rng(seed)
    corners = np.array([[26, 20], [26, 80], [55, 50], [88, 18], [87, 82]])
    group = random.choice(5, rows, p=[0.115, 0.11, 0.405, 0.175, 0.195])
    points = corners[group] + random.normal(size=(rows, 2)) * [9, 8]
    age = random.integers(18, 71, rows)
    return pd.DataFrame({"income": points[:, 0], "spending": points[:, 1], "age": age}).round()


def _corners(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    points = 6 * random.integers(0, 2, (rows, 2)) + random.normal(size=(rows, 2))
    return pd.DataFrame(points, columns=["one", "other"])


def _one_margin(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    points = random.normal(size=(rows, 6))
    points[:, 0] += 5 * (random.random(rows) < 0.5)
    return pd.DataFrame(points).rename(columns="amount {}".format)


def _joint_levels(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    group = random.integers(0, 3, rows)
    return pd.DataFrame(
        {
            f"name {j}": [
                "abc"[(g + j) % 3] if sure else "abc"[other]
                for g, sure, other in zip(
                    group, random.random(rows) < 0.8, random.integers(0, 3, rows), strict=True
                )
            ]
            for j in range(4)
        }
    )


def _points(make: Callable[[int, int], FloatArray]) -> Make:
    return lambda rows, seed: pd.DataFrame(make(rows, seed), columns=["east", "north"])


def _planted(difficulty: str) -> Make:
    return lambda rows, seed: generate(rows, seed, difficulty).drop(columns="CUST_ID")


PLANTED: Mapping[str, Make] = MappingProxyType(
    {
        "planted, easy": _planted("easy"),
        "planted, medium": _planted("medium"),
        "planted, hard": _planted("hard"),
        "five groups of shoppers": _shoppers,
        "four corners": _corners,
        "two peaks of one column in six": _one_margin,
        "three groups in four categories": _joint_levels,
        "two moons": _points(lambda n, seed: make_moons(n, noise=0.08, random_state=seed)[0]),
        "two rings": _points(
            lambda n, seed: make_circles(n, noise=0.06, factor=0.4, random_state=seed)[0]
        ),
    }
)


def planted_tables(seeds: int, sizes: Sequence[int] = PLANTED_ROWS) -> Iterator[NullRow]:
    """Ask the same of several tables with groups, of every kind and size."""
    for seed in range(seeds):
        for rows, (kind, make) in product(sizes, PLANTED.items()):
            table = make(rows, seed)
            yield NullRow(kind, "", table.shape[1], rows, seed, True, _ask(table, seed))


def summary_of(answers: list[NullRow]) -> str:
    """Return how many tables of each kind were found to have structure, as text."""
    lines = []
    for planted in (False, True):
        of_kind = [answer for answer in answers if answer.planted == planted]
        if not of_kind:
            continue
        frame = pd.DataFrame(
            {
                "kind": [answer.kind for answer in of_kind],
                "rows": [answer.rows for answer in of_kind],
                "present": [answer.structure.present for answer in of_kind],
            }
        )
        counts = frame.groupby(["kind", "rows"], sort=False)["present"].agg(["sum", "size"])
        counts["text"] = [f"{int(a)} of {b}" for a, b in counts.to_numpy()]
        share = frame["present"].mean()
        title = "groups planted" if planted else "no groups"
        lines.append(f"{title}: structure in {share:.1%} of {len(frame)} tables")
        lines.append(counts["text"].unstack("rows").to_string())
        if not planted:
            cells: dict[str, list[bool]] = {}
            for answer in of_kind:
                cells.setdefault(answer.name, []).append(answer.structure.present)
            worst = max(cells, key=lambda name: sum(cells[name]) / len(cells[name]))
            often = f"{sum(cells[worst])} of {len(cells[worst])}"
            lines.append(f"{len(cells)} kinds and sizes; most often in {often}: {worst}")
    return "\n".join(lines)


def _ask(table: pd.DataFrame, seed: int) -> Structure:
    schema = infer_schema(table, "table")
    prepared = prepare_table(validate(table, schema, "table", to_train=True).customers, schema)
    return structure_of(prepared.customers, prepared.schema, seed)
