"""Layouts of other people's checkpoints: how the weights of our networks lie in them, both ways.

    nanda             Nanda et al. 2023, released code: matrices transposed (W_E (d, p + 1), heads (n, d_head, d)), "="
    zhong             Zhong et al. 2023, released code: the same matrices, two positions, no "="; without the attention rate
    transformer-lens  HookedTransformer's state dict: our names and shapes, with biases everywhere
    zhong-linear      Zhong et al.'s linear models; whether their second layer follows as in B or C is not in the file
    chughtai-mlp      Chughtai et al. 2023: W_x, W_y, W, W_U
    embedmlp          He et al. 2026: mlp.W_in (M, p), mlp.W_out (p, M), and the basis in which they plot

A layout is a table: our name of a parameter, theirs, and how an array is turned. What lies in a file besides is either named as
having no effect (masks, buffers) or refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from modaddlab.errors import LabError
from modaddlab.models.network import Network
from modaddlab.models.registry import KINDS

Arrays = Mapping[str, np.ndarray]
Shape = tuple[int, ...]


class Turn(NamedTuple):
    """How an array of a file becomes ours, and back; and the shape that it must have in the file, given ours."""

    read: Callable[[np.ndarray, Shape], np.ndarray]
    write: Callable[[np.ndarray], np.ndarray]
    shape: Callable[[Shape], Shape]


SAME = Turn(lambda x, shape: x, lambda x: x, lambda shape: shape)
SWAPPED = Turn(lambda x, shape: x.mT, lambda x: x.mT, lambda shape: (*shape[:-2], shape[-1], shape[-2]))
HEADS_IN_COLUMNS = Turn(  # W_O (n, d_head, D) as (D, n * d_head)
    lambda x, shape: x.T.reshape(shape), lambda x: x.reshape(-1, x.shape[-1]).T, lambda shape: (shape[2], shape[0] * shape[1])
)


@dataclass(frozen=True)
class Layout:
    """One way in which a network's weights lie in a file.

    Attributes:
        name: of the layout.
        sign: names that a file of this layout has; it is recognized by them and by `fits`.
        fits: whether a file with those names is of this layout, for layouts that share names.
        model_of: the network of a file and its modulus, from its shapes and what the user says (`options`).
        place: a parameter's name in the file, and how it is turned.
        without_effect: how names end that a file may hold besides.
        prepare: changes the arrays before they are taken: folds or refuses what our networks do not have.
        beside: what a file needs besides a network's weights; refuses networks that the layout has no place for.
    """

    name: str
    sign: tuple[str, ...]
    fits: Callable[[Arrays], bool]
    model_of: Callable[[Arrays, Mapping[str, Any]], tuple[Network, int]]
    place: Callable[[str], tuple[str, Turn]]
    without_effect: tuple[str, ...] = ()
    prepare: Callable[[Arrays], Arrays] = dict
    beside: Callable[[Network, int], dict[str, np.ndarray]] = lambda model, p: {}

    def read(self, arrays: Arrays, options: Mapping[str, Any]) -> tuple[Network, int, dict[str, np.ndarray]]:
        """The network in a file.

        Args:
            arrays: what the file holds, by its names.
            options: fields of the network that no file tells, such as "attention_rate" and "activation".

        Returns:
            the network, its modulus, its weights, float32 by our names.

        Raises:
            LabError: a name is missing or unknown, a shape is another one, a value is not finite, or the file has what our
                network has not.
        """
        self._require(self.sign, arrays)
        try:
            with np.errstate(all="ignore"):  # what is not finite is refused below
                arrays = self.prepare(arrays)
        except (KeyError, ValueError) as error:
            why = " ".join(str(error).split())
            raise LabError(f"the biases of layout {self.name} need matrices that fit them ({why})") from None
        model, p = self.model_of(arrays, options)
        if p < 2:
            raise LabError(f"the embedding must have at least 2 residues, by its shape it has {max(p, 0)}")
        places = {name: self.place(name) for name in model.param_shapes(p)}
        theirs = {their for their, _ in places.values()}
        self._require(theirs, arrays)
        unknown = sorted(name for name in arrays.keys() - theirs if not name.endswith(self.without_effect or ("\0",)))
        if unknown:
            raise LabError(f"layout {self.name} has no key {unknown[0]!r}; its keys: {', '.join(sorted(theirs))}")
        params = {}
        for name, shape in model.param_shapes(p).items():
            their, turn = places[name]
            expected, found = turn.shape(shape), arrays[their].shape
            if found != expected:
                raise LabError(f"key {their!r} must have the shape {expected} in the layout {self.name}, found {found}")
            if not (np.abs(arrays[their]) <= np.finfo(np.float32).max).all():
                raise LabError(f"key {their!r} must hold finite values, found NaN, infinity or what no 32 bits can hold")
            params[name] = np.ascontiguousarray(turn.read(arrays[their], shape), dtype=np.float32)
        return model, p, params

    def write(self, model: Network, params: Arrays, p: int) -> dict[str, np.ndarray]:
        """The inverse of `read`: a network's weights by the layout's names, float32.

        Raises:
            LabError: the layout has no place for such a network.
        """
        found = self.beside(model, p)
        for name in model.param_shapes(p):
            their, turn = self.place(name)
            found[their] = np.ascontiguousarray(turn.write(np.asarray(params[name], np.float32)))
        return found

    def _require(self, names: Any, arrays: Arrays) -> None:
        missing = sorted(set(names) - arrays.keys())
        if missing:
            raise LabError(f"layout {self.name} needs the key {missing[0]!r}, found {_listed(arrays)}")


def recognized(arrays: Arrays, name: str = "auto") -> Layout:
    """The layout of a file.

    Args:
        arrays: what the file holds, by its names.
        name: which it is said to be; "auto": the one by whose names and shapes it is known.

    Raises:
        LabError: it is of none, could be of several, or is known to be another one than is said.
    """
    found = [layout for layout in LAYOUTS.values() if set(layout.sign) <= arrays.keys() and layout.fits(arrays)]
    if name != "auto":
        if found and LAYOUTS[name] not in found:
            raise LabError(f"the layout must be --layout {name}, by its keys and shapes it is {found[0].name}")
        return LAYOUTS[name]
    if len(found) != 1:
        several = f"could be of {' or '.join(layout.name for layout in found)}" if found else "is of no known layout"
        raise LabError(f"it {several} (keys: {_listed(arrays)}); name one with --layout: {', '.join(LAYOUTS)}")
    return found[0]


def _listed(arrays: Arrays) -> str:
    """The names in a file, of many the first."""
    names = sorted(arrays)
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return (", ".join(names[:8]) or "none") + more


def _axis(arrays: Arrays, name: str, axis: int, n_axes: int = 2) -> int:
    """The length of an axis of an array that decides the others' shapes."""
    shape = arrays[name].shape
    if len(shape) != n_axes:
        raise LabError(f"key {name!r} must have {n_axes} axes, found the shape {shape}")
    return shape[axis]


