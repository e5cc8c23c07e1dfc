"""Two models on the same customers: who moves, and what sets them apart."""

import pandas as pd
import pytest

from segmentation.model.segment_matching import Numbering, match_segments
from segmentation.monitoring.comparison import Comparison, compare_models
from tests.segmentation.planted import planted, planted_model


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    """Return customers that neither model has seen."""
    return planted(4000, seed=11, spread=1.2)[0]


@pytest.fixture(scope="module")
def compared(customers: pd.DataFrame) -> Comparison:
    """Compare a k-means model with a mixture of the same number of segments, run together."""
    first = planted_model(spread=1.2)
    second = planted_model("gaussian_full", "gaussian", spread=1.2)
    before, after = (model.assign(customers).segment for model in (first, second))
    numbering = match_segments(first.numbering, before, after, second.numbering.names)
    return compare_models(first, second.with_numbering(numbering), customers)


def test_a_model_agrees_with_itself(customers: pd.DataFrame) -> None:
    """No customer moves, and every customer is on the diagonal."""
    model = planted_model()
    result = compare_models(model, model, customers)
    assert (result.adjusted_rand, result.adjusted_mutual_information) == (1.0, pytest.approx(1.0))
    assert (result.moved_share, result.flows) == (0, ())
    assert result.matrix.trace() == result.rows == 4000


def test_flows_are_the_pairs_of_other_numbers(compared: Comparison) -> None:
    """They add up to the customers who move, the largest first, each with its share."""
    matrix = pd.DataFrame(compared.matrix, index=compared.before, columns=compared.after)
    expected = {(i, j): matrix.loc[i, j] for i in matrix.index for j in matrix.columns if i != j}
    flows = {(flow.before, flow.after): flow.customers for flow in compared.flows}
    assert flows == {pair: count for pair, count in expected.items() if count}
    counts = [flow.customers for flow in compared.flows]
    assert counts == sorted(counts, reverse=True)
    assert compared.metrics()["moved_share"] == pytest.approx(sum(counts) / 4000)
    assert [flow.share for flow in compared.flows] == [count / 4000 for count in counts]


def test_reasons_need_enough_customers(compared: Comparison) -> None:
    """Three columns at most set movers apart; for fewer than twenty no reason is given."""
    for flow in compared.flows:
        assert len(flow.reasons) <= 3
        assert flow.customers >= 20 or flow.reasons == ()
        assert all(reason.split()[0] in {"higher", "lower"} for reason in flow.reasons)
    assert any(flow.reasons for flow in compared.flows)


def test_a_numbering_of_other_segments_is_refused() -> None:
    """A model with four segments takes four numbers."""
    model = planted_model()
    with pytest.raises(ValueError, match="zip"):
        model.with_numbering(Numbering((1,), ("one",), (0.0,), 2))
