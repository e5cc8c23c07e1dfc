"""What the lists benchmark prints: every target beside what was measured."""

from experiments.benchmark.lists import ListFigure, list_table, too_long


def test_a_figure_above_its_target_is_missed() -> None:
    """The target itself is held; a note without a target is neither held nor missed."""
    figures = [
        ListFigure("PostgreSQL", "median of 20 look-ups", 0.31, "s", 0.2),
        ListFigure("Parquet", "median of 20 look-ups", 0.2, "s", 0.2),
        ListFigure("Parquet", "csv: progress said", 8, "times", None),
    ]
    _, _, missed, met, note = list_table(figures).splitlines()
    assert (missed.split()[-1], met.split()[-1]) == ("no", "yes")
    assert note.endswith("8 times")
    (sentence,) = too_long(figures)
    assert sentence == "median of 20 look-ups in PostgreSQL is 0.31 s, at most 0.2 s wanted"
