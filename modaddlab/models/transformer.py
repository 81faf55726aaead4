"""The transformer on [a, b, =] of Nanda et al. 2023, computed literally: every position, every layer, nothing skipped.

    x_t     = W_E[token_t] + W_pos[t]                        t = 0, 1, 2
    x      += sum_h  softmax(q_h . k_h / sqrt(d_head)) v_h W_O_h
    x      += act(x W_in + b_in) W_out + b_out
    logits  = x_2 W_U                                         read at "=" alone

Names and shapes are TransformerLens's (row vectors: x @ W); there are no attention biases and, by default, no LayerNorm. The one
`forward` runs on NumPy arrays (analysis, float64) and on torch tensors (the plain training step, with autograd): it is the
reference that the exact fast steps of `modaddlab.training` are held to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_torch_namespace

from modaddlab.experiments.spec import Activation, TransformerSpec

Array = Any
"""A NumPy array or a torch tensor."""

N_POSITIONS = 3
LAYER_NORM_EPS = 1e-5


def param_shapes(model: TransformerSpec, p: int) -> dict[str, tuple[int, ...]]:
    """The shape of every parameter, in the order in which they lie in the flat parameter vector."""
    D, H, n, d = model.d_model, model.d_mlp, model.n_heads, model.d_head
    shapes: dict[str, tuple[int, ...]] = {"embed.W_E": (p + 1, D), "pos_embed.W_pos": (N_POSITIONS, D)}
    for i in range(model.n_layers):
        block = f"blocks.{i}"
        if model.layer_norm:
            shapes |= {f"{block}.ln1.w": (D,), f"{block}.ln1.b": (D,), f"{block}.ln2.w": (D,), f"{block}.ln2.b": (D,)}
        shapes |= {f"{block}.attn.W_{name}": (n, D, d) for name in "QKV"} | {f"{block}.attn.W_O": (n, d, D)}
        shapes |= {f"{block}.mlp.W_in": (D, H), f"{block}.mlp.W_out": (H, D)}
        if model.mlp_biases:
            shapes |= {f"{block}.mlp.b_in": (H,), f"{block}.mlp.b_out": (D,)}
    if model.layer_norm:
        shapes |= {"ln_final.w": (D,), "ln_final.b": (D,)}
    return shapes | {"unembed.W_U": (D, p + 1 if model.predict_equals else p)}


def init_params(model: TransformerSpec, p: int, seed: int) -> dict[str, np.ndarray]:
    """Initial weights, LayerNorm weights being 1 and its biases 0.

    "normal": N(0, 1) / sqrt(d_model), W_U N(0, 1) / sqrt(its outputs), biases 0 (Nanda et al. 2023). "layers": what a network
    of PyTorch's layers begins with: embeddings N(0, 1), the MLP, its biases and W_U uniform within 1 / sqrt(their inputs),
    attention as before.

    Drawn by NumPy's PCG64, one stream per parameter, so that they depend neither on torch nor on the device.

    Returns:
        float32 arrays by name.
    """
    params: dict[str, np.ndarray] = {}
    for index, (name, shape) in enumerate(param_shapes(model, p).items()):
        leaf = name.split(".")[-1]
        if model.init == "layers" and leaf in ("W_in", "b_in", "W_out", "b_out", "W_U"):
            bound = 1 / math.sqrt(model.d_mlp if leaf.endswith("out") else model.d_model)
            params[name] = np.random.default_rng([seed, 0, index]).uniform(-bound, bound, shape).astype(np.float32)
        elif leaf.startswith("b"):
            params[name] = np.zeros(shape, np.float32)
        elif leaf == "w":
            params[name] = np.ones(shape, np.float32)
        else:
            scale = 1 / math.sqrt(shape[1] if leaf == "W_U" else model.d_model)
            if model.init == "layers" and leaf in ("W_E", "W_pos"):
                scale = 1.0
            draw = np.random.default_rng([seed, 0, index]).standard_normal(shape)
            params[name] = (draw * scale).astype(np.float32)
    return params


def activate(x: Array, activation: Activation) -> Array:
    """The MLP's nonlinearity, element by element: max(x, 0), the exact GELU, x^2 or x."""
    match activation:
        case "relu":
            return x.clip(0) if isinstance(x, np.ndarray) else x.relu()
        case "gelu":
            return x * (1 + _erf(x / math.sqrt(2))) / 2
        case "quad":
            return x * x
        case "id":
            return x


def _erf(x: Array) -> Array:
    if is_torch_namespace(array_namespace(x)):
        return x.erf()
    from scipy.special import erf

    return erf(x)


def layer_norm(x: Array, weight: Array, bias: Array) -> Array:
    """LayerNorm over the last axis."""
    xp = array_namespace(x)
    centred = x - xp.mean(x, axis=-1, keepdims=True)
    variance = xp.mean(centred * centred, axis=-1, keepdims=True)
    return centred / xp.sqrt(variance + LAYER_NORM_EPS) * weight + bias


