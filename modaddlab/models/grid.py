"""A trained transformer on all p*p pairs at once: what the analyses read.

Everything is taken at the last position of the last layer, in float64. Without LayerNorm the logits are then exactly

    logits = neurons @ W_L + (resid_mid + b_out) @ W_U,        W_L = W_out W_U   (W_U cut to the p residues)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import overload

import numpy as np

from modaddlab.experiments.spec import ModelSpec, TransformerSpec, TwoLayerSpec
from modaddlab.models.transformer import activate, forward
from modaddlab.models.two_layer import TwoLayerGrid, two_layer_grid
from modaddlab.tasks import all_pairs

CHUNK = 512
"""Pairs that are run at once; their activations fit a processor's cache."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Activations at "=" for every pair (a, b); float64.

    Attributes:
        logits_PPC: outputs for the p residues, shape (P, P, P).
        neurons_PPH: hidden neurons after the nonlinearity, shape (P, P, H).
        pattern_PPn3: attention from "=" to a, b and "=", shape (P, P, n, 3).
        heads_PPnD: what each head adds to the residual stream, shape (P, P, n, D).
        resid_pre_PPD: the residual stream before attention, shape (P, P, D).
        resid_mid_PPD: the residual stream after attention, shape (P, P, D).
        params: the weights, float64 by name.
        model: the network.
    """

    logits_PPC: np.ndarray
    neurons_PPH: np.ndarray
    pattern_PPn3: np.ndarray
    heads_PPnD: np.ndarray
    resid_pre_PPD: np.ndarray
    resid_mid_PPD: np.ndarray
    params: Mapping[str, np.ndarray] = field(repr=False)
    model: TransformerSpec

    @property
    def p(self) -> int:
        return len(self.logits_PPC)

    @property
    def W_E_PD(self) -> np.ndarray:
        """The embedding of the residues, (P, D)."""
        return self.params["embed.W_E"][: self.p]

    @property
    def W_U_DC(self) -> np.ndarray:
        """The unembedding of the residues, (D, P)."""
        return self.params["unembed.W_U"][:, : self.p]

    @property
    def W_L_HC(self) -> np.ndarray:
        """The neuron-logit map W_out W_U, (H, P)."""
        return self.params[f"blocks.{self.model.n_layers - 1}.mlp.W_out"] @ self.W_U_DC

    def logits_from(self, neurons_PPH: np.ndarray | None = None, resid_mid_PPD: np.ndarray | None = None) -> np.ndarray:
        """The logits that other hidden neurons, or another residual stream into the unembedding, would give.

        Neurons that are given are used as they are; the residual stream's own effect on the neurons is not computed (see
        `neurons_from`).

        Returns:
            (P, P, P) float64.

        Raises:
            ValueError: the network has a LayerNorm, so that its logits are no sum of the two parts.
        """
        if self.model.layer_norm:
            raise ValueError("with LayerNorm the logits are not a sum of neurons and residual stream")
        neurons_PPH = self.neurons_PPH if neurons_PPH is None else neurons_PPH
        direct_PPD = self.resid_mid_PPD if resid_mid_PPD is None else resid_mid_PPD
        if self.model.mlp_biases:
            direct_PPD = direct_PPD + self.params[f"blocks.{self.model.n_layers - 1}.mlp.b_out"]
        return neurons_PPH @ self.W_L_HC + direct_PPD @ self.W_U_DC

    def neurons_from(self, resid_mid_PPD: np.ndarray) -> np.ndarray:
        """The hidden neurons that another residual stream would give, (P, P, H).

        Raises:
            ValueError: the network has a LayerNorm.
        """
        if self.model.layer_norm:
            raise ValueError("with LayerNorm the neurons need the whole network; use run_grid on changed weights")
        block = f"blocks.{self.model.n_layers - 1}.mlp"
        pre_PPH = resid_mid_PPD @ self.params[f"{block}.W_in"]
        if self.model.mlp_biases:
            pre_PPH = pre_PPH + self.params[f"{block}.b_in"]
        return activate(pre_PPH, self.model.activation)


AnyGrid = Grid | TwoLayerGrid
"""Any network on every pair. Both have p, logits_PPC, neurons_PPH, W_E_PD, W_L_HC, params, model and logits_from."""


@overload
def run_grid(params: Mapping[str, np.ndarray], model: TransformerSpec, p: int) -> Grid: ...
@overload
def run_grid(params: Mapping[str, np.ndarray], model: TwoLayerSpec, p: int) -> TwoLayerGrid: ...
@overload
def run_grid(params: Mapping[str, np.ndarray], model: ModelSpec, p: int) -> AnyGrid: ...
def run_grid(params: Mapping[str, np.ndarray], model: ModelSpec, p: int) -> AnyGrid:
    """Run a network on every pair of residues.

    Args:
        params: weights by name, any float type; computed in float64.
        model: the network.
        p: the modulus.

    Returns:
        the activations; about 0.3 GB for a transformer with p = 113 and 512 neurons.
    """
    return two_layer_grid(params, model, p) if isinstance(model, TwoLayerSpec) else _transformer_grid(params, model, p)


def _transformer_grid(params: Mapping[str, np.ndarray], model: TransformerSpec, p: int) -> Grid:
    weights = {name: np.asarray(value, dtype=np.float64) for name, value in params.items()}
    last = f"blocks.{model.n_layers - 1}"
    B, n, D = p * p, model.n_heads, model.d_model
    logits_BC, neurons_BH, pattern_Bn3 = np.empty((B, p)), np.empty((B, model.d_mlp)), np.empty((B, n, 3))
    heads_BnD, resid_pre_BD, resid_mid_BD = np.empty((B, n, D)), np.empty((B, D)), np.empty((B, D))
    tokens_B3 = np.concatenate([all_pairs(p), np.full((B, 1), p)], axis=1)
    for start in range(0, B, CHUNK):
        rows = slice(start, start + CHUNK)
        cache: dict[str, np.ndarray] = {}
        logits_BC[rows] = forward(weights, tokens_B3[rows], model, cache, last_only=True)[:, :p]
        neurons_BH[rows] = cache[f"{last}.mlp.hook_post"][:, -1]
        pattern_Bn3[rows] = cache[f"{last}.attn.hook_pattern"][:, :, -1]
        for head, W_O_dD in enumerate(weights[f"{last}.attn.W_O"]):
            heads_BnD[rows, head] = cache[f"{last}.attn.hook_z"][:, head, -1] @ W_O_dD
        resid_pre_BD[rows] = cache[f"{last}.hook_resid_pre"][:, -1]
        resid_mid_BD[rows] = cache[f"{last}.hook_resid_mid"][:, -1]
    return Grid(
        logits_PPC=logits_BC.reshape(p, p, p),
        neurons_PPH=neurons_BH.reshape(p, p, -1),
        pattern_PPn3=pattern_Bn3.reshape(p, p, n, 3),
        heads_PPnD=heads_BnD.reshape(p, p, n, D),
        resid_pre_PPD=resid_pre_BD.reshape(p, p, D),
        resid_mid_PPD=resid_mid_BD.reshape(p, p, D),
        params=weights,
        model=model,
    )
