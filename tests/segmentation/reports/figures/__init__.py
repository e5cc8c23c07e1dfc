"""What tests of pictures share."""

from io import BytesIO

from matplotlib.figure import Figure

SIGNATURE = b"\x89PNG"


def png(figure: Figure) -> bytes:
    file = BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def title(figure: Figure) -> str:
    return figure.texts[0].get_text()
