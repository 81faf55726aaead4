"""One-layer transformers written down by hand that add modulo p: the ground truth for every measure.

Its parts, for key frequencies k with omega = 2 pi k / p (d = a - b, s = a + b):

    embedding    residue a is the point (cos omega a, sin omega a) on one circle a key; "=" and all positions are 0
    attention    W_Q = W_K = 0, so each head attends to a, b and "=" with exactly 1/3; the heads copy their share of the
                 residual stream times 3, so that the stream at "=" holds the sum of the two embeddings
    neurons      M a key, with phases phi_m = 2 pi m / M:  act(cos(omega a + phi_m) + cos(omega b + phi_m))
                 = act(2 cos(omega d / 2) cos(omega s / 2 + phi_m))
    output       neuron m writes cos(omega c + 2 phi_m): the output's phase is twice the input's

The unembedding reads dimensions that hold nothing but the MLP's output, so the skip connection contributes nothing. Summed
over evenly spaced phases all harmonics of the activation cancel except the second one. With the quadratic activation

    logits = (scale M / 2) sum_k (1 + cos(omega_k d)) cos(omega_k (s - c))                     exactly, for M = 3 or M >= 5

and with ReLU, whose second harmonic is 2 / (3 pi),

    logits = (2 scale M / (3 pi)) sum_k |cos(omega_k d / 2)| cos(omega_k (s - c))         up to the leakage of harmonic 2M - 2

for odd M, smaller than the kept one by a factor of about M^2. For odd p and M >= 5 (M = 3
suffices without ReLU) the largest logit is the right one for every pair. For even p the embeddings of two opposite residues,
d = p/2, cancel on the circles of odd k, and no network of this kind can tell their pairs apart; the circle of k = p/2 is the
pair of signs (-1)^a, and the formulae hold for it too.

`clock_transformer` is the other algorithm of Zhong et al. 2023: two heads bring a and b to "=" apart from each other, and pairs
of quadratic neurons multiply their circles, act(x + y) - act(x - y) = 4 x y, so that the amplitude is the same for all pairs:

    logits = scale M sum_k cos(omega_k (s - c))                                                 exactly, for M >= 3

The first network is the pizza of Zhong et al. 2023 rather than the clock: the amplitude depends on the difference, and averages
over all pairs (p odd) to 1 and to `mean_abs_cosine(p)`. The phase rule psi = 2 phi is that of He et al. 2026. A ReLU neuron's
fraction of variance explained by the degree-2 polynomial of its frequency is `RELU_FVE` for large p, a quadratic neuron's
`QUAD_FVE`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from modaddlab.models.transformer import TransformerSpec

RELU_FVE = (1 / 4 + 64 / (9 * np.pi**4)) / (1 / 2 - 16 / np.pi**4)
"""0.962: a ReLU neuron is xy + |x||y| with x = cos(omega d / 2), y = cos(omega s / 2 + phi); xy is linear in the two circles
(variance 1/4), |x||y| has mean 4/pi^2, second moment 1/4, and its waves in d and in s have the energy 32 / (9 pi^4) each."""

RELU_SUM_FVE = 32 / (9 * np.pi**4) / (1 / 2 - 16 / np.pi**4)
"""0.109: the part along a + b alone."""

QUAD_FVE = 0.8
"""A quadratic neuron is 1 + cos(omega s + 2 phi) + cos(omega d) + (cos(2 omega a + 2 phi) + cos(2 omega b + 2 phi)) / 2, whose
last two waves (energy 1/4 of 5/4) have twice the frequency. Exact unless 2k is 0, k or -k mod p, or 4k is 0."""

QUAD_SUM_FVE = 0.4
"""The part along a + b alone."""

SURE = 50.0
"""By so much the score of the position that a clock's head attends to lies above the others'."""


def circle_transformer(
    model: TransformerSpec,
    p: int,
    neurons_per_frequency: Mapping[int, int],
    scale: float | Mapping[int, float] = 1.0,
) -> dict[str, np.ndarray]:
    """The weights of the network above, by the names of `modaddlab.models.transformer`.

    Args:
        model: its shape: one layer without LayerNorm, activation "relu" or "quad", d_model at least 4 per frequency, d_mlp at
            least the number of neurons; neurons that are left over stay dead.
        p: the modulus.
        neurons_per_frequency: key frequency (in 1..p//2) -> M: odd, at least 5 with ReLU and 3 without.
        scale: factor of the logits, one for all or one for each frequency; positive.

    Returns:
        float64 arrays by name.

    Raises:
        ValueError: the shape cannot hold the network.
    """
    keys = sorted(neurons_per_frequency)
    _check(model, p, neurons_per_frequency)
    scales = dict.fromkeys(keys, scale) if isinstance(scale, int | float) else dict(scale)
    d_model, d_head, n_heads, d_mlp = model.d_model, model.d_head, model.n_heads, model.d_mlp
    residues_P = np.arange(p)
    W_E = np.zeros((p + 1, d_model))
    W_in, W_out = np.zeros((d_model, d_mlp)), np.zeros((d_mlp, d_model))
    W_U = np.zeros((d_model, p + 1 if model.predict_equals else p))
    used = 0
    for i, key in enumerate(keys):
        angle_P = 2 * np.pi / p * (key * residues_P % p)
        circle_P2 = np.stack([np.cos(angle_P), np.sin(angle_P)], axis=1)
        read, write = slice(2 * i, 2 * i + 2), slice(2 * len(keys) + 2 * i, 2 * len(keys) + 2 * i + 2)
        n_neurons = neurons_per_frequency[key]
        phase_M = 2 * np.pi * np.arange(n_neurons) / n_neurons
        neurons = slice(used, used + n_neurons)
        W_E[:p, read] = circle_P2
        W_in[read, neurons] = np.stack([np.cos(phase_M), -np.sin(phase_M)])  # cos(x + phi)
        W_out[neurons, write] = scales[key] * np.stack([np.cos(2 * phase_M), -np.sin(2 * phase_M)], axis=1)
        W_U[write, :p] = circle_P2.T
        used += n_neurons

    copied = np.zeros((n_heads, d_model, d_head))
    for head in range(n_heads):
        copied[head, head * d_head : (head + 1) * d_head] = np.eye(d_head)
    params = {
        "embed.W_E": W_E,
        "pos_embed.W_pos": np.zeros((3, d_model)),
        "blocks.0.attn.W_Q": np.zeros((n_heads, d_model, d_head)),
        "blocks.0.attn.W_K": np.zeros((n_heads, d_model, d_head)),
        "blocks.0.attn.W_V": copied,
        "blocks.0.attn.W_O": 3 * copied.transpose(0, 2, 1),
        "blocks.0.mlp.W_in": W_in,
        "blocks.0.mlp.W_out": W_out,
        "unembed.W_U": W_U,
    }
    if model.mlp_biases:
        params |= {"blocks.0.mlp.b_in": np.zeros(d_mlp), "blocks.0.mlp.b_out": np.zeros(d_model)}
    return params


def clock_transformer(
    model: TransformerSpec, p: int, neurons_per_frequency: Mapping[int, int], scale: float = 1.0
) -> dict[str, np.ndarray]:
    """The weights of a clock, by the names of `modaddlab.models.transformer`.

    Args:
        model: its shape: one layer without LayerNorm, activation "quad", two heads or more of a width of at least 2 per
            frequency, d_model at least 8 per frequency and 3 more, d_mlp at least twice the number of phases.
        p: the modulus.
        neurons_per_frequency: key frequency (in 1..p//2) -> M, its phases, each with two neurons; at least 3.
        scale: factor of the logits.

    Returns:
        float64 arrays by name.

    Raises:
        ValueError: the shape cannot hold the network.
    """
    keys = sorted(neurons_per_frequency)
    n, d_head = 2 * len(keys), model.d_head
    _check(model, p, {key: 2 * neurons_per_frequency[key] for key in keys})
    for holds, message in (
        (model.activation == "quad", f"activation (={model.activation!r}) must be 'quad'"),
        (model.n_heads >= 2 and d_head >= n, f"two heads of d_head (={d_head}) at least {n} are needed, found {model.n_heads}"),
        (model.d_model >= 4 * n + 3, f"d_model (={model.d_model}) must be at least {4 * n + 3}"),
    ):
        if not holds:
            raise ValueError(message)
    params = {name: np.zeros(shape) for name, shape in model.param_shapes(p).items()}
    read, of_a, of_b, write = (slice(i * n, (i + 1) * n) for i in range(4))
    angle_PK = 2 * np.pi / p * (np.outer(np.arange(p), keys) % p)
    circles_PD = np.stack([np.cos(angle_PK), np.sin(angle_PK)], axis=2).reshape(p, n)
    params["embed.W_E"][:p, read] = circles_PD
    params["unembed.W_U"][write, :p] = circles_PD.T
    params["pos_embed.W_pos"][:, 4 * n : 4 * n + 3] = np.eye(3)
    for head, copy in enumerate((of_a, of_b)):
        params["blocks.0.attn.W_Q"][head, 4 * n + 2, 0] = SURE * math.sqrt(d_head)
        params["blocks.0.attn.W_K"][head, 4 * n + head, 0] = 1
        params["blocks.0.attn.W_V"][head, read, :n] = params["blocks.0.attn.W_O"][head, :n, copy] = np.eye(n)
    used = 0
    for i, key in enumerate(keys):
        phase_M = 2 * np.pi * np.arange(neurons_per_frequency[key]) / neurons_per_frequency[key]
        for sign in (1, -1):
            neurons = slice(used, used := used + len(phase_M))
            wave_2M = np.stack([np.cos(phase_M), -np.sin(phase_M)])
            params["blocks.0.mlp.W_in"][of_a, neurons][2 * i : 2 * i + 2] = wave_2M
            params["blocks.0.mlp.W_in"][of_b, neurons][2 * i : 2 * i + 2] = sign * wave_2M
            doubled_M2 = np.stack([np.cos(2 * phase_M), -np.sin(2 * phase_M)], axis=1)
            params["blocks.0.mlp.W_out"][neurons, write][:, 2 * i : 2 * i + 2] = sign * scale * doubled_M2
    return params


def circle_logits(
    p: int,
    neurons_per_frequency: Mapping[int, int],
    activation: str = "relu",
    scale: float | Mapping[int, float] = 1.0,
) -> np.ndarray:
    """The logits by the formulae above, (P, P, P): exact for "quad", up to the leakage of harmonic 2M - 2 for "relu".

    Arguments are those of `circle_transformer`.
    """
    residues_P = np.arange(p)
    difference_PP = residues_P[:, None] - residues_P[None, :]
    sum_PP = residues_P[:, None] + residues_P[None, :]
    logits_PPC = np.zeros((p, p, p))
    for key, n_neurons in neurons_per_frequency.items():
        omega = 2 * np.pi * key / p
        if activation == "quad":
            amplitude_PP = n_neurons / 2 * (1 + np.cos(omega * difference_PP))
        elif activation == "relu":
            amplitude_PP = 2 * n_neurons / (3 * np.pi) * np.abs(np.cos(omega * difference_PP / 2))
        else:
            raise ValueError(f"activation (={activation!r}) must be 'relu' or 'quad'")
        amplitude_PP = amplitude_PP * (scale if isinstance(scale, int | float) else scale[key])
        logits_PPC += amplitude_PP[:, :, None] * np.cos(omega * (sum_PP[:, :, None] - residues_P))
    return logits_PPC


def mean_abs_cosine(p: int) -> float:
    """The mean of |cos(omega_k d / 2)| over d = 0..p-1 for odd p and any k prime to p: 1 / (p sin(pi / 2p)), towards 2 / pi."""
    return 1 / (p * math.sin(np.pi / (2 * p)))


def restricted_alphas(
    p: int, neurons_per_frequency: Mapping[int, int], activation: str = "relu", scale: float = 1.0
) -> dict[int, float]:
    """The amplitude of cos(omega_k (a+b-c)) that remains when each logit is averaged over the pairs with the same sum.

    p odd and prime to the frequencies. These are also the least-squares alphas of `modaddlab.analysis.circuit.fit_waves`.
    """
    factor = 1 / 2 if activation == "quad" else 2 / (3 * math.pi) * mean_abs_cosine(p)
    return {key: scale * n_neurons * factor for key, n_neurons in neurons_per_frequency.items()}


def neuron_phases(neurons_per_frequency: Mapping[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Frequency and output phase 2 phi, in (-pi, pi], of the neurons in the order of their indices."""
    frequencies: list[int] = []
    phases: list[float] = []
    for key in sorted(neurons_per_frequency):
        n_neurons = neurons_per_frequency[key]
        frequencies += [key] * n_neurons
        phases += [float(np.angle(np.exp(4j * np.pi * m / n_neurons))) for m in range(n_neurons)]
    return np.array(frequencies), np.array(phases)


def _check(model: TransformerSpec, p: int, neurons_per_frequency: Mapping[int, int]) -> None:
    keys: Sequence[int] = sorted(neurons_per_frequency)
    rules = [
        (model.n_layers == 1 and not model.layer_norm, "the model must have one layer and no LayerNorm"),
        (model.activation in ("relu", "quad"), f"activation (={model.activation!r}) must be 'relu' or 'quad'"),
        (
            bool(keys) and keys[0] >= 1 and keys[-1] <= p // 2,
            f"frequencies (={keys}) must lie in 1..{p // 2} for p={p}",
        ),
        (4 * len(keys) <= model.d_model, f"d_model (={model.d_model}) must be at least 4 per frequency (={4 * len(keys)})"),
        (
            sum(neurons_per_frequency.values()) <= model.d_mlp,
            f"d_mlp (={model.d_mlp}) must hold all neurons (={sum(neurons_per_frequency.values())})",
        ),
    ]
    for holds, message in rules:
        if not holds:
            raise ValueError(message)
