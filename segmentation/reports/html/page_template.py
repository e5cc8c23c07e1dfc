"""Fill a page's template."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from segmentation.interpretation.formatting import (
    flow_cell,
    number,
    percent,
    sentence_case,
    whole_percent,
)
from segmentation.reports.line_chart import short_day

TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
ROW = re.compile(r"<tr[ >].*?</tr>", re.DOTALL)
HEADING = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
CELL = re.compile(r"(?=<t[dh]\b)")
TAG = re.compile(r"<[^>]+>")


def page(template: str, customers: str, **values: Any) -> str:
    """Return a report as HTML.

    Parameters
    ----------
    template
        File among the templates of this package.
    customers
        The schema's word for them, in the plural.
    values
        What it shows.
    """
    environment = Environment(
        loader=PackageLoader("segmentation.reports.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    html = environment.get_template(template).render(now=now, customers=customers, **values)
    return TABLE.sub(_labelled, html)


def _labelled(table: re.Match[str]) -> str:
    """Return a table whose cells carry their heading, for screens where a row is a block."""
    head, body, rows = table[0].partition("<tbody>")
    headings = [TAG.sub("", text).strip() for text in HEADING.findall(head)]

    def row(match: re.Match[str]) -> str:
        cells = CELL.split(match[0])
        places = zip(cells[1:], [None, *headings[1:]], strict=False)
        return cells[0] + "".join(
            cell if heading is None else f'{cell[:3]} data-label="{heading}"{cell[3:]}'
            for cell, heading in places
        )

    return head + body + ROW.sub(row, rows)


def signed(value: float, decimals: int) -> str:
    """Return a number with its sign: ``+0.42``, ``−1.3``."""
    return f"{value:+.{decimals}f}".replace("-", "−")


def chance(p: float) -> str:
    """Return a p-value for a table: ``< 0.001``, ``0.043``."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


FILTERS: dict[str, Callable[..., str]] = {
    "number": number,
    "percent": percent,
    "flow_cell": flow_cell,
    "whole_percent": whole_percent,
    "signed": signed,
    "chance": chance,
    "day": short_day,
    "sentence_case": sentence_case,
    "thousands": lambda value: f"{value:,}",
}
