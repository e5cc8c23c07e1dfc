"""The optional demographic part of the embedded data: who generated customers are.

Age, dependants, education, income and card follow what a customer does (through the planted
segment); gender and marital status do not. Some values are ``Unknown``, as in real books.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from segmentation.data.synthetic.card_holders import SEGMENT_NAMES, generate, planted_segments
from segmentation.types import FloatArray, IntArray

UNKNOWN = "Unknown"
UNKNOWN_SHARE = 0.07
GENDERS = ("F", "M")
MARITAL = (("Divorced", "Married", "Single"), (0.12, 0.52, 0.36))
EDUCATION = ("Uneducated", "School", "College", "Degree", "Doctorate")
INCOME = ("Less than $25K", "$25K - $45K", "$45K - $70K", "$70K - $110K", "$110K +")
CARDS = ("Blue", "Silver", "Gold", "Platinum")
# Mean age, and how high the levels of education, income and card are (standard normal mean).
TRAITS: Mapping[str, tuple[float, float, float, float]] = MappingProxyType(
    {
        "transactors": (49.0, 0.7, 0.6, 0.1),
        "revolvers": (43.0, 0.0, 0.0, 0.0),
        "cash-advance users": (41.0, -0.5, -0.6, -0.3),
        "instalment buyers": (33.0, -0.1, -0.4, -0.3),
        "dormant": (57.0, 0.0, -0.1, -0.2),
        "high spenders": (46.0, 0.6, 1.3, 1.4),
    }
)
CUTS = {5: (-1.1, -0.3, 0.5, 1.4), 4: (1.0, 1.8, 2.6)}


def generate_people(n: int, seed: int = 0, difficulty: str = "medium") -> pd.DataFrame:
    """Return the customers of :func:`segmentation.data.synthetic.generate` with demographics.

    The behaviour is the same, row by row; seven columns more describe the person, in the
    ``embedded_people`` schema. Parameters and errors are those of the generator.
    """
    behaviour = generate(n, seed, difficulty)
    people = _people(planted_segments(n, seed, difficulty), seed)
    return pd.concat([behaviour, people], axis=1)


def _people(segment: IntArray, seed: int) -> pd.DataFrame:
    random = np.random.default_rng([seed, 1_000_003])
    traits = np.array([TRAITS[name] for name in SEGMENT_NAMES])[segment]
    rows = len(segment)
    age = np.clip(np.round(random.normal(traits[:, 0], 10.5)), 18, 90)
    married = random.choice(len(MARITAL[0]), rows, p=MARITAL[1])
    young = np.exp(-(((age - 40) / 14) ** 2))
    return pd.DataFrame(
        {
            "AGE": age,
            "GENDER": _levels(random.integers(0, 2, rows), GENDERS),
            "MARITAL_STATUS": _unknown(random, _levels(married, MARITAL[0])),
            "DEPENDANTS": random.poisson(0.2 + 1.6 * young * (married == 1)).astype(np.float64),
            "EDUCATION": _unknown(random, _scale(random, traits[:, 1], EDUCATION)),
            "INCOME_BAND": _unknown(random, _scale(random, traits[:, 2], INCOME)),
            "CARD": _scale(random, traits[:, 3], CARDS),
        }
    )


def _scale(random: np.random.Generator, mean: FloatArray, levels: Sequence[str]) -> pd.Series[str]:
    """Return ordered levels, the higher the larger a normal draw around `mean`."""
    place = np.searchsorted(CUTS[len(levels)], random.normal(mean, 1.0))
    return _levels(place, levels)


def _levels(places: IntArray, levels: Sequence[str]) -> pd.Series[str]:
    return pd.Series(np.array(levels, dtype=object)[places], dtype="str")


def _unknown(random: np.random.Generator, values: pd.Series[str]) -> pd.Series[str]:
    return values.mask(random.random(len(values)) < UNKNOWN_SHARE, UNKNOWN)