def _of_kind(kind: str, fields: Mapping[str, Any], options: Mapping[str, Any]) -> Network:
    """A network with fields that the file tells and those that the user gives; every option must be one of its fields."""
    cls = KINDS[kind]
    for name in options:
        if name not in {item.name for item in dataclasses.fields(cls)}:
            raise LabError(f"--{name.replace('_', '-')} is for no {kind} network, which this file holds; leave it out")
    return cls(**{**fields, **options})


def _blocks(arrays: Arrays) -> int:
    return len({name.split(".")[1] for name in arrays if name.startswith("blocks.")})


def _nanda_shapes(arrays: Arrays) -> dict[str, int]:
    heads = arrays["blocks.0.attn.W_Q"]
    n_heads, d_head = _axis(arrays, "blocks.0.attn.W_Q", 0, 3), heads.shape[1]
    d_mlp, d_model = _axis(arrays, "blocks.0.mlp.W_in", 0), _axis(arrays, "embed.W_E", 0)
    return {"n_layers": _blocks(arrays), "d_model": d_model, "n_heads": n_heads, "d_head": d_head, "d_mlp": d_mlp}


def _nanda(arrays: Arrays, options: Mapping[str, Any]) -> tuple[Network, int]:
    p = _axis(arrays, "embed.W_E", 1) - 1
    equals = _axis(arrays, "unembed.W_U", 1) == p + 1
    return _of_kind("transformer", {**_nanda_shapes(arrays), "predict_equals": equals}, options), p


