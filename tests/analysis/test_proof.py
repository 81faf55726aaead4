"""The proof shows nothing that is not so: on random networks, on one where its allowance is the error, and on pure waves."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab.analysis import proof
from modaddlab.analysis.margin import waves
from modaddlab.analysis.proof import Proof, brute_operations, frequencies_of, loudest, prove

P = 7
ANSWER_PP = np.add.outer(np.arange(P), np.arange(P)) % P


def errors(found: Proof, logits_PPC: np.ndarray) -> np.ndarray:
    """By how much the lead of the right answer over each other differs from the ideal one, over what the proof allows."""
    off_PPC, right_PP1 = logits_PPC - found.ideal_PPC, ANSWER_PP[..., None]
    lead_PPC = np.take_along_axis(off_PPC, right_PP1, 2) - off_PPC
    allowed_PPC = np.take_along_axis(found.radius_PPC, right_PP1, 2) + found.radius_PPC
    return np.abs(lead_PPC) - allowed_PPC


@pytest.mark.parametrize("waves_in", [True, False])
@pytest.mark.parametrize("n", [0, 1, 3])
def test_of_random_networks_no_more_is_proven_than_is_so(n: int, waves_in: bool) -> None:
    rng, n_proven = np.random.default_rng(n), 0
    for size in (0.05, 0.2, 1.0):
        sharp_HC = waves(P, tables=1)[2]  # a network that adds, and noise
        neurons_PPH = np.abs(rng.standard_normal((P, P, len(sharp_HC)))) * size
        theta_HP = waves(P, tables=1)[0]
        neurons_PPH += (theta_HP.T[:, None] + theta_HP.T[None]) ** 2
        W_L_HC = sharp_HC + size * rng.standard_normal(sharp_HC.shape)
        direct_PPC = size * rng.standard_normal((P, P, P))
        logits_PPC = neurons_PPH @ W_L_HC + direct_PPC
        found = prove(
            neurons_PPH, W_L_HC, direct_PPC, frequencies=(1, 2, 3), kept_KH=loudest(W_L_HC, (1, 2, 3), n), waves_in=waves_in
        )
        assert errors(found, logits_PPC).max() < 1e-9
        assert not (found.proven_PP & (logits_PPC.argmax(axis=2) != ANSWER_PP)).any()
        n_proven += found.proven_PP.sum()
    assert n_proven > 0 or n == 0, "a proof that proves nothing cannot be wrong"


def test_of_a_single_neuron_the_allowance_is_the_error() -> None:
    rng = np.random.default_rng(0)
    neurons_PPH, W_L_HC = rng.standard_normal((P, P, 1)), rng.standard_normal((1, P))
    found = prove(neurons_PPH, W_L_HC, 0.0, frequencies=(1, 2), kept_KH=loudest(W_L_HC, (1, 2)))
    error_PPC = neurons_PPH @ W_L_HC - found.ideal_PPC
    assert np.abs(error_PPC - error_PPC.mean(axis=2, keepdims=True)) == pytest.approx(found.radius_PPC)


def test_of_pure_waves_nothing_is_left_and_all_is_proven() -> None:
    theta_HP, _, xi_HP = waves(P, tables=1)
    neurons_PPH = (theta_HP.T[:, None] + theta_HP.T[None]) ** 2
    found = prove(neurons_PPH, xi_HP, 0.0, frequencies=(1, 2, 3), kept_KH=loudest(xi_HP, (1, 2, 3)))
    assert (found.bound, found.left_in, found.left_out) == pytest.approx((1, 0, 0))
    wrong = prove(neurons_PPH, np.roll(xi_HP, 1, axis=1), 0.0, frequencies=(1, 2, 3), kept_KH=loudest(xi_HP, (1, 2, 3)))
    assert wrong.bound == 0


def test_its_frequencies_are_the_fewest_that_hold_the_energy_and_the_loudest_of_each_neuron_are_kept() -> None:
    turn_P = 2 * np.pi * np.arange(11) / 11
    W_L_HC = np.array([10 * np.cos(2 * turn_P), 10 * np.sin(5 * turn_P) + 3 * np.cos(2 * turn_P), np.cos(4 * turn_P)])
    assert frequencies_of(W_L_HC) == (2, 5)
    assert frequencies_of(W_L_HC, 0.999) == (2, 4, 5)
    assert loudest(W_L_HC, (2, 4, 5)).tolist() == [[True, False, False], [False, False, True], [False, True, False]]


def test_it_is_shorter_than_trying_all_pairs_where_there_are_many_neurons() -> None:
    rng = np.random.default_rng(0)
    neurons_PPH, W_L_HC = rng.standard_normal((P, P, 500)), rng.standard_normal((500, P))
    found = [prove(neurons_PPH, W_L_HC, 0.0, frequencies=(1,), kept_KH=loudest(W_L_HC, (1,), n)) for n in (0, 1)]
    assert found[1].operations - found[0].operations == 4 * P * P * 500
    assert proof.brute_operations(2 * P, 500) == 8 * brute_operations(P, 500)
