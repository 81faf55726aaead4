"""Arrays for the figures of a network in motion, and a call for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modaddlab import figures

Phases = Sequence[tuple[str, float, float]]


def story(
    run: Mapping[str, np.ndarray], moments: Sequence[figures.Moment], losses: Mapping[str, np.ndarray], **about: Any
) -> Any:
    """A story whose frames are a few moments."""
    step_T = np.array([moment.step for moment in moments])

    def at(values: np.ndarray) -> np.ndarray:
        return np.interp(step_T, run["step"], values)

    return figures.Story(
        step_T=step_T,
        losses={name: at(loss_T) for name, loss_T in losses.items()},
        accuracies={part: at(run[f"{part}_accuracy"]) for part in ("train", "test")},
        norm_TK=np.array([np.hypot(moment.norm_P[1::2], moment.norm_P[2::2]) for moment in moments]),
        point_TP2=np.array([moment.point_P2 for moment in moments]),
        logits_TC=np.array([moment.logits_C for moment in moments]),
        head=2,
        **about,
    )


def calls(
    p: int,
    keys: list[int],
    run: Mapping[str, np.ndarray],
    moments: Sequence[figures.Moment],
    losses: Mapping[str, np.ndarray],
    energy_TK: np.ndarray,
    phases: Phases,
) -> dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]]:
    """figure name -> (function, arguments, keyword arguments)."""
    rng = np.random.default_rng(2)
    step, residue, k = run["step"], np.arange(p), keys[0]
    wave_P = np.cos(2 * np.pi * keys[1] * residue / p)
    told = story(
        run,
        moments,
        losses,
        keys=keys,
        key=k,
        head_key=keys[1],
        attention_TP=np.array([0.5 + 0.1 * n * wave_P for n in range(len(moments))]),
        pair=(25, 60) if p == 113 else (2, 3),
        phases=phases,
    )
    turn_T2 = 30 * np.stack([np.cos(step / 9000), np.sin(step / 9000)], 1)
    stripes = {moment.step: moment.point_P2 @ rng.normal(size=(2, 12)) for moment in moments}
    shares = {"final axes": 0.3 * run["test_accuracy"], "own axes": 0.05 + 0.26 * run["test_accuracy"]}
    seeds = [(step, 0.9 * run["gini_W_E"])]
    return {
        "grokking_panels": (figures.grokking_panels, (run,), {"phases": phases}),
        "key_share": (
            figures.key_share,
            (step, {"W_E": run["gini_W_E"], "W_L": run["gini_W_L"]}),
            {"chance": len(keys) / (p // 2), "seeds": seeds, "phases": phases},
        ),
        "spectrum_strip": (figures.spectrum_strip, ({moment.step: moment.norm_P for moment in moments}, keys), {}),
        "key_energies": (figures.key_energies, (step, {"W_E": energy_TK, "W_L": 9 * energy_TK}, keys), {"phases": phases}),
        "neuron_followers": (
            figures.neuron_followers,
            (step, np.outer(run["test_accuracy"], 4 + np.arange(len(keys))), keys, 40),
            {"phases": phases},
        ),
        "weight_stripes": (
            figures.weight_stripes,
            (stripes, {at: np.fft.fft(matrix, axis=0).real for at, matrix in stripes.items()}, keys),
            {},
        ),
        "embedding_plane": (
            figures.embedding_plane,
            ({moment.step: moment.point_P2 for moment in moments}, residue * k % p, step, shares),
            {"null": 0.06, "phases": phases},
        ),
        "weight_path": (figures.weight_path, (step, turn_T2, [0.7, 0.2], turn_T2 * [0.6, 0.3], [0.61, 0.15], phases), {}),
        "story_strip": (figures.story_strip, (told, range(len(moments))), {}),
    }
