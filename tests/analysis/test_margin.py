"""The normalized margin on networks of which it is known, and against its definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from modaddlab.analysis.margin import largest_margin, normalized_margin, waves


@pytest.mark.parametrize("p", [5, 7, 23])
@pytest.mark.parametrize(("tables", "part"), [(2, 1.0), (1, 0.5)])
def test_pure_waves_have_the_largest_margin_in_two_tables_and_half_of_it_in_one(p: int, tables: int, part: float) -> None:
    assert normalized_margin(*waves(p, tables=tables)) == pytest.approx(part * largest_margin(p), rel=1e-9)


def test_no_other_network_has_more() -> None:
    rng = np.random.default_rng(0)
    best = waves(7, tables=2)
    for _ in range(20):
        other = [x_HP + 0.1 * rng.standard_normal(x_HP.shape) for x_HP in best]
        assert normalized_margin(*other) < largest_margin(7)


def test_it_is_what_its_definition_says_and_does_not_depend_on_the_size_of_the_weights() -> None:
    p = 5
    u_HP, v_HP, w_HP = np.random.default_rng(1).standard_normal((3, 4, p))
    leads = []
    for a, b in itertools.product(range(p), repeat=2):
        logits_C = np.sum([(u_HP[h, a] + v_HP[h, b]) ** 2 * w_HP[h] for h in range(4)], axis=0)
        leads.append(logits_C[(a + b) % p] - max(np.delete(logits_C, (a + b) % p)))
    norm = sum(np.linalg.norm([*u_HP[h], *v_HP[h], *w_HP[h]]) ** 3 for h in range(4))
    assert normalized_margin(u_HP, v_HP, w_HP) == pytest.approx(min(leads) / norm)
    assert normalized_margin(3 * u_HP, 3 * v_HP, 3 * w_HP) == pytest.approx(min(leads) / norm)
