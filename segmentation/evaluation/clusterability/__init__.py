"""Whether a table has groups at all: one verdict, asked before the segments are believed."""

from segmentation.evaluation.clusterability.verdict import ROWS, Structure, structure_of

__all__ = ["ROWS", "Structure", "structure_of"]