def _per_head(x_BtD: Array, W_nDd: Array) -> Array:
    """x @ W_h for every head h, as one matrix product: (B, t, D) and (n, D, d) -> (B, n, t, d)."""
    xp = array_namespace(W_nDd)
    n, D, d = W_nDd.shape
    W_DX = xp.reshape(xp.permute_dims(W_nDd, (1, 0, 2)), (D, n * d))
    return xp.permute_dims(xp.reshape(x_BtD @ W_DX, (*x_BtD.shape[:2], n, d)), (0, 2, 1, 3))


def forward(
    params: Mapping[str, Array],
    tokens_B3: Array,
    model: TransformerSpec,
    cache: MutableMapping[str, Array] | None = None,
    *,
    last_only: bool = False,
) -> Array:
    """The logits at the last position.

    Args:
        params: arrays or tensors by name, shapes of `param_shapes`.
        tokens_B3: integer tokens [a, b, p], shape (B, 3).
        model: the network's specification; its dropout is not applied here.
        cache: when given, receives every activation under TransformerLens's hook names, for example
            "blocks.0.attn.hook_pattern" (B, n, 3, 3) and "blocks.0.mlp.hook_post" (B, 3, H).
        last_only: compute only the last position in the last layer, which is all that the logits need; its activations
            in the cache then have one position instead of three.

    Returns:
        logits of shape (B, C), C the number of columns of W_U.

    Source:
        Nanda et al. 2023, section 3 and the released code.
    """
    xp = array_namespace(params["embed.W_E"])
    keep = cache if cache is not None else {}
    keep["hook_embed"] = params["embed.W_E"][tokens_B3]
    x_B3D = keep["hook_embed"] + params["pos_embed.W_pos"]
    hidden_from = xp.triu(xp.ones((N_POSITIONS, N_POSITIONS), dtype=x_B3D.dtype), k=1) * -1e30 if model.causal else 0

    for i in range(model.n_layers):
        block = f"blocks.{i}"
        weights = {name.removeprefix(block + "."): value for name, value in params.items() if name.startswith(block + ".")}

        def normed(x: Array, name: str, weights: dict[str, Array] = weights) -> Array:
            return layer_norm(x, weights[f"{name}.w"], weights[f"{name}.b"]) if model.layer_norm else x

        keep[f"{block}.hook_resid_pre"] = x_B3D
        read_B3D = normed(x_B3D, "ln1")
        k, v = (_per_head(read_B3D, weights[f"attn.W_{name}"]) for name in "KV")
        if last_only and i == model.n_layers - 1:
            x_B3D, read_B3D, hidden_from = x_B3D[:, -1:], read_B3D[:, -1:], 0
        q = _per_head(read_B3D, weights["attn.W_Q"])
        scores_Bn33 = q @ xp.matrix_transpose(k) / math.sqrt(model.d_head) + hidden_from
        pattern_Bn33 = xp.exp(scores_Bn33 - xp.max(scores_Bn33, axis=-1, keepdims=True))
        pattern_Bn33 = pattern_Bn33 / xp.sum(pattern_Bn33, axis=-1, keepdims=True)
        z_Bn3d = pattern_Bn33 @ v
        z_B3nd = xp.permute_dims(z_Bn3d, (0, 2, 1, 3))
        attn_out_B3D = xp.reshape(z_B3nd, (*z_B3nd.shape[:2], -1)) @ xp.reshape(weights["attn.W_O"], (-1, model.d_model))
        resid_mid_B3D = x_B3D + attn_out_B3D

        pre_B3H = normed(resid_mid_B3D, "ln2") @ weights["mlp.W_in"]
        if model.mlp_biases:
            pre_B3H = pre_B3H + weights["mlp.b_in"]
        post_B3H = activate(pre_B3H, model.activation)
        mlp_out_B3D = post_B3H @ weights["mlp.W_out"]
        if model.mlp_biases:
            mlp_out_B3D = mlp_out_B3D + weights["mlp.b_out"]
        x_B3D = resid_mid_B3D + mlp_out_B3D

        keep[f"{block}.attn.hook_q"], keep[f"{block}.attn.hook_k"], keep[f"{block}.attn.hook_v"] = q, k, v
        keep[f"{block}.attn.hook_attn_scores"], keep[f"{block}.attn.hook_pattern"] = scores_Bn33, pattern_Bn33
        keep[f"{block}.attn.hook_z"], keep[f"{block}.hook_attn_out"] = z_Bn3d, attn_out_B3D
        keep[f"{block}.hook_resid_mid"], keep[f"{block}.mlp.hook_pre"] = resid_mid_B3D, pre_B3H
        keep[f"{block}.mlp.hook_post"], keep[f"{block}.hook_mlp_out"] = post_B3H, mlp_out_B3D
        keep[f"{block}.hook_resid_post"] = x_B3D

    last_BD = x_B3D[:, -1]
    if model.layer_norm:
        last_BD = layer_norm(last_BD, params["ln_final.w"], params["ln_final.b"])
    return last_BD @ params["unembed.W_U"]