def _zhong(arrays: Arrays, options: Mapping[str, Any]) -> tuple[Network, int]:
    if "attention_rate" not in options:
        raise LabError("the attention rate of Zhong et al.'s transformer is not in its file; give it: --attention-rate 0 to 1")
    return _of_kind("attention-rate", _nanda_shapes(arrays), options), _axis(arrays, "embed.W_E", 1)


def _nanda_place(name: str) -> tuple[str, Turn]:
    leaf = name.rpartition(".")[2]
    if leaf == "W_O":
        return name, HEADS_IN_COLUMNS
    return name, SAME if leaf in ("W_pos", "W_U") or leaf[0] == "b" else SWAPPED


def _transformer_lens(arrays: Arrays, options: Mapping[str, Any]) -> tuple[Network, int]:
    p = _axis(arrays, "embed.W_E", 0) - 1
    fields = {
        "n_layers": _blocks(arrays),
        "d_model": _axis(arrays, "embed.W_E", 1),
        "n_heads": _axis(arrays, "blocks.0.attn.W_Q", 0, 3),
        "d_head": _axis(arrays, "blocks.0.attn.W_Q", 2, 3),
        "d_mlp": _axis(arrays, "blocks.0.mlp.W_in", 1),
        "layer_norm": "ln_final.w" in arrays,
        "predict_equals": _axis(arrays, "unembed.W_U", 1) == p + 1,
    }
    return _of_kind("transformer", fields, options), p


def _without_head_biases(arrays: Arrays) -> Arrays:
    """HookedTransformer's weights without the biases that ours have not.

    The rows of an attention pattern sum to one, so b_V and b_O add c = b_O + sum_h b_V_h W_O_h to every position. Without
    LayerNorm that is the same as c W_in more in b_in and c more in b_out. Queries', keys' and outputs' biases have no such place.
    """
    kept = dict(arrays)
    for i in range(_blocks(arrays)):
        block = f"blocks.{i}"
        b_V_nd, b_O_D = kept.pop(f"{block}.attn.b_V", None), kept.pop(f"{block}.attn.b_O", None)
        added_D = 0.0 if b_O_D is None else np.asarray(b_O_D, np.float64)
        if b_V_nd is not None:
            added_D = added_D + np.einsum("nd,ndD->D", np.asarray(b_V_nd, np.float64), kept[f"{block}.attn.W_O"])
        if np.any(added_D):
            if "ln_final.w" in arrays:
                raise LabError(f"keys '{block}.attn.b_V' and 'b_O' must be 0 with LayerNorm, found other values")
            kept[f"{block}.mlp.b_in"] = kept[f"{block}.mlp.b_in"] + added_D @ kept[f"{block}.mlp.W_in"]
            kept[f"{block}.mlp.b_out"] = kept[f"{block}.mlp.b_out"] + added_D
    for name in [name for name in kept if name.endswith((".b_Q", ".b_K", ".b_U"))]:
        if np.any(kept.pop(name)):
            raise LabError(f"key {name!r} must be 0 to be read as one of our networks, found other values")
    return kept


def lens_config(model: Network, p: int) -> dict[str, Any]:
    """The arguments of HookedTransformerConfig for one of our transformers.

    Raises:
        LabError: HookedTransformer cannot be this network.
    """
    if model.kind != "transformer" or model.activation not in ("relu", "gelu"):
        raise LabError(f"TransformerLens has transformers with relu or gelu, found {model.phrase()} ({model.activation})")
    fields = {name: getattr(model, name) for name in ("n_layers", "d_model", "n_heads", "d_head", "d_mlp")}
    d_vocab = {"d_vocab": p + 1, "d_vocab_out": p + 1 if getattr(model, "predict_equals", True) else p}
    return fields | d_vocab | {"n_ctx": 3, "act_fn": model.activation, "normalization_type": "LN" if model.layer_norm else None}


def _beside_lens(model: Network, p: int) -> dict[str, np.ndarray]:
    """The biases that ours have not, zero, and the buffers of attention."""
    config = lens_config(model, p)
    heads, width = (config["n_heads"], config["d_head"]), config["d_model"]
    found: dict[str, np.ndarray] = {"unembed.b_U": np.zeros(config["d_vocab_out"], np.float32)}
    for i in range(model.n_layers):
        shapes = {f"attn.b_{name}": heads for name in "QKV"} | {
            "attn.b_O": (width,),
            "mlp.b_in": (model.d_mlp,),
            "mlp.b_out": (width,),
        }
        found |= {f"blocks.{i}.{name}": np.zeros(shape, np.float32) for name, shape in shapes.items()}
        found |= {f"blocks.{i}.attn.mask": np.tri(3, dtype=bool), f"blocks.{i}.attn.IGNORE": np.array(-np.inf, np.float32)}
    return found


