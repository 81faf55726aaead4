"""Ablations against literal definitions: loops over pairs and neurons, the network run again with a part missing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest

from modaddlab import ablation, fourier, neurons, progress
from modaddlab.analysis.ablation import Ablations
from modaddlab.analysis.controls import Ablation, Table
from modaddlab.models.closed_form import circle_transformer
from modaddlab.models.grid import run_grid
from modaddlab.models.registry import TransformerSpec
from modaddlab.models.transformer import TransformerGrid, forward
from modaddlab.tasks import all_pairs

P = 11
KEYS = (2, 5)
SMALL = TransformerSpec(d_model=12, n_heads=3, d_head=4, d_mlp=10)
A_P = np.arange(P)
LABELS = (A_P[:, None] + A_P) % P
TRAIN = np.random.default_rng(1).random((P, P)) < 0.4


def random_params(model: TransformerSpec = SMALL, seed: int = 2) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {name: value + 0.5 * generator.standard_normal(value.shape) for name, value in model.init_params(P, seed).items()}


@pytest.fixture(scope="module")
def grid() -> TransformerGrid:
    return run_grid(random_params(), SMALL, P)


@pytest.fixture(scope="module")
def circles() -> TransformerGrid:
    """The network written by hand on the frequencies 2 and 5, seven neurons each and four dead ones."""
    model = TransformerSpec(d_model=12, n_heads=3, d_head=4, d_mlp=18)
    return run_grid(circle_transformer(model, P, {2: 7, 5: 7}, scale=4.0), model, P)


def cut(grid: TransformerGrid, keys: tuple[int, ...] = KEYS, **options: object) -> Ablations:
    return Ablations(**{"grid": grid, "labels_PP": LABELS, "train_mask_PP": TRAIN, "keys": keys} | options)  # type: ignore[arg-type]


def literal(logits_PPC: np.ndarray) -> dict[str, float]:
    """Loss and accuracy on the test and on all pairs, pair by pair."""
    loss, hit = np.empty((P, P)), np.empty((P, P))
    for a, b in np.ndindex(P, P):
        exponentials = np.exp(logits_PPC[a, b] - logits_PPC[a, b].max())
        loss[a, b] = -np.log(exponentials[LABELS[a, b]] / exponentials.sum())
        hit[a, b] = np.argmax(logits_PPC[a, b]) == LABELS[a, b]
    return {
        "train_loss": float(loss[TRAIN].mean()),
        "test_loss": float(loss[~TRAIN].mean()),
        "all_loss": float(loss.mean()),
        "test_accuracy": float(hit[~TRAIN].mean()),
        "all_accuracy": float(hit.mean()),
    }


def check(row: Ablation, logits_PPC: np.ndarray) -> None:
    for name, value in literal(logits_PPC).items():
        assert getattr(row.scores, name) == pytest.approx(value, rel=1e-7, abs=1e-12), (row.label, name)


def only(rows: tuple[Ablation, ...], kind: str, key: int | None = None) -> Ablation:
    (row,) = [row for row in rows if row.kind == kind and row.key == key]
    return row


def run(params: Mapping[str, np.ndarray], model: TransformerSpec = SMALL) -> np.ndarray:
    """The logits by the plain forward pass over all positions."""
    tokens = np.concatenate([all_pairs(P), np.full((P * P, 1), P)], axis=1)
    return forward(params, tokens, model)[:, :P].reshape(P, P, P)


def waves(frequencies: tuple[int, ...], terms: str) -> np.ndarray:
    """The terms of some frequencies as the columns of a design matrix over all pairs."""
    columns = []
    for k in frequencies:
        one, cos, sin = np.ones(P), np.cos(2 * np.pi * k * A_P / P), np.sin(2 * np.pi * k * A_P / P)
        if terms == "sum":
            angle_PP = 2 * np.pi * k * (A_P[:, None] + A_P) / P
            columns += [np.cos(angle_PP), np.sin(angle_PP)]
        else:
            factors = (cos, sin) if terms == "products" else (one, cos, sin)
            columns += [np.outer(x, y) for x in factors for y in factors if x is not one or y is not one]
    return np.array(columns).reshape(len(columns), P * P).T


def fitted(x_PPM: np.ndarray, frequencies: tuple[int, ...], terms: str) -> np.ndarray:
    """The part of functions of (a, b) along these terms, by least squares."""
    design, flat = waves(frequencies, terms), x_PPM.reshape(P * P, -1)
    return (design @ np.linalg.lstsq(design, flat - flat.mean(axis=0), rcond=None)[0]).reshape(x_PPM.shape)


def hidden_mean(grid: TransformerGrid) -> np.ndarray:
    return grid.neurons_PPH.mean(axis=(0, 1))


# Frequencies


@pytest.mark.parametrize("terms", ["sum", "products", "polynomial"])
def test_frequencies_at_the_logits(grid: TransformerGrid, terms: fourier.Terms) -> None:
    rows = cut(grid, n_draws=0).frequencies(terms=terms)
    assert [(row.kind, row.key) for row in rows] == [("removed", 2), ("removed", 5), ("all removed", None), ("only kept", None)]
    logits = grid.logits_PPC
    for key in KEYS:
        check(only(rows, "removed", key), logits - fitted(logits, (key,), terms))
    check(only(rows, "all removed"), logits - fitted(logits, KEYS, terms))
    check(only(rows, "only kept"), logits.mean(axis=(0, 1)) + fitted(logits, KEYS, terms))
    assert all(row.control is None for row in rows)


def test_frequencies_at_the_logits_are_the_restricted_and_excluded_losses(grid: TransformerGrid) -> None:
    rows = cut(grid, n_draws=0).frequencies()
    restricted = progress.restricted_loss(grid.logits_PPC, LABELS, KEYS, ~TRAIN)
    excluded = progress.excluded_loss_per_key(grid.logits_PPC, LABELS, TRAIN, KEYS)
    assert only(rows, "only kept").scores.test_loss == pytest.approx(restricted)
    assert [only(rows, "removed", key).scores.train_loss for key in KEYS] == pytest.approx(excluded.tolist())


@pytest.mark.parametrize("terms", ["sum", "products", "polynomial"])
def test_frequencies_at_the_neurons_are_projections_of_every_neuron(grid: TransformerGrid, terms: fourier.Terms) -> None:
    rows = cut(grid, n_draws=0).frequencies(at="neurons", terms=terms)
    hidden = grid.neurons_PPH
    for key in KEYS:
        check(only(rows, "removed", key), grid.logits_from(hidden - fitted(hidden, (key,), terms)))
    check(only(rows, "all removed"), grid.logits_from(hidden - fitted(hidden, KEYS, terms)))
    check(only(rows, "only kept"), grid.logits_from(hidden.mean(axis=(0, 1)) + fitted(hidden, KEYS, terms)))


def embedding_without(params: Mapping[str, np.ndarray], frequencies: tuple[int, ...]) -> dict[str, np.ndarray]:
    """The embedding with the parts of these frequencies subtracted, residue by residue; '=' is untouched."""
    W_E = params["embed.W_E"].copy()
    for k in frequencies:
        for wave in (np.cos(2 * np.pi * k * A_P / P), np.sin(2 * np.pi * k * A_P / P)):
            W_E[:P] -= np.outer(wave, wave @ params["embed.W_E"][:P]) / (wave @ wave)
    return {**params, "embed.W_E": W_E}


def test_frequencies_at_the_embedding_run_the_network_again(grid: TransformerGrid) -> None:
    params = grid.params
    rows = cut(grid, n_draws=0).embedding()
    for key in KEYS:
        check(only(rows, "removed", key), run(embedding_without(params, (key,))))
    check(only(rows, "all removed"), run(embedding_without(params, KEYS)))
    check(only(rows, "only kept"), run(embedding_without(params, (1, 3, 4))))
    np.testing.assert_array_equal(grid.params["embed.W_E"], random_params()["embed.W_E"])  # nothing was written into


def test_the_strongest_frequencies_of_the_embedding(grid: TransformerGrid) -> None:
    energy = {k: np.sum(np.abs(np.exp(2j * np.pi * k * A_P / P) @ grid.W_E_PD) ** 2) for k in range(1, 6)}
    top = tuple(sorted(energy, key=lambda k: -energy[k])[:2])
    row = cut(grid, n_draws=3).top_frequencies(2)
    check(row, run(embedding_without(grid.params, top)))
    assert row.kind == "top removed"
    assert row.control
    others = [k for k in energy if k not in top]
    possible = [literal(run(embedding_without(grid.params, (i, j))))["all_loss"] for i in others for j in others if i < j]
    for draw in row.control.draws:
        assert min(abs(draw.all_loss - value) for value in possible) < 1e-9


@pytest.mark.parametrize("where", ["logits", "neurons", "embedding"])
def test_the_controls_are_other_frequencies_of_the_same_number(grid: TransformerGrid, where: str) -> None:
    if where == "embedding":
        rows = cut(grid, n_draws=6, seed=4).embedding()

        def lost(frequencies: tuple[int, ...]) -> np.ndarray:
            return run(embedding_without(grid.params, frequencies))

        def kept(frequencies: tuple[int, ...]) -> np.ndarray:
            return lost(tuple(k for k in range(1, 6) if k not in frequencies))
    else:
        rows = cut(grid, n_draws=6, seed=4).frequencies(at=where)  # type: ignore[arg-type]
        x = grid.logits_PPC if where == "logits" else grid.neurons_PPH

        def made(x: np.ndarray) -> np.ndarray:
            return x if where == "logits" else grid.logits_from(x)

        def lost(frequencies: tuple[int, ...]) -> np.ndarray:
            return made(x - fitted(x, frequencies, "sum"))

        def kept(frequencies: tuple[int, ...]) -> np.ndarray:
            return made(x.mean(axis=(0, 1)) + fitted(x, frequencies, "sum"))

    singles, pairs = [(1,), (3,), (4,)], [(1, 3), (1, 4), (3, 4)]
    for kind, key, choices, ablate in (
        ("removed", 2, singles, lost),
        ("removed", 5, singles, lost),
        ("all removed", None, pairs, lost),
        ("only kept", None, pairs, kept),
    ):
        control = only(rows, kind, key).control
        assert control
        assert len(control.draws) == 6
        possible = [literal(ablate(choice))["test_loss"] for choice in choices]
        distances = [[abs(draw.test_loss - value) for value in possible] for draw in control.draws]
        assert max(min(row) for row in distances) < 1e-9, kind
        assert len({int(np.argmin(row)) for row in distances}) > 1, "every draw was the same"


def test_without_as_many_other_frequencies_there_is_no_control(grid: TransformerGrid) -> None:
    rows = cut(grid, keys=(1, 2, 3), n_draws=2).frequencies()
    assert only(rows, "removed", 1).control
    assert only(rows, "all removed").control is None
    assert only(rows, "only kept").control is None


def test_half_the_modulus_is_no_control() -> None:
    p = 10
    model = dataclasses.replace(SMALL)
    grid = run_grid(model.init_params(p, 0), model, p)
    labels = np.add.outer(np.arange(p), np.arange(p)) % p
    rows = cut(grid, keys=(1, 2, 3), labels_PP=labels, train_mask_PP=labels < 4, n_draws=8).frequencies()
    (single,) = {draw.all_loss for draw in only(rows, "removed", 1).control.draws}  # type: ignore[union-attr]
    expected = progress.mean_loss(grid.logits_PPC - fourier.project(grid.logits_PPC, [4]), labels)
    assert single == pytest.approx(expected)


def test_without_keys_nothing_is_removed_and_the_mean_is_kept(grid: TransformerGrid) -> None:
    for terms in ("sum", "products", "polynomial"):
        rows = cut(grid, keys=(), n_draws=2).frequencies(terms=terms)
        assert [row.kind for row in rows] == ["all removed", "only kept"]
        check(rows[0], grid.logits_PPC)
        check(rows[1], np.broadcast_to(grid.logits_PPC.mean(axis=(0, 1)), (P, P, P)))
    assert len(cut(grid, keys=(), n_draws=1).directions()) == 3
    rows = cut(grid, keys=(), n_draws=1).neurons()
    assert [row.kind for row in rows] == ["polynomials", "explained removed", "explained zeroed", "unexplained removed"]
    assert [row.control for row in rows] == [None] * 4  # none and all of the neurons leave nothing to chance
    check(rows[1], grid.logits_PPC)
    check(rows[3], grid.logits_from(np.broadcast_to(hidden_mean(grid), (P, P, 10))))


# Neurons


def test_neurons_are_removed_one_by_one(grid: TransformerGrid) -> None:
    fits = neurons.fit_neurons(grid.neurons_PPH, KEYS)
    threshold = float(np.median(fits.fve_H))
    explained = [h for h in range(10) if fits.fve_H[h] > threshold]
    rows = cut(grid, n_draws=0).neurons(threshold=threshold)

    def without(members: list[int], to_mean: bool = True) -> np.ndarray:
        changed = grid.neurons_PPH.copy()
        for h in members:
            changed[:, :, h] = changed[:, :, h].mean() if to_mean else 0
        return grid.logits_from(changed)

    replaced = grid.neurons_PPH.copy()
    for h in explained:
        key = int(fits.frequency_H[h])
        replaced[:, :, h] = replaced[:, :, h].mean() + fitted(replaced[:, :, [h]], (key,), "polynomial")[:, :, 0]
    check(only(rows, "polynomials"), grid.logits_from(replaced))
    check(only(rows, "explained removed"), without(explained))
    check(only(rows, "explained zeroed"), without(explained, to_mean=False))
    check(only(rows, "unexplained removed"), without([h for h in range(10) if h not in explained]))
    by_key = {key: [h for h in explained if fits.frequency_H[h] == key] for key in KEYS}
    found = [row for row in rows if row.kind == "cluster removed"]
    assert {row.key for row in found} == {key for key, members in by_key.items() if members}
    for row in found:
        assert row.key
        check(row, without(by_key[row.key]))
        assert row.label.startswith(f"{len(by_key[row.key])} neurons of frequency {row.key}")


def test_the_controls_of_neurons_are_as_many_others_at_random(grid: TransformerGrid) -> None:
    fits = neurons.fit_neurons(grid.neurons_PPH, KEYS)
    threshold = float(np.sort(fits.fve_H)[-3])  # two are explained
    rows = cut(grid, n_draws=8).neurons(threshold=threshold)
    mean_H = grid.neurons_PPH.mean(axis=(0, 1))
    possible = []
    for members in ((g, h) for g in range(10) for h in range(g)):
        changed = grid.neurons_PPH.copy()
        changed[:, :, members] = mean_H[list(members)]
        possible.append(literal(grid.logits_from(changed))["all_loss"])
    control = only(rows, "explained removed").control
    assert control
    distances = [[abs(draw.all_loss - value) for value in possible] for draw in control.draws]
    assert max(min(row) for row in distances) < 1e-9
    assert len({int(np.argmin(row)) for row in distances}) > 3
    zeroed = only(rows, "explained zeroed").control
    assert zeroed
    assert all(draw != other for draw, other in zip(zeroed.draws, control.draws, strict=True))

    explained = neurons.explained_neurons(fits, threshold)
    others = []
    for i, j in np.ndindex(5, 5):
        if fits.frequency_H[explained[0]] != i + 1 and fits.frequency_H[explained[1]] != j + 1:
            changed = grid.neurons_PPH.copy()
            for h, key in zip(explained, (i + 1, j + 1), strict=True):
                changed[:, :, h] = mean_H[h] + fitted(changed[:, :, [h]], (key,), "polynomial")[:, :, 0]
            others.append(literal(grid.logits_from(changed))["all_loss"])
    control = only(rows, "polynomials").control
    assert control
    assert len(others) == 16
    distances = [[abs(draw.all_loss - value) for value in others] for draw in control.draws]
    assert max(min(row) for row in distances) < 1e-9
    assert len({int(np.argmin(row)) for row in distances}) > 3


# Directions


def test_directions_are_projections_of_every_activation_vector(grid: TransformerGrid) -> None:
    rows = cut(grid, n_draws=0).directions()

    def directions(key: int) -> np.ndarray:
        angle_P = 2 * np.pi * key * A_P / P
        return np.stack([grid.W_L_HC @ np.cos(angle_P), grid.W_L_HC @ np.sin(angle_P)])

    def on(keys: tuple[int, ...]) -> np.ndarray:
        design_HR = np.concatenate([directions(key) for key in keys]).T
        flat_BH = grid.neurons_PPH.reshape(-1, 10)
        return (design_HR @ np.linalg.lstsq(design_HR, flat_BH.T, rcond=None)[0]).T.reshape(grid.neurons_PPH.shape)

    check(only(rows, "only kept"), grid.logits_from(on(KEYS)))
    check(only(rows, "all removed"), grid.logits_from(grid.neurons_PPH - on(KEYS)))
    waves_only = on(KEYS).mean(axis=(0, 1)) + fitted(on(KEYS), KEYS, "sum")
    check(only(rows, "only waves"), grid.logits_from(waves_only))
    for key in KEYS:
        check(only(rows, "removed", key), grid.logits_from(grid.neurons_PPH - on((key,))))


@pytest.mark.parametrize(("keys", "n_neurons"), [((2, 5), 4), ((5,), 2)])
def test_as_many_random_directions_as_neurons_are_the_whole_space(keys: tuple[int, ...], n_neurons: int) -> None:
    """Then nothing is left to chance, whatever the rotation, and the number of directions is seen to be right."""
    model = dataclasses.replace(SMALL, d_mlp=n_neurons)
    small = run_grid(random_params(model), model, P)
    rows = cut(small, keys=keys, n_draws=3).directions()
    expected = {"only kept": small.logits_PPC, "all removed": small.logits_from(0 * small.neurons_PPH)}
    if len(keys) == 1:
        expected["removed"] = expected["all removed"]
    for kind, logits in expected.items():
        control = only(rows, kind, keys[0] if kind == "removed" else None).control
        assert control
        for draw in control.draws:
            assert draw.all_loss == pytest.approx(literal(logits)["all_loss"])


def test_the_controls_of_directions_are_random(grid: TransformerGrid) -> None:
    rows = cut(grid, n_draws=4).directions()
    for row in rows:
        assert row.control
        assert len({draw.all_loss for draw in row.control.draws}) > 1, row.label
    directions = np.linalg.qr(
        np.concatenate([grid.W_L_HC @ f(2 * np.pi * np.outer(A_P, KEYS) / P) for f in (np.cos, np.sin)], 1)
    )[0]
    on = grid.neurons_PPH @ directions @ directions.T
    others = [
        literal(grid.logits_from(on.mean(axis=(0, 1)) + fitted(on, pair, "sum")))["all_loss"] for pair in ((1, 3), (1, 4), (3, 4))
    ]
    control = only(rows, "only waves").control
    assert control
    for draw in control.draws:
        assert min(abs(draw.all_loss - value) for value in others) < 1e-9


# Paths


@pytest.mark.parametrize("biases", [True, False])
def test_paths_cut_to_zero_are_the_network_without_their_weights(biases: bool) -> None:
    model = dataclasses.replace(SMALL, mlp_biases=biases)
    params = random_params(model)
    grid = run_grid(params, model, P)
    rows = cut(grid, n_draws=0).paths()
    assert [row.kind for row in rows] == ["skip", "head", "head", "head", "heads", "mlp"]

    def headless(heads: list[int]) -> np.ndarray:
        W_O = params["blocks.0.attn.W_O"].copy()
        W_O[heads] = 0
        return run({**params, "blocks.0.attn.W_O": W_O}, model)

    for head, row in enumerate(rows[1:4]):
        assert f"head {head}" in row.label
        check(row, headless([head]))
    check(only(rows, "heads"), headless([0, 1, 2]))
    mute = {name: 0 * value if name.endswith(("W_out", "b_out")) else value for name, value in params.items()}
    check(only(rows, "mlp"), run(mute, model))
    direct = run(mute, model) - run({**mute, "unembed.W_U": 0 * params["unembed.W_U"]}, model)
    check(only(rows, "skip"), run(params, model) - direct)


def test_paths_cut_to_their_mean(grid: TransformerGrid) -> None:
    rows = cut(grid, n_draws=0).paths(baseline="mean")
    resid = grid.resid_mid_PPD

    def mean(x: np.ndarray) -> np.ndarray:
        return np.broadcast_to(x.mean(axis=(0, 1)), x.shape)

    check(rows[0], grid.logits_from(resid_mid_PPD=mean(resid)))
    for head in range(3):
        part = grid.heads_PPnD[:, :, head]
        check(rows[1 + head], grid.logits_from(grid.neurons_from(resid - part + mean(part)), resid - part + mean(part)))
    check(only(rows, "heads"), grid.logits_from(grid.neurons_from(mean(resid)), mean(resid)))
    check(only(rows, "mlp"), grid.logits_from(neurons_PPH=mean(grid.neurons_PPH)))


def test_the_control_of_a_path_takes_as_much_away_at_every_pair(grid: TransformerGrid, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a control subtracts, seen by the unembedding: for W_U = 1 it is the turned part itself."""
    changed = dataclasses.replace(grid, params={**grid.params, "unembed.W_U": np.eye(12)[:, :P]})
    seen: list[np.ndarray] = []

    def keep(self: Table, logits_PPC: np.ndarray) -> progress.Scores:
        seen.append(grid.logits_PPC - logits_PPC)
        return progress.score(logits_PPC, self.labels_PP, self.train_mask_PP)

    monkeypatch.setattr(Table, "score", keep)
    cut(changed, n_draws=3).paths()
    turned, plain = seen[:3], seen[3]  # of the skip connection, whose controls come first
    np.testing.assert_allclose(plain, grid.resid_mid_PPD[:, :, :P], atol=1e-12)
    for lost in turned:
        # all but the twelfth coordinate of a vector of the same length
        assert np.all(np.linalg.norm(lost, axis=2) <= np.linalg.norm(grid.resid_mid_PPD, axis=2) + 1e-9)
        gram, expected = lost.reshape(-1, P), grid.resid_mid_PPD.reshape(-1, 12)
        rotation, *_ = np.linalg.lstsq(expected, gram, rcond=None)
        np.testing.assert_allclose(expected @ rotation, gram, atol=1e-9)
        np.testing.assert_allclose(rotation.T @ rotation, np.eye(P), atol=1e-9)
    assert not np.allclose(turned[0], turned[1])


