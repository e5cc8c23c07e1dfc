"""Generated tables with planted segments."""

from segmentation.data.synthetic.card_holders import (
    CHUNK_ROWS,
    LEANING,
    PLANS,
    SEGMENT_NAMES,
    generate,
    iter_generate,
    planted_segments,
)

__all__ = [
    "CHUNK_ROWS",
    "LEANING",
    "PLANS",
    "SEGMENT_NAMES",
    "generate",
    "iter_generate",
    "planted_segments",
]
