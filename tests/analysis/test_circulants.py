"""Circulant and Hankel parts against their definitions; the structure of the hand-written network's gradients."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab.analysis import circulants
from modaddlab.models.closed_form import circle_transformer
from modaddlab.models.gradients import gradient_outer_product
from modaddlab.models.registry import TransformerSpec
from modaddlab.tasks import all_pairs

P = 11
I_P = np.arange(P)
RNG = np.random.default_rng(5)
NOISE = RNG.standard_normal((P, P))
TABLE = RNG.standard_normal(P)
CIRCULANT, HANKEL = TABLE[(I_P[:, None] - I_P) % P], TABLE[(I_P[:, None] + I_P) % P]


def best(design_PPR: np.ndarray, x_PP: np.ndarray) -> np.ndarray:
    """The projection of a matrix on the span of others, by least squares."""
    flat = design_PPR.reshape(P * P, -1)
    return (flat @ np.linalg.lstsq(flat, x_PP.ravel(), rcond=None)[0]).reshape(P, P)


@pytest.mark.parametrize(("part", "sign"), [(circulants.circulant_part, -1), (circulants.hankel_part, 1)])
def test_a_part_is_the_least_squares_projection(part, sign: int) -> None:  # type: ignore[no-untyped-def]
    indicators_PPR = (I_P[:, None, None] + sign * I_P[None, :, None]) % P == I_P
    np.testing.assert_allclose(part(NOISE), best(indicators_PPR.astype(float), NOISE), atol=1e-12)
    np.testing.assert_allclose(part(part(NOISE)), part(NOISE), atol=1e-12)


def test_the_shares_of_pure_matrices() -> None:
    pure = circulants.shares(CIRCULANT + 3.0)
    assert (pure.circulant, pure.hankel, pure.fourier) == pytest.approx((1, 0, 1), abs=1e-12)
    reverse = circulants.shares(HANKEL)
    assert (reverse.circulant, reverse.hankel, reverse.fourier) == pytest.approx((0, 1, 1), abs=1e-12)


def test_for_odd_p_circulant_and_hankel_fill_the_blocks_of_equal_frequency() -> None:
    mixed = circulants.shares(CIRCULANT + 0.7 * HANKEL + 0.3 * NOISE)
    assert mixed.fourier == pytest.approx(mixed.circulant + mixed.hankel)
    assert 0.05 < mixed.hankel < mixed.circulant < 0.9
    assert mixed.fourier < 0.999


def test_what_does_not_depend_on_both_residues_counts_for_nothing() -> None:
    lopsided = NOISE + 5 * RNG.standard_normal(P)[:, None] + 5 * RNG.standard_normal(P)
    found, expected = circulants.shares(lopsided), circulants.shares(NOISE)
    assert (found.circulant, found.hankel, found.fourier) == pytest.approx(
        (expected.circulant, expected.hankel, expected.fourier)
    )


def test_the_null_keeps_the_diagonal_and_nothing_else() -> None:
    assert circulants.permuted_shares(np.eye(P), 3).circulant == pytest.approx(1)
    without_diagonal = CIRCULANT - CIRCULANT[0, 0] * np.eye(P)
    assert circulants.shares(without_diagonal).circulant == pytest.approx(1)
    assert circulants.permuted_shares(without_diagonal).circulant < 0.35
    first, again, other = (circulants.permuted_shares(NOISE, 2, seed).hankel for seed in (0, 0, 1))
    assert first == again != other


def test_a_matrix_of_zeros_has_no_shares() -> None:
    assert np.isnan(circulants.shares(np.ones((P, P))).circulant)


def test_blocks_by_position() -> None:
    G_XX = np.arange(16.0).reshape(4, 4)
    found = circulants.blocks(G_XX)
    assert found["aa"].tolist() == [[0, 1], [4, 5]]
    assert found["ab"].tolist() == [[2, 3], [6, 7]]
    assert found["ba"].tolist() == [[8, 9], [12, 13]]
    assert found["bb"].tolist() == [[10, 11], [14, 15]]


def test_similarity_is_a_cosine_that_does_not_see_constants() -> None:
    assert circulants.similarity(NOISE, 2 * NOISE + 7) == pytest.approx(1)
    assert circulants.similarity(NOISE, -NOISE) == pytest.approx(-1)
    assert circulants.similarity(CIRCULANT, HANKEL) == pytest.approx(0, abs=1e-12)


@pytest.fixture(scope="module")
def G_XX() -> np.ndarray:
    """Of the network written by hand on the frequencies 2 and 5, which adds the two embeddings and rotates with them."""
    model = TransformerSpec(d_model=12, n_heads=3, d_head=4, d_mlp=18, activation="quad")
    weights = circle_transformer(model, P, {2: 7, 5: 7}, scale={2: 1.0, 5: 2.0})
    return gradient_outer_product(weights, model, P, all_pairs(P), np.float64)


def test_the_hand_written_network_has_four_equal_circulant_blocks(G_XX: np.ndarray) -> None:
    found = circulants.blocks(G_XX)
    for block in found.values():
        np.testing.assert_allclose(block, found["aa"], atol=1e-9)
    measured = circulants.shares(found["ab"])
    assert (measured.circulant, measured.fourier) == pytest.approx((1, 1))
    assert circulants.similarity(found["aa"], found["ab"]) == pytest.approx(1)
    assert circulants.frequency_share(G_XX, (2, 5)) == pytest.approx(1)
    assert circulants.frequency_share(G_XX, (5,)) == pytest.approx(0.8)  # four times the energy of half the amplitude


def test_its_leading_directions_are_its_frequencies(G_XX: np.ndarray) -> None:
    found = circulants.leading_directions(G_XX, 5)
    assert found.frequency_R[:4].tolist() == [5, 5, 2, 2]
    np.testing.assert_allclose(found.purity_R[:4], 1)
    np.testing.assert_allclose(found.share_R, [0.4, 0.4, 0.1, 0.1, 0], atol=1e-9)
