"""How a new customer is assigned, from arrays alone; a new rule is one class and one entry here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from segmentation.clustering.assignment_rules.gaussian import GaussianRule
from segmentation.clustering.assignment_rules.neighbours import NeighboursRule
from segmentation.clustering.assignment_rules.prototype import PrototypeRule
from segmentation.clustering.assignment_rules.rule import Arrays, Rule
from segmentation.types import FloatArray, IntArray

__all__ = ["RULES", "Arrays", "Rule", "learn_rule", "rule_from_arrays"]

RULES: Mapping[str, type[Rule]] = MappingProxyType(
    {rule.name: rule for rule in (PrototypeRule, GaussianRule, NeighboursRule)}
)


def learn_rule(name: str, estimator: Any, features: FloatArray, labels: IntArray) -> Rule:
    """Return the rule called `name`, learned from a fitted clusterer; see :class:`Rule`."""
    return RULES[name].learn(estimator, features, labels)


def rule_from_arrays(name: str, arrays: Arrays) -> Rule:
    """Return the rule called `name` from what its ``to_arrays`` gave; KeyError if unknown."""
    return RULES[name].from_arrays(arrays)