# Rows and controls


def test_what_the_circle_network_depends_on(circles: TransformerGrid) -> None:
    rows = cut(circles, n_draws=4).frequencies()
    full = progress.score(circles.logits_PPC, LABELS, TRAIN)
    assert full.all_accuracy == 1
    assert only(rows, "all removed").scores.all_loss > 2
    assert only(rows, "only kept").scores.all_accuracy == 1
    paths = cut(circles, n_draws=0).paths()
    assert only(paths, "skip").scores.all_loss == pytest.approx(full.all_loss)  # the residual stream is not read
    assert only(paths, "mlp").scores.all_loss == pytest.approx(np.log(P))
    assert only(paths, "heads").scores.all_loss == pytest.approx(np.log(P))
    on = cut(circles, n_draws=0).directions()
    assert only(on, "only kept").scores.all_loss == pytest.approx(full.all_loss)
    assert only(on, "all removed").scores.all_loss == pytest.approx(np.log(P))
    top = cut(circles).top_frequencies(2)
    assert full.all_accuracy - top.scores.all_accuracy > ablation.TOP_FREQUENCIES_DROP


@pytest.mark.parametrize("table", ["neurons", "directions", "frequencies", "embedding", "paths"])
def test_a_seed_gives_the_same_controls_again(grid: TransformerGrid, table: str) -> None:
    fits = neurons.fit_neurons(grid.neurons_PPH, KEYS)
    some = {"threshold": float(np.median(fits.fve_H))} if table == "neurons" else {}
    first, again, other = (getattr(cut(grid, n_draws=3, seed=seed), table)(**some) for seed in (0, 0, 7))
    assert first == again
    assert first != other


def test_without_a_test_pair_only_the_other_scores_are_numbers(grid: TransformerGrid) -> None:
    rows = cut(grid, train_mask_PP=np.ones((P, P), dtype=bool), n_draws=2).frequencies()
    control = rows[0].control
    assert control is not None
    assert np.isnan([rows[0].scores.test_loss, control.summary("test_loss").mean]).all()
    assert np.isfinite([rows[0].scores.all_loss, control.summary("all_loss").mean]).all()


def test_what_cannot_be_ablated_is_refused() -> None:
    model = dataclasses.replace(SMALL, layer_norm=True)
    network = cut(run_grid(model.init_params(P, 0), model, P))
    for table in (network.neurons, network.directions, network.paths):
        with pytest.raises(ValueError, match="LayerNorm"):
            table()
    with pytest.raises(ValueError, match="LayerNorm"):
        network.frequencies(at="neurons")
    with pytest.raises(ValueError, match="at \\(='attention'\\)"):
        network.frequencies(at="attention")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="frequency \\(=6\\)"):
        cut(network.grid, keys=(6,))
    with pytest.raises(ValueError, match="n_draws \\(=-1\\)"):
        cut(network.grid, n_draws=-1)
