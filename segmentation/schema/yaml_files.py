"""Schemas as YAML files: shipped ones, your own, and drafts to edit."""

from __future__ import annotations

from dataclasses import MISSING, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from segmentation.errors import SpecError
from segmentation.schema.table_schema import Column, TableSchema

# In place of a name: a shipped schema that fits the table, else a draft.
AUTO = "auto"
HEAD = """\
# Drafted from {source}. Please check, from the top:
#  - identifier: the column that names a customer, or null;
#  - customers: what they are called on pages, such as card holders;
#  - excluded: columns that are no features, each with the reason;
#  - missing: texts that mean a value is missing;
#  - outcomes: what happened to customers; describes segments, never forms them, and is not needed
#    to score; of two levels the second is the event; move one to columns to make it a feature;
#  - notes: what was noticed in a column;
#  - kind: money, count, frequency (0 to 1), months, number, category, or ordered (levels from
#    least to most); unit, label and help are shown on pages;
#  - sensitive: true describes segments without forming them.
"""


def load_schema(name_or_path: str) -> TableSchema:
    """Return the schema that ships under a name, or the one in a YAML file.

    Raises
    ------
    SpecError
        When neither a shipped schema nor a file of that name exists.
    """
    shipped = files("segmentation.schema") / "shipped"
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"}:
        if not path.is_file():
            raise SpecError(f"schema file {name_or_path!r} does not exist")
        text = path.read_text(encoding="utf-8")
    else:
        resource = shipped / f"{name_or_path}.yaml"
        if not resource.is_file():
            names = sorted(r.name.removesuffix(".yaml") for r in shipped.iterdir())
            raise SpecError(
                f"schema {name_or_path!r} is unknown: use one of {', '.join(names)}, "
                "or the path of a .yaml file"
            )
        text = resource.read_text(encoding="utf-8")
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SpecError(f"schema {name_or_path!r} is not YAML: {error}") from error
    if not isinstance(raw, dict):
        raise SpecError(f"schema {name_or_path!r} is not a mapping of keys to values")
    return TableSchema.from_dict(_extended(raw))


def _extended(raw: dict[str, Any]) -> dict[str, Any]:
    """Return raw data with that of the schema it extends: lists and mappings are joined."""
    if "extends" not in raw:
        return raw
    own = dict(raw)
    base = load_schema(str(own.pop("extends"))).to_dict()
    joined = {**base, **own}
    for key, value in own.items():
        if isinstance(value, list) and key != "examples":
            joined[key] = [*base.get(key, ()), *value]
        elif isinstance(value, dict):
            joined[key] = {**(base.get(key) or {}), **value}
    return joined


def to_yaml(schema: TableSchema, source: str = "a table") -> str:
    """Return the text of a YAML file that :func:`load_schema` reads back as an equal schema."""
    raw = {key: value for key, value in schema.to_dict().items() if value not in ((), {}, None)}
    for key in ("outcomes", "columns"):  # long lists come last
        if raw.pop(key, ()):
            raw[key] = [_brief(column) for column in getattr(schema, key)]
    text = yaml.safe_dump(_plain(raw), sort_keys=False, allow_unicode=True, width=100)
    return HEAD.format(source=source) + text


def _brief(column: Column) -> dict[str, Any]:
    """Return a column without what is as by default; the unit always stays, to be filled in."""
    defaults = {f.name: f.default for f in fields(Column) if f.default is not MISSING}
    return {
        f.name: getattr(column, f.name)
        for f in fields(Column)
        if f.name in {"kind", "unit"} or getattr(column, f.name) != defaults.get(f.name, MISSING)
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