def _zhong_linear(arrays: Arrays, options: Mapping[str, Any]) -> tuple[Network, int]:
    p, width = _axis(arrays, "embed.weight", 0), _axis(arrays, "l1.weight", 0)
    halves = _axis(arrays, "embed.weight", 1) != width
    if "l2.weight" in arrays and "arrangement" not in options:
        raise LabError("a linear model with two layers is Zhong et al.'s B or C, and its file does not say; give --arrangement")
    told = {} if "l2.weight" in arrays else {"arrangement": "D" if halves else "A"}
    return _of_kind("linear-layers", {"d_mlp": width, **told}, options), p


def _zhong_linear_place(name: str) -> tuple[str, Turn]:
    layer, _, leaf = name.partition(".")
    return f"{layer}.{'bias' if leaf == 'b' else 'weight'}", SAME if leaf in ("b", "W_E") else SWAPPED


def _chughtai_mlp(arrays: Arrays, options: Mapping[str, Any]) -> tuple[Network, int]:
    fields = {"d_model": _axis(arrays, "W_x", 1), "d_mlp": _axis(arrays, "W", 1)}
    return _of_kind("two-embeddings", fields, options), _axis(arrays, "W_x", 0)


def _embedmlp(arrays: Arrays, options: Mapping[str, Any]) -> tuple[Network, int]:
    if "activation" not in options:
        raise LabError("the activation of He et al.'s network is not in its file; give it: --activation relu, quad, gelu or id")
    return _of_kind("two-layer", {"d_mlp": _axis(arrays, "mlp.W_in", 0)}, options), _axis(arrays, "mlp.W_in", 1)


_TRANSFORMER = ("embed.W_E", "pos_embed.W_pos", "blocks.0.attn.W_Q", "blocks.0.attn.W_O", "blocks.0.mlp.W_in", "unembed.W_U")


def _positions(arrays: Arrays) -> int:
    return arrays["pos_embed.W_pos"].shape[0] if arrays["pos_embed.W_pos"].ndim else 0


LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout(
            name="nanda",
            sign=_TRANSFORMER,
            fits=lambda arrays: arrays["blocks.0.attn.W_O"].ndim == 2 and _positions(arrays) == 3,
            model_of=_nanda,
            place=_nanda_place,
            without_effect=(".attn.mask",),
        ),
        Layout(
            name="zhong",
            sign=_TRANSFORMER,
            fits=lambda arrays: arrays["blocks.0.attn.W_O"].ndim == 2 and _positions(arrays) == 2,
            model_of=_zhong,
            place=_nanda_place,
            without_effect=(".attn.mask",),
        ),
        Layout(
            name="transformer-lens",
            sign=_TRANSFORMER,
            fits=lambda arrays: arrays["blocks.0.attn.W_O"].ndim == 3,
            model_of=_transformer_lens,
            place=lambda name: (name, SAME),
            without_effect=(".attn.mask", ".attn.IGNORE", "x_embed", "y_embed"),
            prepare=_without_head_biases,
            beside=_beside_lens,
        ),
        Layout(
            name="zhong-linear",
            sign=("embed.weight", "unembed.weight", "l1.weight", "l1.bias"),
            fits=lambda arrays: True,
            model_of=_zhong_linear,
            place=_zhong_linear_place,
        ),
        Layout(
            name="chughtai-mlp",
            sign=("W_x", "W_y", "W", "W_U"),
            fits=lambda arrays: True,
            model_of=_chughtai_mlp,
            place=lambda name: (name.rpartition(".")[2], SAME),
        ),
        Layout(
            name="embedmlp",
            sign=("mlp.W_in", "mlp.W_out"),
            fits=lambda arrays: "embed.W_E" not in arrays,
            model_of=_embedmlp,
            place=lambda name: (name, SWAPPED),
            without_effect=("mlp.basis",),
        ),
    )
}
"""Every layout by its name."""
