"""Logits pair by pair, against loops."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab.analysis import logits, progress

P, C = 5, 7
RNG = np.random.default_rng(0)
LOGITS = RNG.standard_normal((P, P, C)).astype(np.float32)
LABELS = RNG.integers(0, C, (P, P))


def test_correct_logits_and_margins_pair_by_pair() -> None:
    correct, margin = logits.correct_logits(LOGITS, LABELS), logits.margins(LOGITS, LABELS)
    for a, b in np.ndindex(P, P):
        row, c = LOGITS[a, b].astype(float), LABELS[a, b]
        assert correct[a, b] == pytest.approx(row[c] - sum(row) / C)
        assert margin[a, b] == pytest.approx(row[c] - max(row[i] for i in range(C) if i != c))
    assert np.mean(margin > 0) == progress.accuracy(LOGITS, LABELS)
    assert np.isfinite(LOGITS).all()  # the argument was not written into


def test_a_tie_has_no_margin() -> None:
    assert logits.margins(np.zeros((P, P, C)), LABELS).tolist() == np.zeros((P, P)).tolist()


def test_by_difference() -> None:
    x_PP = RNG.standard_normal((P, P))
    found = logits.by_difference(x_PP)
    for d in range(P):
        values = [x_PP[a, b] for a, b in np.ndindex(P, P) if (a - b) % P == d]
        assert (found.mean_P[d], found.low_P[d], found.high_P[d]) == pytest.approx((np.mean(values), min(values), max(values)))


def test_the_share_that_depends_on_the_difference() -> None:
    a_P = np.arange(P)
    table_P, other_P = RNG.standard_normal((2, P))
    pure, sums = table_P[(a_P[:, None] - a_P) % P], other_P[(a_P[:, None] + a_P) % P]
    assert logits.difference_share(pure) == pytest.approx(1)
    assert logits.difference_share(sums) == pytest.approx(0)
    assert logits.difference_share(pure + sums) == pytest.approx(np.var(pure) / (np.var(pure) + np.var(sums)))
    assert np.isnan(logits.difference_share(np.ones((P, P))))


def test_mirrored_pairs_are_those_whose_mirror_image_alone_is_trained() -> None:
    train_PP = np.array([[1, 1, 0], [0, 0, 0], [1, 1, 0]], dtype=bool)
    assert logits.mirrored(train_PP).tolist() == [[False, False, True], [True, False, True], [False, False, False]]


def test_tables_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="labels_PP"):
        logits.margins(LOGITS, LABELS[:2])


def test_by_distance_finds_the_wave_of_the_distance_from_the_sum() -> None:
    p, c = 7, np.arange(7)
    a, b = np.indices((p, p))
    logits_PPC = np.cos(2 * np.pi * 2 * (c - (a + b)[..., None]) / p) + 3 + a[..., None]
    assert logits.by_distance(logits_PPC) == pytest.approx(np.cos(2 * np.pi * 2 * c / p))
