"""Generated tables with planted segments."""

from segmentation.data.files.table_file import not_a_table
from segmentation.data.synthetic.card_holders import (
    CHUNK_ROWS,
    LEANING,
    PLANS,
    SEGMENT_NAMES,
    generate,
    iter_generate,
    planted_segments,
)

EMBEDDED_ROWS = 5_000


def rows_and_seed(source: str, scheme: str, rest: str) -> tuple[int, int]:
    """Return how many customers to generate, and the seed, from what follows a source's name.

    Raises
    ------
    DataError
        When they are no numbers.
    """
    parts = rest.split(":") if rest else []
    if len(parts) > 2 or not all(part.isdecimal() for part in parts) or parts[:1] == ["0"]:
        expected = f"{scheme}, {scheme}:<rows> or {scheme}:<rows>:<seed>"
        raise not_a_table(source, expected, "Correct the numbers.")
    rows, seed = ([int(part) for part in parts] + [EMBEDDED_ROWS, 0][len(parts) :])[:2]
    return rows, seed


__all__ = [
    "CHUNK_ROWS",
    "LEANING",
    "PLANS",
    "SEGMENT_NAMES",
    "generate",
    "iter_generate",
    "planted_segments",
    "rows_and_seed",
]
