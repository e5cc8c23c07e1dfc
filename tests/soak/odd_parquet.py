"""Parquet files that are damaged, lie about themselves, or hold what is no table of numbers."""

import io
import struct
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from segmentation.data.synthetic import generate

Write = Callable[[Path, float], None]
SMALL = generate(30, seed=4)
ROWS_PACKED = 40_000_000


def parquet(table: pd.DataFrame) -> bytes:
    """Return a good file."""
    content = io.BytesIO()
    table.to_parquet(content, index=False)
    return content.getvalue()


def raw(content: bytes) -> Write:
    """Return what writes bytes as they are."""
    return lambda path, _: path.write_bytes(content) and None


def column(values: object, kind: pa.DataType | None = None, name: str = "BALANCE") -> Write:
    """Return what writes the table with other values in a column."""
    whole = pa.Table.from_pandas(SMALL, preserve_index=False)
    place = whole.schema.get_field_index(name)
    changed = whole.set_column(place, name, pa.array(values, kind))

    def write(path: Path, _: float) -> None:
        pq.write_table(changed, path)

    return write


def packed(rows: int, **options: object) -> Write:
    """Return what writes many equal rows, which take next to no room in the file."""

    def write(path: Path, factor: float) -> None:
        count = max(1_000, int(rows * factor))
        # One array for all columns: the test itself should not swallow what it looks for.
        same = pa.array(np.zeros(count))
        names = [name for name in SMALL.columns if name != "CUST_ID"]
        pq.write_table(pa.table(dict.fromkeys(names, same)), path, **options)

    return write


def one_text(megabytes: int, name: str) -> Write:
    """Return what writes one text of so many megabytes, packed."""

    def write(path: Path, factor: float) -> None:
        text = "x" * max(1_000, int(megabytes * factor * 1024 * 1024))
        values = [text, *["a"] * 29]
        column(values, pa.large_string(), name)(path, factor)

    return write


def lying(change: Callable[[bytes], bytes]) -> Write:
    """Return what writes a good file whose footer is changed."""
    good = parquet(SMALL)
    size = struct.unpack("<I", good[-8:-4])[0]
    body, footer = good[: -8 - size], good[-8 - size : -8]
    changed = change(footer)
    return raw(body + changed + struct.pack("<I", len(changed)) + b"PAR1")


def doubled(path: Path, _: float) -> None:
    """Write a file in which two columns have one name."""
    whole = pa.Table.from_pandas(SMALL, preserve_index=False)
    pq.write_table(whole.append_column("BALANCE", whole["BALANCE"]), path)


def wide(path: Path, _: float) -> None:
    """Write a file of 10,000 columns."""
    pq.write_table(pa.table({f"C{number}": [1.0] for number in range(10_000)}), path)


GOOD = parquet(SMALL)
PARQUETS: dict[str, Write] = {
    "Parquet cut": raw(GOOD[:-20]),
    "Parquet without a head": raw(b"PAR1" + GOOD[300:]),
    "Parquet, only its mark": raw(b"PAR1"),
    "Parquet twice": raw(GOOD + GOOD),
    "Parquet, footer of 4 GB": raw(GOOD[:-8] + b"\xff\xff\xff\xffPAR1"),
    "Parquet, footer of nothing": raw(GOOD[:-8] + b"\0\0\0\0PAR1"),
    "Parquet, many rows in the footer": lying(lambda f: f.replace(b"\x16<", b"\x16\xfe\x7f", 3)),
    "Parquet, footer of zeros": lying(lambda f: bytes(len(f))),
    "Parquet, other sizes": lying(lambda f: f.replace(b"\x15", b"\x16", 5)),
    "Parquet of no rows": raw(parquet(SMALL.head(0))),
    "Parquet of no columns": raw(parquet(pd.DataFrame(index=range(5)))),
    "Parquet of lists": column([[1.0, 2.0]] * 30),
    "Parquet of structures": column([{"a": 1}] * 30),
    "Parquet of maps": column([[("a", 1)]] * 30, pa.map_(pa.string(), pa.int64())),
    "Parquet of lists as names": column([["a"]] * 30, name="CUST_ID"),
    "Parquet of bytes": column([b"\xff\x00"] * 30),
    "Parquet of texts": column(["12"] * 30),
    "Parquet of words": column(["lots"] * 30),
    "Parquet of decimals": column([Decimal("1.5")] * 30),
    "Parquet of times": column([0] * 30, pa.timestamp("ns")),
    "Parquet of durations": column([0] * 30, pa.duration("s")),
    "Parquet of booleans": column([True, False] * 15),
    "Parquet of nulls": column([None] * 30),
    "Parquet of infinities": column([float("inf")] * 30),
    "Parquet of huge integers": column([2**63] * 30, pa.uint64()),
    "Parquet of formulas": column(["=1+1", "\t=1", "@x"] * 10, name="CUST_ID"),
    "Parquet of categories": column(pa.array(["a"] * 30).dictionary_encode()),
    "Parquet with doubled names": doubled,
    "Parquet of 10,000 columns": wide,
    "Parquet bomb of rows": packed(ROWS_PACKED),
    "Parquet bomb of one page": packed(
        ROWS_PACKED // 2,
        use_dictionary=False,
        compression="gzip",
        data_page_size=2**30,
        row_group_size=2**30,
    ),
    "Parquet bomb of a text": one_text(500, "CUST_ID"),
    "Parquet bomb of a cell": one_text(500, "BALANCE"),
}
