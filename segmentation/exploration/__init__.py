"""Know a table before clustering it: computed objects, pictures and one report."""

from segmentation.exploration.explore import STEPS, Exploration, explore
from segmentation.exploration.table import Table

__all__ = ["STEPS", "Exploration", "Table", "explore"]
