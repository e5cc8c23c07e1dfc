"""Know a table before clustering it: computed objects, pictures and one report."""

from segmentation.reports.exploration.analysis import STEPS, Exploration, explore
from segmentation.reports.exploration.explored_table import Table

__all__ = ["STEPS", "Exploration", "Table", "explore"]
