"""A drafted schema has headings: what shares words stands together, then what is of one kind."""

import numpy as np
import pandas as pd
import pytest

from segmentation.schema import Column, load_schema, to_yaml
from segmentation.schema.grouping import OTHER, PERSON, grouped
from segmentation.schema.inference import infer_schema

FLAG = {"kind": "count", "plausible": (0.0, 1.0)}


def headings(*columns: Column) -> dict[str, list[str]]:
    """Return the labels below each heading."""
    placed, names = grouped(columns)
    return {
        heading: [column.label for column in placed if column.group == key]
        for key, heading in names.items()
    }


def test_columns_that_share_words_stand_together() -> None:
    """The longest run of words heads a group; measures and numbers do not."""
    labels = [f"Calls {where} month {m}" for where in ("at home", "abroad") for m in (1, 2, 3)]
    labels += ["Streaming TV", "Best Streaming TV", "Streaming TV plus", "Total visits"]
    below = headings(*(Column(label, label, kind="count") for label in labels))
    assert below == {
        "Calls at home": labels[:3],
        "Calls abroad": labels[3:6],
        "Streaming TV": labels[6:9],
        OTHER: labels[9:],
    }


def test_what_is_left_stands_by_kind() -> None:
    """People first asked about as people; no heading of one column but the last resort."""
    columns = [
        Column("a", "Age", sensitive=True),
        Column("b", "Income", kind="money"),
        Column("c", "Savings", kind="money"),
        Column("d", "Newsletter", **FLAG),
        Column("e", "Member", kind="category", levels=("No", "Yes")),
        Column("f", "City", kind="category", levels=("Bonn", "Kiel")),
        Column("g", "Colour", kind="category", levels=("red", "blue", "green")),
    ]
    late = Column("h", "Visits", kind="count")
    assert headings(*columns) == {
        PERSON: ["Age"],
        "Amounts": ["Income", "Savings"],
        "Yes or no": ["Newsletter", "Member"],
        "Categories": ["City", "Colour"],
    }
    assert headings(*columns, late)["Numbers"] == ["Income", "Savings", "Visits"]


@pytest.mark.parametrize("count", [1, 6])
def test_few_columns_stay_together(count: int) -> None:
    """A short form needs no headings."""
    below = headings(*(Column(f"x{i}", f"Thing {i}", kind="money") for i in range(count)))
    assert list(below) == ["Columns"]


def test_letters_and_measures_head_nothing() -> None:
    """`Mnt`, `X` and `Total` say nothing to a person: such columns stand by kind."""
    labels = [*(f"Mnt {what}" for what in ("wine", "fish", "gold", "fruit"))]
    labels += (
        [f"X{i}" for i in range(4)]
        + [f"Name {i}" for i in range(4)]
        + [f"Total {what}" for what in ("web", "shop", "phone")]
    )
    kinds = ["money"] * 4 + ["count"] * 11
    columns = [Column(a, a, kind=k) for a, k in zip(labels, kinds, strict=True)]
    assert headings(*columns) == {"Amounts": labels[:4], "Numbers": labels[4:]}


def test_a_draft_has_groups_and_keeps_them() -> None:
    """Forty columns of a file: several headings, each of several columns, the same from YAML."""
    random = np.random.default_rng(0)
    names = [f"{what}_{m}" for what in ("web_visits", "store_visits", "returns") for m in range(12)]
    table = pd.DataFrame({name: random.poisson(9, 60) for name in names})
    table["has_app"] = random.integers(0, 2, 60)
    schema = infer_schema(table.assign(member=random.choice(["yes", "no"], 60)))
    assert schema.groups is not None
    sizes = [sum(c.group == key for c in schema.columns) for key in schema.groups]
    assert list(schema.groups.values())[:3] == ["Web visits", "Store visits", "Returns"]
    assert max(sizes) == 12
    assert sum(sizes) == len(schema.columns)
    assert "Web visits" in to_yaml(schema)


def test_shipped_schemas_could_be_drafted_alike() -> None:
    """Their own labels lead to several headings too, none of them empty."""
    for name in ("cc_general", "bank_churners", "embedded_people"):
        below = headings(*load_schema(name).columns)
        assert len(below) > 2
        assert all(below.values())
