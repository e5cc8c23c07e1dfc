"""What a person fixes before a search: preprocessing choices, and columns left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from segmentation.clustering.spec import CHOICES
from segmentation.errors import SpecError

EXCLUDED, VARIANCE = "excluded", "variance"


@dataclass(frozen=True)
class Fixed:
    """Choices that a search takes as given.

    Parameters
    ----------
    choices
        By name, see :data:`segmentation.clustering.spec.CHOICES`.
    variance
        Share of variance kept by PCA, in (0, 1); None to let the search choose.
    excluded
        Columns that describe segments but do not form them.
    """

    choices: Mapping[str, str] = field(default_factory=dict)
    variance: float | None = None
    excluded: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Fixed:
        """Read ``name=value`` pairs, separated by commas, as `explore` recommends them.

        Raises
        ------
        SpecError
            When a name or value is none that a search understands.
        """
        choices: dict[str, str] = {}
        variance: float | None = None
        excluded: list[str] = []
        for pair in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = (part.strip() for part in pair.partition("="))
            if name == EXCLUDED and value:
                excluded.append(value)
            elif name == VARIANCE:
                variance = _share(pair, value)
            elif value in CHOICES.get(name, ()):
                choices[name] = value
            else:
                raise SpecError(f"fix: {pair!r} is not understood; expected {_expected(name)}")
        return cls(choices, variance, tuple(excluded))


def _share(pair: str, value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise SpecError(f"fix: {pair!r} is not understood; expected a share between 0 and 1")
    return share


def _expected(name: str) -> str:
    if name in CHOICES:
        return " or ".join(f"{name}={choice}" for choice in CHOICES[name])
    return f"{', '.join([*CHOICES, VARIANCE, EXCLUDED])}, each followed by = and a value"
