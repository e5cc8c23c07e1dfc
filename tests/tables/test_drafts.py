"""What is drafted for each table from its file alone: roles, kinds, orders, what is said."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from segmentation.schema import Column, TableSchema, load_schema
from segmentation.schema.__main__ import main
from tests.tables.__main__ import SHAPES
from tests.tables.shape import Shape

CUSTOMERS = tuple(shape for shape in SHAPES if not shape.refused)


class Drafts:
    """What `infer` writes for each table: the schema, and all that a person reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.of = cache(self._infer)

    def _infer(self, name: str) -> tuple[TableSchema, str]:
        (shape,) = (one for one in SHAPES if one.name == name)
        result = CliRunner().invoke(main, ["infer", str(shape.written(self.folder))])
        assert result.exit_code == 0, result.output
        target = self.folder / f"{name}.yaml"
        target.write_text(result.stdout, encoding="utf-8")
        return load_schema(str(target)), result.output


@pytest.fixture(scope="module")
def drafts(tmp_path_factory: pytest.TempPathFactory) -> Drafts:
    """Return the drafts of all tables."""
    return Drafts(tmp_path_factory.mktemp("tables"))


each_table = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
each_table_of_customers = pytest.mark.parametrize("shape", CUSTOMERS, ids=lambda shape: shape.name)


@each_table
def test_the_truth_is_what_was_made(shape: Shape, tmp_path: Path) -> None:
    """Read by hand, the file gives the values that were made: figures can be checked against it."""
    made, _ = shape.make()
    read = shape.read(shape.written(tmp_path))
    assert [*read] == [*made]
    assert len(read) == len(made)
    for name in shape.kinds:
        numbers = pd.to_numeric(read[name], errors="coerce")
        if read[name].dtype.kind in "iuf":
            clean = made[name].astype(str).str.replace(r"[$,%]", "", regex=True)
            expected = pd.to_numeric(clean.replace(" ", "nan"), errors="coerce")
            assert numbers.round(6).equals(expected.astype(numbers.dtype).round(6)), name
        else:
            blank = made[name].isna() | made[name].isin(shape.missing)
            assert read[name].isna().equals(blank), name
            assert (read[name] == made[name])[~blank].all(), name


@each_table_of_customers
def test_every_column_has_its_role(shape: Shape, drafts: Drafts) -> None:
    """Identifier, features, outcomes and what is left out are told apart."""
    schema, _ = drafts.of(shape.name)
    outcomes = {column.name for column in schema.outcomes}
    assert schema.identifier in shape.identifier
    assert outcomes - set(shape.either) == set(shape.outcomes)
    assert set(schema.column_names) | (outcomes & set(shape.either)) == set(shape.kinds)
    assert set(shape.excluded) - {schema.identifier} <= set(schema.excluded)
    assert all(schema.excluded.values())


@each_table_of_customers
def test_every_feature_has_its_kind(shape: Shape, drafts: Drafts) -> None:
    """A kind that is right for the values; words in their order."""
    schema, _ = drafts.of(shape.name)
    kinds = {column.name: column.kind for column in schema.columns}
    assert not {n: k for n, k in kinds.items() if k not in shape.kinds[n].split("|")}
    assert {name: schema.column(name).levels for name in shape.order} == shape.order
    assert set(shape.missing) <= set(schema.missing)


@each_table_of_customers
def test_codes_are_categories_or_asked_about(shape: Shape, drafts: Drafts) -> None:
    """Whole numbers of few values are levels, or a note asks whether they are."""
    schema, _ = drafts.of(shape.name)
    assert not [
        name
        for name in shape.coded
        if not schema.column(name).categorical and name not in schema.notes
    ]


@each_table_of_customers
def test_sensitive_columns_are_marked(shape: Shape, drafts: Drafts) -> None:
    """By name in several languages, or by level."""
    schema, _ = drafts.of(shape.name)
    assert set(schema.sensitive_names) - set(shape.either) == set(shape.sensitive)


@each_table_of_customers
def test_what_was_noticed_is_said(shape: Shape, drafts: Drafts) -> None:
    """What was done about the file's faults is in a line of its own."""
    _, output = drafts.of(shape.name)
    lines = output.splitlines()
    for pattern in shape.remarks:
        assert any(re.search(pattern, line) for line in lines), pattern


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.refused])
def test_purchases_are_no_customers(shape: Shape, tmp_path: Path) -> None:
    """Where a row is a purchase, no schema is drafted; the count and the remedy are said."""
    result = CliRunner().invoke(main, ["infer", str(shape.written(tmp_path))])
    assert result.exit_code == 2
    assert not [pattern for pattern in shape.refused if not re.search(pattern, result.output)]


@each_table_of_customers
def test_labels_are_what_people_would_write(shape: Shape, drafts: Drafts) -> None:
    """No technical spelling is left in a label."""
    schema, _ = drafts.of(shape.name)
    assert {name: schema.column(name).label for name in shape.labels} == shape.labels
    assert not [c.label for c in schema.columns if odd(c)]


def odd(column: Column) -> bool:
    """Return whether a label looks like a name of a program."""
    return bool(re.search(r"_|[a-z][A-Z]|^ | $|  ", column.label))
