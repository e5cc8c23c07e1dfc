"""What recommendations are made of, and what they are drawn from."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from segmentation.reports.exploration.bivariate import Associations
from segmentation.reports.exploration.descriptive import Descriptive
from segmentation.reports.exploration.explored_table import Table
from segmentation.reports.exploration.missingness import Nulls
from segmentation.reports.exploration.multivariate import Components
from segmentation.reports.exploration.null_tests import Tendency
from segmentation.reports.exploration.outliers import Outliers


@dataclass(frozen=True)
class Recommendation:
    """One thing to do.

    Parameters
    ----------
    text
        What, in words.
    number
        The number that speaks for it, in words.
    switch
        The choice it stands for: keys of :class:`segmentation.clustering.spec.Preprocessing` or
        ``excluded`` (the search's ``fix``), parameters of the search (``sensitive``, ``k_min``),
        or what only a person can do (``stop``, ``identities``).
    """

    text: str
    number: str
    switch: Mapping[str, str | float] = field(default_factory=dict)

    @property
    def switches(self) -> str:
        """The switch as a person writes it: ``skew=log1p``."""
        return ", ".join(f"{key}={value}" for key, value in self.switch.items())


def search_parameters(advice: Iterable[Recommendation]) -> str:
    """Return, as a command line takes them, the parameters of a search that follows all advice.

    What a search cannot do, to declare an identity for example, is left out.
    """
    fix: list[str] = []
    options: dict[str, str] = {}
    for key, value in (pair for item in advice for pair in item.switch.items()):
        if key in {"sensitive", "k_min"}:
            options[key] = str(value)
        elif key not in {"stop", "identities"}:
            fix.append(f"{key}={value}")
    given = {**({"fix": ",".join(fix)} if fix else {}), **options}
    return " ".join(f"-P {name}={shlex.quote(value)}" for name, value in given.items())


@dataclass(frozen=True)
class Evidence:
    """Everything recommendations are drawn from."""

    table: Table
    descriptive: Descriptive
    associations: Associations
    components: Components
    tendency: Tendency
    nulls: Nulls
    outliers: Outliers

    def label(self, name: str) -> str:
        """Return what a person reads for a column."""
        return self.table.schema.column(name).label
