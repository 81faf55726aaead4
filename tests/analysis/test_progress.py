"""Losses against loops over pairs, and both published definitions of restricted and excluded loss against each other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modaddlab.analysis import progress

P = 7
KEYS = (1, 3)


def sample(p: int = P) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(p)
    labels_PP = np.add.outer(np.arange(p), np.arange(p)) % p
    return generator.normal(size=(p, p, p)) * 3 + 1, labels_PP, generator.random((p, p)) < 0.4


def literal_loss(logits_PPC: np.ndarray, labels_PP: np.ndarray, mask_PP: np.ndarray) -> float:
    losses = []
    for a, b in zip(*np.nonzero(mask_PP), strict=True):
        exponentials = [math.exp(value) for value in logits_PPC[a, b]]
        losses.append(-math.log(exponentials[labels_PP[a, b]] / sum(exponentials)))
    return sum(losses) / len(losses)


def literal_wave_parts(logits_PPC: np.ndarray, key: int) -> np.ndarray:
    """The projection of each output's logits on cos and sin of omega_k (a+b), by sums over all pairs."""
    p = len(logits_PPC)
    part_PPC = np.zeros_like(logits_PPC)
    for wave in (math.cos, math.sin):
        values_PP = np.array([[wave(2 * math.pi * key * (a + b) / p) for b in range(p)] for a in range(p)])
        unit_PP = values_PP / np.sqrt((values_PP**2).sum())
        for c in range(p):
            strength = sum(unit_PP[a, b] * logits_PPC[a, b, c] for a in range(p) for b in range(p))
            part_PPC[:, :, c] += strength * unit_PP
    return part_PPC


def test_scores_are_the_literal_means() -> None:
    logits_PPC, labels_PP, mask_PP = sample()
    scores = progress.score(logits_PPC, labels_PP, mask_PP)
    assert scores.train_loss == pytest.approx(literal_loss(logits_PPC, labels_PP, mask_PP), rel=1e-12)
    assert scores.test_loss == pytest.approx(literal_loss(logits_PPC, labels_PP, ~mask_PP), rel=1e-12)
    assert scores.all_loss == pytest.approx(progress.mean_loss(logits_PPC, labels_PP), rel=1e-12)
    hits_PP = logits_PPC.argmax(axis=2) == labels_PP
    assert scores.train_accuracy == pytest.approx(hits_PP[mask_PP].mean())
    assert scores.test_accuracy == progress.accuracy(logits_PPC, labels_PP, ~mask_PP) == pytest.approx(hits_PP[~mask_PP].mean())
    assert scores.all_accuracy == progress.accuracy(logits_PPC, labels_PP) == pytest.approx(hits_PP.mean())
    assert math.isnan(progress.score(logits_PPC, labels_PP, np.ones_like(mask_PP)).test_loss)


def test_losses_keep_their_digits_when_tiny_and_when_huge() -> None:
    labels = np.array([[0, 1]])
    logits = np.array([[[50.0, 0.0, 0.0], [1000.0, 0.0, -5.0]]])
    loss = progress.cross_entropy(logits, labels)
    assert loss[0, 0] == pytest.approx(2 * math.exp(-50), rel=1e-12, abs=0)  # a difference from 1 would give 0
    assert loss[0, 1] == pytest.approx(1000)
    np.testing.assert_allclose(progress.cross_entropy(logits + 1e4, labels), loss, rtol=1e-9)
    uniform = progress.cross_entropy(np.zeros((2, 2, 113)), np.zeros((2, 2), dtype=int))
    np.testing.assert_allclose(uniform, math.log(113))
    moderate_PPC, labels_PP, _ = sample()
    expected_PP = -np.take_along_axis(progress.log_softmax(moderate_PPC), labels_PP[..., None], axis=2)[..., 0]
    np.testing.assert_allclose(progress.cross_entropy(moderate_PPC, labels_PP), expected_PP, rtol=1e-9)


def test_the_logarithm_of_the_softmax() -> None:
    logits_PPC, _, _ = sample()
    expected_PPC = np.log(np.exp(logits_PPC) / np.exp(logits_PPC).sum(axis=2, keepdims=True))
    np.testing.assert_allclose(progress.log_softmax(logits_PPC), expected_PPC)
    np.testing.assert_allclose(progress.log_softmax(logits_PPC + 1e4), expected_PPC, rtol=1e-8)


def test_the_first_of_equal_logits_is_the_answer() -> None:
    labels_PP = np.array([[0, 1]])
    assert progress.accuracy(np.zeros((1, 2, 3)), labels_PP) == 0.5


def test_restricted_logits_are_the_constant_and_the_waves_by_both_definitions() -> None:
    logits_PPC, labels_PP, mask_PP = sample()
    kept_PPC = sum(literal_wave_parts(logits_PPC, key) for key in KEYS)
    expected_PPC = kept_PPC + (logits_PPC - kept_PPC).mean(axis=(0, 1))
    for definition in ("paper", "code"):
        found_PPC = progress.restricted_logits(logits_PPC, KEYS, definition)
        np.testing.assert_allclose(found_PPC, expected_PPC, atol=1e-12)
        loss = progress.restricted_loss(logits_PPC, labels_PP, KEYS, ~mask_PP, definition)
        assert loss == pytest.approx(literal_loss(expected_PPC, labels_PP, ~mask_PP), rel=1e-12)
        np.testing.assert_allclose(progress.restricted_logits(logits_PPC, [*KEYS, KEYS[0]], definition), found_PPC)
    everything = np.ones_like(mask_PP)
    assert progress.restricted_loss(logits_PPC, labels_PP, KEYS) == pytest.approx(
        literal_loss(expected_PPC, labels_PP, everything), rel=1e-12
    )


