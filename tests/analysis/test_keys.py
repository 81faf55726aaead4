"""Key frequencies by the three rules, on networks whose keys are known and by loops."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import keys, spectra
from modaddlab.models.closed_form import circle_transformer
from modaddlab.models.grid import Grid, run_grid
from modaddlab.models.registry import TransformerSpec


def network(p: int, counts: dict[int, int]) -> Grid:
    model = TransformerSpec(d_model=24, n_heads=3, d_head=8, d_mlp=sum(counts.values()) + 3)
    return run_grid(circle_transformer(model, p, counts), model, p)


@pytest.mark.parametrize("counts", [{3: 5, 10: 7}, {1: 5, 4: 3, 11: 9, 14: 5}])
def test_all_rules_find_the_keys_of_the_network_written_by_hand(counts: dict[int, int]) -> None:
    grid = network(31, counts)
    found = keys.compare_rules(grid.W_E_PD, grid.W_L_HC, grid.neurons_PPH)
    assert found.agreed == found.majority == tuple(counts)
    assert found.disputed == ()
    assert [rule.rule for rule in found.rules] == ["embedding", "neuron-logit", "neurons"]
    for key in counts:
        assert found.found_by(key) == ("embedding", "neuron-logit", "neurons")
    assert found.found_by(2) == ()
    votes_K = found.rules[2].score_K
    assert {int(k) + 1: int(votes_K[k]) for k in np.flatnonzero(votes_K)} == counts  # the three dead neurons do not vote


def test_scores_are_the_norms_per_frequency() -> None:
    generator = np.random.default_rng(0)
    W_E_PD, W_L_HC = generator.standard_normal((10, 4)), generator.standard_normal((5, 10))
    for found, x_PD in ((keys.embedding_keys(W_E_PD), W_E_PD), (keys.neuron_logit_keys(W_L_HC), W_L_HC.T)):
        for k in range(1, 6):
            norm = np.linalg.norm(np.exp(2j * np.pi * k * np.arange(10) / 10) @ x_PD)
            assert found.score_K[k - 1] == pytest.approx(norm * np.sqrt((1 if k == 5 else 2) / 10))
        assert found.gap
        assert set(found.frequencies) == {k for k in range(1, 6) if found.score_K[k - 1] > found.gap.threshold}


@pytest.mark.parametrize(("p", "counts"), [(11, {2: 5, 5: 7}), (10, {3: 5, 5: 7}), (12, {6: 5})])
def test_the_last_frequency_is_a_key_like_the_others(p: int, counts: dict[int, int]) -> None:
    grid = network(p, counts)
    found = keys.compare_rules(grid.W_E_PD, grid.W_L_HC, grid.neurons_PPH)
    assert found.agreed == found.majority == tuple(counts)
    assert found.disputed == ()
    assert [rule.score_K.shape for rule in found.rules] == [(p // 2,)] * 3
    assert found.rules[2].score_K[p // 2 - 1] == counts[p // 2]


def test_the_released_loop_makes_a_key_of_the_overtone_of_the_frequency_that_it_leaves_out() -> None:
    p, counts = 23, {3: 5, 11: 7}
    grid = network(p, counts)
    angle_P = 2 * np.pi * np.arange(p) / p
    W_E_PD = np.column_stack([grid.W_E_PD, np.cos(angle_P), np.sin(angle_P)])  # as trained networks have it: the overtone too
    found = keys.compare_rules(W_E_PD, grid.W_L_HC, grid.neurons_PPH)
    assert found.released.frequencies == (1, 3)
    assert found.released.score_K.sum() == found.rules[2].score_K.sum() == 12
    assert found.rules[0].frequencies == (1, 3, 11)
    assert found.majority == found.agreed == (3, 11)
    assert found.disputed == (1,)
    assert found.found_by(1) == ("embedding",)


def literal_majority(W_E_PD: np.ndarray, W_L_HC: np.ndarray, neurons_PPH: np.ndarray) -> tuple[int, ...]:
    """The definition, word by word: every frequency, every product, sums over loops."""
    p, n_neurons = len(W_E_PD), neurons_PPH.shape[2]
    frequencies = range(1, p // 2 + 1)

    def waves(k: int) -> list[np.ndarray]:
        angle_P = 2 * np.pi * k * np.arange(p) / p
        found = [np.cos(angle_P)] + ([np.sin(angle_P)] if 2 * k != p else [])
        return [wave_P / np.linalg.norm(wave_P) for wave_P in found]

    def above_gap(x_PD: np.ndarray) -> set[int]:
        norms = {k: np.sqrt(sum(np.sum((wave_P @ x_PD) ** 2) for wave_P in waves(k))) for k in frequencies}
        threshold = spectra.largest_gap(np.array([norms[k] for k in frequencies])).threshold
        return {k for k in frequencies if norms[k] > threshold}

    voted = set()
    for h in range(n_neurons):
        centred_PP = neurons_PPH[..., h] - neurons_PPH[..., h].mean()
        if not np.sum(centred_PP**2) > 1e-12 * np.sum(neurons_PPH[..., h] ** 2):
            continue
        energies = []
        for k in frequencies:
            factors = [np.full(p, p**-0.5), *waves(k)]
            energies.append(sum((x_P @ centred_PP @ y_P) ** 2 for x_P in factors for y_P in factors))
        voted.add(1 + int(np.argmax(energies)))
    sets = [above_gap(W_E_PD), above_gap(W_L_HC.T), voted]
    return tuple(k for k in frequencies if sum(k in found for found in sets) >= 2)


@pytest.mark.parametrize(("p", "counts"), [(11, {5: 5}), (10, {2: 3, 5: 5}), (8, {4: 3}), (13, {1: 5, 6: 7})])
@pytest.mark.parametrize("noise", [0.0, 0.02, 0.3])
def test_the_majority_is_the_literal_definition(p: int, counts: dict[int, int], noise: float) -> None:
    grid, draws = network(p, counts), np.random.default_rng(p)
    arrays = [x + noise * draws.standard_normal(x.shape) for x in (grid.W_E_PD, grid.W_L_HC, grid.neurons_PPH)]
    assert keys.compare_rules(*arrays).majority == literal_majority(*arrays)


def test_neurons_vote_for_the_block_with_most_energy() -> None:
    p = 7
    x_PPH = np.random.default_rng(1).standard_normal((p, p, 8)) + 4
    votes = {1: 0, 2: 0, 3: 0}
    for h in range(8):
        energy = {}
        for k in votes:
            angle_P = 2 * np.pi * k * np.arange(p) / p
            rows = [np.ones(p) / np.sqrt(p), np.cos(angle_P) / np.sqrt(p / 2), np.sin(angle_P) / np.sqrt(p / 2)]
            centred_PP = x_PPH[..., h] - x_PPH[..., h].mean()
            energy[k] = sum((x @ centred_PP @ y) ** 2 for x in rows for y in rows)
        votes[max(energy, key=lambda k: energy[k])] += 1
    found = keys.compare_rules(np.ones((p, 3)), np.ones((8, p)), x_PPH).rules[2]
    assert dict(enumerate(found.score_K.tolist(), start=1)) == votes
    assert found.frequencies == tuple(k for k, n in votes.items() if n)
    assert found.gap is None


def test_rules_that_disagree() -> None:
    p = 31
    first, second = network(p, {3: 5, 10: 7}), network(p, {3: 5, 12: 7})
    found = keys.compare_rules(first.W_E_PD, second.W_L_HC, first.neurons_PPH)
    assert (found.agreed, found.majority, found.disputed) == ((3,), (3, 10), (10, 12))
    assert found.found_by(12) == ("neuron-logit",)
    assert found.found_by(10) == ("embedding", "neurons")


def test_an_untrained_network_has_no_key_in_its_weights() -> None:
    model = TransformerSpec(d_model=32, n_heads=4, d_head=8, d_mlp=64)
    grid = run_grid(model.init_params(31, 0), model, 31)
    found = keys.compare_rules(grid.W_E_PD, grid.W_L_HC, grid.neurons_PPH)
    assert found.rules[0].frequencies == found.rules[1].frequencies == ()
    assert len(found.rules[2].frequencies) > 10  # every neuron votes, whatever it explains
    assert found.majority == ()


@pytest.mark.parametrize("p", [2, 3])
def test_moduli_too_small_for_the_released_range(p: int) -> None:
    neurons_PPH = np.random.default_rng(0).standard_normal((p, p, 4))
    found = keys.compare_rules(np.ones((p, 3)), np.ones((4, p)), neurons_PPH)
    assert (found.released.frequencies, found.rules[2].frequencies) == ((), (1,))


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="W_L_HC"):
        keys.compare_rules(np.ones((7, 3)), np.ones((4, 8)), np.ones((7, 7, 4)))
