"""What is read of the runs whose losses are computed in different ways."""

from __future__ import annotations

import pytest

from modaddlab import Study
from modaddlab.findings import digits


def test_the_loss_from_leads_is_that_of_double_precision_and_single_precision_stands_apart() -> None:
    found = digits.measure()
    assert found.log1p.train_loss.value == pytest.approx(found.float64.train_loss.value, rel=0.05)
    assert found.float32.train_loss.value > 3 * found.float64.train_loss.value
    exact, single = (Study.seeds(f"mlp-digits-{name}")[0].curve("train_loss") for name in ("float64", "float32"))
    at = list(Study.seeds("mlp-digits-float64")[0].curve("step")).index(found.apart.value)
    off = abs(single / exact - 1)
    assert off[at] > 0.1
    assert off[:at].max() <= 0.1
