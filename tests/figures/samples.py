"""Arrays that look like those of a network that grokked, written down in closed form, and a call for every figure function."""

from __future__ import annotations

from typing import Any

import motion_samples
import neuron_samples
import numpy as np
import samples_by_hand
from samples_logits import ablated

from modaddlab import attention, figures
from modaddlab.models.registry import KINDS


def basis(p: int) -> np.ndarray:
    """(P, P) real orthonormal Fourier basis mod an odd p, a component per row: constant, cos 1, sin 1, ..."""
    residue = np.arange(p)
    rows = [np.full(p, 1 / np.sqrt(p))]
    for k in range(1, p // 2 + 1):
        rows += [f(2 * np.pi * k * residue / p) * np.sqrt(2 / p) for f in (np.cos, np.sin)]
    return np.array(rows)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def metrics(p: int, learns: bool = True, last: int = 40_000) -> dict[str, np.ndarray]:
    """A record's metrics: memorizes near step 150, generalizes near step 9,000 if it learns."""
    rng = np.random.default_rng(p)
    step = np.unique(np.concatenate([np.arange(0, 200, 10), np.arange(200, last + 1, max(last // 400, 1))]))
    jump = sigmoid((step - 0.225 * last) / (0.03 * last)) if learns else np.zeros(len(step))
    early = sigmoid((step - 150) / 40)
    noise = np.exp(0.15 * rng.normal(size=len(step)))
    decay = np.log(p)
    out = {
        "step": step,
        "train_loss": np.exp(np.log(decay) * (1 - early) - early * (9 + 6 * jump)) * noise,
        "test_loss": np.exp(np.log(decay + 18 * early) * (1 - jump) - 14 * jump) * noise,
        "train_accuracy": np.clip(1 / p + early, 0, 1),
        "test_accuracy": np.clip(1 / p + jump * (1 - 1 / p), 0, 1),
        "gini_W_E": 0.2 + 0.5 * jump + 0.1 * early,
        "gini_W_L": 0.25 + 0.6 * jump,
    }
    sizes = {"embed.W_E": 10, "pos_embed.W_pos": 3, "attn.W_Q": 7, "attn.W_K": 7.5, "attn.W_V": 8, "attn.W_O": 9}
    sizes |= {"mlp.W_in": 17, "mlp.W_out": 19, "mlp.b_in": 1}
    for name, size in sizes.items():
        prefix = "" if "embed" in name else "blocks.0."
        out[f"norm/{prefix}{name}"] = size * (1 + 0.5 * early - 0.8 * jump)
    out["norm/unembed.W_U"] = 13 * (1 + 0.3 * early - 0.5 * jump)
    return out


def calls(p: int = 113) -> dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]]:
    """figure name -> (function, arguments, keyword arguments)."""
    rng = np.random.default_rng(0)
    keys = [14, 35, 41, 42, 52] if p == 113 else [1, 3, 4]
    half = p // 2
    residue = np.arange(p)
    sums = np.add.outer(residue, residue) % p
    F = basis(p)
    train_mask = rng.random((p, p)) < 0.3
    run = metrics(p)
    step = run["step"]
    phases = [("memorization", 0, 1400), ("circuit formation", 1400, 9000), ("cleanup", 9000, 12500)]

    def wave(k: int, phase: float = 0.0) -> np.ndarray:
        return np.cos(2 * np.pi * k * residue / p + phase)

    embedding = rng.normal(size=(p, 16)) * 0.05
    for k in keys:
        directions = np.linalg.qr(rng.normal(size=(16, 2)))[0]
        embedding += 0.6 * np.stack([wave(k), wave(k, -np.pi / 2)], 1) @ directions.T
    norm_P = np.linalg.norm(F @ embedding, axis=1)
    control_P = np.linalg.norm(F @ rng.normal(size=(p, 16)) * 0.25, axis=1)
    logits_PP = rng.random((p, p)) * 0.02
    for k in keys:
        logits_PP[2 * k - 1 : 2 * k + 1, 2 * k - 1 : 2 * k + 1] = 8
        logits_PP[0, 2 * k] = logits_PP[2 * k - 1, 0] = 1.0
    energy_TK = rng.random((len(step), half)) * 0.4 + 0.8
    for rank, k in enumerate(keys):
        energy_TK[:, k - 1] += (20 + 9 * rank) * sigmoid((step - 4000 - 900 * rank) / 900)

    H = 40
    frequency_H = np.array(keys)[rng.integers(len(keys), size=H)]
    phase_H = rng.uniform(0, 2 * np.pi, H)
    pre = np.array(
        [wave(k, s)[:, None] + wave(k, s)[None, :] for k, s in zip(frequency_H, phase_H, strict=True)]
    ) + 0.12 * rng.normal(size=(H, p, p))
    neurons = np.maximum(pre, 0).transpose(1, 2, 0)
    fits = neurons * 0.9 + 0.05
    fve_H = np.where(rng.random(H) < 0.85, rng.uniform(0.88, 0.99, H), rng.uniform(0.3, 0.85, H))
    chosen = [0, 1, 2, 3]
    order = np.argsort(frequency_H, kind="stable")[:9]
    W_L = np.array([wave(int(frequency_H[h]), 2 * float(phase_H[h])) for h in order]) + 0.1 * rng.normal(size=(9, p))
    votes_K = np.bincount(frequency_H - 1, minlength=half)
    energy_HK = rng.random((H, half)) * 0.02
    energy_HK[np.arange(H), frequency_H - 1] = 1.0

    u = {k: wave(k)[sums] + 0.12 * rng.normal(size=(p, p)) for k in keys}
    v = {k: wave(k, -np.pi / 2)[sums] + 0.12 * rng.normal(size=(p, p)) for k in keys}
    k = keys[0]
    angle = 2 * np.pi * k * residue / p
    a, b = (25, 60) if p == 113 else (2, 3)
    waves = np.array([np.cos(2 * np.pi * key * (residue - a - b) / p) * (3 + i) for i, key in enumerate(keys)])
    logits = waves.sum(0) + rng.normal(size=p) * 0.6
    heads = np.array([keys[1], keys[min(3, len(keys) - 1)], keys[-1], keys[min(3, len(keys) - 1)]])
    mean_nP = np.array([0.5 + 0.4 * wave(key, i) for i, key in enumerate(heads)])
    pattern = np.array([sigmoid(3 * wave(key, i)[:, None] - 3 * wave(key, i)[None]) for i, key in enumerate(heads)])
    pattern, mean_Pn = pattern.transpose(1, 2, 0), mean_nP.T
    patterns_Bn33 = np.tril(rng.random((9, 4, 3, 3)) + 0.05)
    patterns_Bn33 /= patterns_Bn33.sum(axis=-1, keepdims=True)
    shares = {"linear": 0.5, "products": 0.2, "linear_others": 0.15, "products_others": 0.01, "mixed": 0.04, "rest": 0.1}
    written = [attention.HeadTerms(head=h, frequency=int(key), **shares) for h, key in enumerate(heads)]

    grown = run["test_accuracy"] ** 8
    excluded_TK = np.array([run["train_loss"] * (1 + grown * 1e3 * 5**i) for i in range(len(keys))]).T
    losses = {
        "train": run["train_loss"],
        "test": run["test_loss"],
        "restricted": np.exp(np.log(5) - 17 * sigmoid((step - 6500) / 1500)),
        "excluded": np.exp(np.log(5) - 9 * sigmoid((step - 150) / 40) + 10 * sigmoid((step - 6500) / 1500)),
    }
    rows = [ablated(f"without k = {key}", 2e-4 * 5**i, (2.5e-7, 3e-7, 6e-7), key) for i, key in enumerate(keys)]
    rows += [
        ablated("without any key", 8.2, (1e-6, 3e-6, 2e-5)),
        ablated("keys only", 6e-8, (6.1, 7.5, 9.0)),
        ablated("MLP on the 10 directions of W_L", 1.2e-7),
    ]
    moments = []
    for at, grown in ((200, 0.0), (5000, 0.5), (9000, 0.8), (30000, 1.0)):
        points = grown * np.stack([np.cos(angle), np.sin(angle)], 1) + (1.05 - grown) * 0.35 * rng.normal(size=(p, 2))
        norms = np.full(p, 0.5) + 0.2 * rng.random(p)
        for key in keys:
            norms[2 * key - 1 : 2 * key + 1] += 2 * grown
        moments.append(
            figures.Moment(
                step=min(at, int(step[-1])),
                norm_P=norms,
                point_P2=points,
                logits_C=grown * waves.sum(0) * 1.2 + (1 - grown) * 3 * rng.normal(size=p),
            )
        )
    failed, cured = metrics(p, learns=False, last=15_000), metrics(p, last=15_000)
    grid = {
        "p = 53, weight decay 1": failed,
        "p = 53, weight decay 5": cured,
        "p = 71, weight decay 1": failed,
        "p = 71, weight decay 5": cured,
    }
    return {
        "transformer": (figures.transformer, (KINDS["transformer"]().init_params(p, 0),), {}),
        "two_layer_network": (figures.two_layer_network, (KINDS["two-layer"]().init_params(p, 0),), {}),
        "operation_table": (figures.operation_table, (sums, train_mask), {}),
        "answers_film": (figures.answers_film, (np.stack([train_mask, sums > 3]), train_mask, np.array([10, 1200])), {}),
        "addition_on_a_circle": (figures.addition_on_a_circle, (4, 5, 7 if p < 20 else 17), {"frequencies": (1, 2)})
        if p == 113
        else (figures.addition_on_a_circle, (3, 5, 7), {"frequencies": (1, 2)}),
        "training_curves": (figures.training_curves, (run,), {"phases": phases}),
        "training_curves_log": (figures.training_curves, (run,), {"phases": phases, "scale": "log"}),
        "weight_norms": (figures.weight_norms, (run,), {"phases": phases}),
        "component_spectrum": (figures.component_spectrum, (norm_P, keys), {"control_P": control_P}),
        "spectra_side_by_side": (
            figures.spectra_side_by_side,
            (
                {title: norm_P if title[-1] == "5" else control_P for title in grid},
                {title: keys if title[-1] == "5" else [] for title in grid},
            ),
            {},
        ),
        "logit_spectrum": (figures.logit_spectrum, (logits_PP, keys), {}),
        "sorted_components": (figures.sorted_components, (logits_PP, keys, 20, {9: "a replication"}), {"n_shown": 30}),
        "key_rules": (
            figures.key_rules,
            (
                {"norms": np.hypot(norm_P[1::2], norm_P[2::2]), "votes": votes_K},
                {"norms": [*keys, 2], "votes": keys},
                keys,
                {"norms": 2.0},
            ),
            {},
        ),
        "spectrum_over_training": (figures.spectrum_over_training, (step, energy_TK, keys), {"phases": phases}),
        "activation_grids": (
            figures.activation_grids,
            (neurons[..., :4], fits[..., :4], chosen, frequency_H[:4], fve_H[:4], keys),
            {"window": 40},
        ),
        "activation_grids_unwrapped": (
            figures.activation_grids,
            (neurons[..., :4], fits[..., :4], chosen, frequency_H[:4], fve_H[:4], keys),
            {"unwrapped": True},
        ),
        "fve_histogram": (figures.fve_histogram, (fve_H, frequency_H, keys), {"control_H": rng.uniform(0.2, 0.45, H)}),
        "cluster_sizes": (figures.cluster_sizes, ({0: 79} | {key: 44 + 20 * i for i, key in enumerate(keys)}, keys), {}),
        "neuron_spectra": (figures.neuron_spectra, (energy_HK.T, np.where(fve_H > 0.85, frequency_H, 0), keys), {}),
        "neuron_gallery": (figures.neuron_gallery, (neurons[..., order], W_L, order, frequency_H[order], keys), {}),
        "fve_by_frequency": (
            figures.fve_by_frequency,
            (frequency_H, fve_H, keys),
            {"control": (rng.integers(1, half + 1, H), rng.uniform(0.05, 0.4, H))},
        ),
        "embedding_circles": (
            figures.embedding_circles,
            ({key: np.stack([wave(key), wave(key, -np.pi / 2)], 1) + 0.05 * rng.normal(size=(p, 2)) for key in keys},),
            {},
        ),
        "sum_circles": (figures.sum_circles, ({key: np.stack([u[key], v[key]], -1) for key in keys},), {}),
        "trigonometric_identity": (
            figures.trigonometric_identity,
            (np.outer(np.cos(angle), np.cos(angle)), -np.outer(np.sin(angle), np.sin(angle)), u[k], k),
            {},
        ),
        "amplitude_by_difference": (
            figures.amplitude_by_difference,
            (
                {key: 4 + 0.2 * wave(2 * key) for key in keys},
                {key: 6 * np.abs(np.cos(np.pi * key * residue / p)) for key in keys},
                keys,
            ),
            {},
        ),
        "logits_as_waves": (figures.logits_as_waves, (waves, logits, keys, a, b), {}),
        "correct_logit_margin": (figures.correct_logit_margin, (np.sum([1 - wave(key) for key in keys], axis=0),), {}),
        "attention_by_token": (
            figures.attention_by_token,
            (pattern, heads, [0.99, 0.985, 0.991, 0.979], keys),
            {"fit_Pn": mean_Pn},
        ),
        "attention_by_input": (
            figures.attention_by_input,
            (patterns_Bn33[:5], [(i, (5 * i + 3) % p) for i in range(5)], patterns_Bn33.mean(axis=0), heads, keys),
            {},
        ),
        "head_writing": (figures.head_writing, ({"": written, "untrained": written[:2]}, keys), {}),
        "attention_patterns": (figures.attention_patterns, (pattern,), {"window": 40}),
        "attention_patterns_unwrapped": (figures.attention_patterns, (pattern, heads), {}),
        **samples_by_hand.calls(),
        "progress_measures": (figures.progress_measures, (step, losses), {"phases": phases}),
        "excluded_by_key": (figures.excluded_by_key, (step, excluded_TK, keys, run["train_loss"]), {"phases": phases}),
        "sparsity_and_norm": (
            figures.sparsity_and_norm,
            (step, {"W_E": run["gini_W_E"], "W_L": run["gini_W_L"]}, 1400 - 1000 * run["test_accuracy"]),
            {"phases": phases},
        ),
        "ablation_losses": (figures.ablation_losses, (rows, 2.4e-7, float(np.log(p))), {}),
        "runs_grid": (figures.runs_grid, (grid,), {}),
        "runs_grid_loss": (figures.runs_grid, (grid, "loss"), {}),
        "steps_to_grok": (
            figures.steps_to_grok,
            (
                "weight decay",
                {0.3: figures.Times([24_000, np.nan], 30_000), 1.0: figures.Times([7010, 6000, 8000], 25_000)},
                {"a paper": {0.3: (3000, 3000), 3.0: (5e3, 9e3)}, "a sweep": {0.3: (40_000, np.inf)}},
            ),
            {},
        ),
        "steps_to_grok_categories": (
            figures.steps_to_grok,
            ("operation", {"add": figures.Times([7010], 25_000), "cubic": figures.Times([np.nan], 15_000)}),
            {"scale": "categories"},
        ),
        "update_rules": (
            figures.update_rules,
            (
                {
                    "AdamW": (figures.Times([4000, 5000, 4500], 6000), figures.Times([180, 200, 190], 6000)),
                    "Muon": (figures.Times([np.nan, 5900], 6000), figures.Times([300], 6000)),
                },
            ),
            {},
        ),
        "curves_by_setting": (
            figures.curves_by_setting,
            ("weight decay", {0.1: (step, run["test_accuracy"]), 1.0: (step, run["train_accuracy"])}),
            {},
        ),
        "curves_by_setting_loss": (
            figures.curves_by_setting,
            ("width", {"narrow": (step, run["test_loss"])}, "test loss", "linear", None),
            {},
        ),
        "concentration_by_setting": (
            figures.concentration_by_setting,
            ("weight decay", {0.3: [5.0, 6.0], 1.0: [4.0]}, {0.3: 50.0, 1.0: 51.0}),
            {},
        ),
        "outcome_grid": (
            figures.outcome_grid,
            (
                ("layers", [1, 2]),
                ("operation", ["add", "multiply"]),
                [[6000, 9000], [np.nan, 3000]],
                [["6,000", "9,000"], ["> 10,000", "3,000"]],
            ),
            {},
        ),
        "two_bases": (
            figures.two_bases,
            ({"multiply": (np.arange(1.0, 6), np.array([0.1, 4, 0.1, 0.1, 0.2]))},),
            {},
        ),
        "seed_strips": (
            figures.seed_strips,
            ({"keys": [3, 4, 5], "test loss": [1e-7, 2e-7, 3e-7]}, {"keys": 5}, ["test loss"]),
            {},
        ),
        "verdicts": (
            figures.verdicts,
            ({"data": [("a", "definition"), ("d", "none"), ("c", "several networks"), ("a", "definition")]}, list("abcd")),
            {},
        ),
        "final_accuracies": (
            figures.final_accuracies,
            (list(grid), np.ones(4), np.array([0.013, 0.99, 0.005, 1.0])),
            {},
        ),
        **neuron_samples.calls(p),
        **motion_samples.calls(p, keys, run, moments, losses, energy_TK, phases),
        "hero": (figures.hero, (run, moments, keys, k, (a, b)), {"phases": phases}),
    }