@pytest.mark.parametrize("p", [3, 10])
def test_definitions_agree_at_the_last_frequency_and_for_even_p(p: int) -> None:
    logits_PPC, _, _ = sample(p)
    np.testing.assert_allclose(
        progress.restricted_logits(logits_PPC, [p // 2], "paper"),
        progress.restricted_logits(logits_PPC, [p // 2], "code"),
        atol=1e-12,
    )


def test_excluded_losses_remove_the_waves_on_training_pairs() -> None:
    logits_PPC, labels_PP, mask_PP = sample()
    parts = [literal_wave_parts(logits_PPC, key) for key in KEYS]
    expected_all = literal_loss(logits_PPC - parts[0] - parts[1], labels_PP, mask_PP)
    assert progress.excluded_loss(logits_PPC, labels_PP, mask_PP, KEYS) == pytest.approx(expected_all, rel=1e-12)
    expected_each = [literal_loss(logits_PPC - part, labels_PP, mask_PP) for part in parts]
    found = progress.excluded_loss_per_key(logits_PPC, labels_PP, mask_PP, KEYS)
    np.testing.assert_allclose(found, expected_each, rtol=1e-12)
    full = literal_loss(logits_PPC, labels_PP, mask_PP)
    assert progress.excluded_loss(logits_PPC, labels_PP, mask_PP, []) == pytest.approx(full, rel=1e-12)


def test_logits_that_are_waves_in_the_sum_are_unchanged_by_restriction_and_destroyed_by_exclusion() -> None:
    residues = np.arange(P)
    offset_PPC = residues[:, None, None] + residues[:, None] - residues
    logits_PPC = np.sum([8 * np.cos(2 * np.pi * key * offset_PPC / P) for key in KEYS], axis=0)
    _, labels_PP, mask_PP = sample()
    np.testing.assert_allclose(progress.restricted_logits(logits_PPC, KEYS), logits_PPC, atol=1e-12)
    assert progress.excluded_loss(logits_PPC, labels_PP, mask_PP, KEYS) == pytest.approx(math.log(P))
    assert progress.accuracy(logits_PPC, labels_PP) == 1


def test_progress_measures_gathers_its_parts() -> None:
    logits_PPC, labels_PP, mask_PP = sample()
    generator = np.random.default_rng(9)
    params = {"x": generator.normal(size=(3, 2)), "y": np.array([2.0])}
    W_E_PD, W_L_HC = generator.normal(size=(P, 5)), generator.normal(size=(4, P))
    measures = progress.progress_measures(
        logits_PPC=logits_PPC,
        W_E_PD=W_E_PD,
        W_L_HC=W_L_HC,
        params=params,
        labels_PP=labels_PP,
        train_mask_PP=mask_PP,
        keys=KEYS,
    )
    assert measures.sum_of_squares == pytest.approx(sum(v**2 for v in params["x"].ravel()) + 4)
    assert measures.restricted.all_loss == pytest.approx(progress.restricted_loss(logits_PPC, labels_PP, KEYS))
    assert measures.excluded_loss == progress.excluded_loss(logits_PPC, labels_PP, mask_PP, KEYS)
    energy_K = [sum(np.abs(np.fft.fft(W_L_HC[h])[k]) ** 2 * 2 / P for h in range(4)) for k in (1, 2, 3)]
    np.testing.assert_allclose(measures.energy_W_L_K, energy_K)
    assert measures.key_share_W_L == pytest.approx((energy_K[0] + energy_K[2]) / sum(energy_K))
    for rows_PD, gini in ((W_E_PD, measures.gini_W_E), (W_L_HC.T, measures.gini_W_L)):
        norms_P = [np.linalg.norm(rows_PD.sum(axis=0)) / math.sqrt(P)]
        for k in (1, 2, 3):
            wave_D = np.exp(2j * np.pi * k * np.arange(P) / P) @ rows_PD * math.sqrt(2 / P)
            norms_P += [np.linalg.norm(wave_D.real), np.linalg.norm(wave_D.imag)]
        assert gini == progress.weight_gini(rows_PD)
        assert gini == pytest.approx(np.mean([[abs(x - y) for x in norms_P] for y in norms_P]) / (2 * np.mean(norms_P)))
    energy_K = [np.sum(np.abs(np.fft.fft(W_E_PD, axis=0)[k]) ** 2 * 2 / P) for k in (1, 2, 3)]
    np.testing.assert_allclose(measures.energy_W_E_K, energy_K)
    assert measures.key_share_W_E == pytest.approx((energy_K[0] + energy_K[2]) / sum(energy_K))
    assert measures.scores == progress.score(logits_PPC, labels_PP, mask_PP)
    per_key = progress.excluded_loss_per_key(logits_PPC, labels_PP, mask_PP, KEYS)
    np.testing.assert_array_equal(measures.excluded_loss_per_key, per_key)


def test_bad_arguments_are_named() -> None:
    logits_PPC, labels_PP, mask_PP = sample()
    with pytest.raises(ValueError, match="labels_PP must have the shape"):
        progress.score(logits_PPC, labels_PP[:3], mask_PP)
    with pytest.raises(ValueError, match="definition"):
        progress.restricted_logits(logits_PPC, KEYS, "blog")  # type: ignore[arg-type]
    assert progress.key_share(np.zeros(3), [1]) == 0
    assert progress.key_share(np.arange(1.0, 4.0), [3, 3]) == pytest.approx(0.5)
    with pytest.raises(ValueError, match=r"must lie in 1..3"):
        progress.key_share(np.ones(3), [4])
