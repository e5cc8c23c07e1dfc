"""Pictures of a segmentation as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from segmentation.reports.figures import FIGURES, FigureData

DPI, COLOURS = 90, 256


def as_png(figure: Figure) -> bytes:
    """Return a figure as a PNG file."""
    canvas: Any = FigureCanvasAgg(figure)
    figure.set_dpi(DPI)
    canvas.draw()
    # Full colour takes three times as long to write and three times the space.
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    file = BytesIO()
    picture.quantize(COLOURS, method=Image.Quantize.FASTOCTREE).save(file, "png", compress_level=1)
    return file.getvalue()


def drawn(data: FigureData, names: Sequence[str]) -> dict[str, bytes]:
    """Return the figures with these names as PNG files, by name."""
    return {name: as_png(FIGURES[name](data)) for name in names}
