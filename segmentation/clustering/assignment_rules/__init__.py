"""How a customer the clusterer never saw is assigned, from arrays alone."""

from segmentation.clustering.assignment_rules.rule import Arrays, Rule
from segmentation.clustering.assignment_rules.table import learn_rule, rule_from_arrays

__all__ = ["Arrays", "Rule", "learn_rule", "rule_from_arrays"]
