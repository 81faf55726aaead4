"""Key frequencies by the three rules, on networks whose keys are known and by loops."""

from __future__ import annotations

import numpy as np
import pytest

from modaddlab import keys
from modaddlab.experiments.spec import TransformerSpec
from modaddlab.models.closed_form import circle_transformer
from modaddlab.models.grid import Grid, run_grid
from modaddlab.models.transformer import init_params


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


def test_the_published_range_never_tests_the_last_frequency() -> None:
    grid = network(11, {2: 5, 5: 7})
    published = keys.neuron_keys(grid.neurons_PPH)
    assert 5 not in published.frequencies
    assert published.score_K[4] == 0
    assert published.score_K.sum() == 12  # its neurons vote for the next best
    assert keys.neuron_keys(grid.neurons_PPH, published_range=False).frequencies == (2, 5)
    for given, expected in ((True, ("embedding", "neuron-logit")), (False, ("embedding", "neuron-logit", "neurons"))):
        found = keys.compare_rules(grid.W_E_PD, grid.W_L_HC, grid.neurons_PPH, published_range=given)
        assert found.found_by(5) == expected
        assert found.majority[:1] == (2,)
        assert 5 in found.majority
        assert (5 in found.disputed) is given


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
    found = keys.neuron_keys(x_PPH, published_range=False)
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
    grid = run_grid(init_params(model, 31, 0), model, 31)
    found = keys.compare_rules(grid.W_E_PD, grid.W_L_HC, grid.neurons_PPH)
    assert found.rules[0].frequencies == found.rules[1].frequencies == ()
    assert len(found.rules[2].frequencies) > 10  # every neuron votes, whatever it explains
    assert found.majority == ()


@pytest.mark.parametrize("p", [2, 3])
def test_moduli_too_small_for_the_published_range(p: int) -> None:
    found = keys.neuron_keys(np.random.default_rng(0).standard_normal((p, p, 4)))
    assert found.frequencies == ()
    assert keys.neuron_keys(np.random.default_rng(0).standard_normal((p, p, 4)), published_range=False).frequencies == (1,)


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="W_L_HC"):
        keys.compare_rules(np.ones((7, 3)), np.ones((4, 8)), np.ones((7, 7, 4)))
