"""What is run: the specification of one training run, its canonical JSON and its run id.

A run is named by its specification. The id is the run's readable name and the first ten hex digits of the sha256 of

    {"train_version": TRAIN_VERSION, <every field that differs from its default>}

so that two people who type the same settings get the same id, and a field that is added later with a default that keeps
the old behaviour renames no record. Changing a default, or the arithmetic of training, needs a new TRAIN_VERSION; a golden
test holds both in place.

There are two kinds of network. A table "model" whose field "kind" is "two-layer" describes a `TwoLayerSpec`; one without that
field describes a `TransformerSpec`. What a run's id covers are the fields that differ from the defaults of its own kind.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import types
import typing
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from modaddlab.errors import LabError

TRAIN_VERSION = 1
"""Raised whenever the same specification would give other bits: all records are then trained again."""

Operation = Literal["add", "subtract", "multiply", "a2+b2", "a3+ab", "a2+ab+b2", "random"]
Activation = Literal["relu", "gelu", "quad", "id"]


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise LabError(message)


def _check_fields(spec: object) -> None:
    """Raise when a field's value is not of its annotated type; an integer becomes the float that its field holds."""
    hints = typing.get_type_hints(type(spec))
    for item in dataclasses.fields(spec):  # type: ignore[arg-type]
        value = getattr(spec, item.name)
        if not _fits(value, hints[item.name]):
            raise LabError(
                f"{item.name} (={value!r}) of {type(spec).__name__} must be {describe_type(hints[item.name])}; "
                f"{item.metadata['help']}"
            )
        if hints[item.name] is float:  # 1 and 1.0, and 0.0 and -0.0, are the same setting and must give the same run id
            try:
                number = float(value) + 0.0
            except OverflowError:  # an integer beyond every float
                number = math.inf
            if not math.isfinite(number):
                raise LabError(f"{item.name} (={number}) of {type(spec).__name__} must be a finite number")
            object.__setattr__(spec, item.name, number)


def _fits(value: object, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return value in arguments
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if isinstance(value, bool):
        return hint is bool
    if hint is float:
        return isinstance(value, int | float)
    return isinstance(value, hint)


def describe_type(hint: Any) -> str:
    """What a field accepts, in words for an error message."""
    if typing.get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, typing.get_args(hint)))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(describe_type(argument) for argument in typing.get_args(hint))
    words: dict[Any, str] = {int: "an integer", float: "a number", bool: "true or false", str: "a text", type(None): "none"}
    return words.get(hint) or str(hint.__name__)


def _field(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """The operation mod p and which of its p*p pairs are trained on."""

    operation: Operation = _field("add", "the operation on (a, b), reduced mod p; 'random' draws labels as a control")
    p: int = _field(113, "the modulus: residues 0..p-1")
    train_frac: float = _field(0.3, "share of the p*p ordered pairs in the training split")

    def __post_init__(self) -> None:
        _check_fields(self)
        _check(2 <= self.p <= 1009, f"task.p (={self.p}) must be a modulus from 2 to 1009")
        _check(0 < self.train_frac <= 1, f"task.train_frac (={self.train_frac}) must lie in (0, 1]")
        _check(
            int(self.train_frac * self.p**2) >= 1,
            f"task.train_frac (={self.train_frac}) leaves no training pair of {self.p**2}; raise it or task.p",
        )


@dataclass(frozen=True, kw_only=True)
class TransformerSpec:
    """A decoder on the tokens [a, b, =], read at the last position (Nanda et al. 2023)."""

    n_layers: int = _field(1, "number of layers, 1 to 3")
    d_model: int = _field(128, "width of the residual stream")
    n_heads: int = _field(4, "attention heads per layer")
    d_head: int = _field(32, "width of a head; d_head * n_heads must equal d_model")
    d_mlp: int = _field(512, "hidden neurons of each MLP")
    activation: Activation = _field("relu", "the MLP's nonlinearity")
    causal: bool = _field(True, "whether a position attends only to itself and earlier ones")
    mlp_biases: bool = _field(True, "whether the MLPs have b_in and b_out")
    layer_norm: bool = _field(False, "LayerNorm before attention, MLP and unembedding")
    predict_equals: bool = _field(
        True, "whether '=' is among the outputs of the training loss (the released code: p + 1; the paper's text: p)"
    )
    dropout: float = _field(0.0, "probability that a hidden neuron is dropped while training")
    init: Literal["normal", "layers"] = _field(
        "normal", "initial weights: normal, scaled by the width, with biases 0; or the defaults of PyTorch's layers"
    )

    def __post_init__(self) -> None:
        _check_fields(self)
        _check(1 <= self.n_layers <= 3, f"model.n_layers (={self.n_layers}) must be 1, 2 or 3")
        for name in ("d_model", "n_heads", "d_head", "d_mlp"):
            value = getattr(self, name)
            _check(1 <= value <= 8192, f"model.{name} (={value}) must lie between 1 and 8192")
        _check(
            self.d_head * self.n_heads == self.d_model,
            f"d_head (={self.d_head}) times n_heads (={self.n_heads}) must equal d_model (={self.d_model}); "
            "set model.d_head, model.n_heads and model.d_model together",
        )
        _check(0 <= self.dropout < 1, f"model.dropout (={self.dropout}) must lie in [0, 1)")


@dataclass(frozen=True, kw_only=True)
class TwoLayerSpec:
    """A network with one hidden layer on the sum of the two residues' one-hot vectors (He et al. 2026): no attention, no biases.

    logits = act(theta[a] + theta[b]) xi, the same for (a, b) and (b, a).
    """

    layer_norm: ClassVar[bool] = False
    """There is none: what the analyses ask of every network."""

    kind: Literal["two-layer"] = _field("two-layer", "tells this network from a transformer")
    d_mlp: int = _field(512, "hidden neurons")
    activation: Activation = _field("relu", "the nonlinearity")
    d_model: int | None = _field(None, "width of a learned embedding before the hidden layer; none: one-hot vectors of length p")
    init: Literal["random", "single-frequency"] = _field(
        "random", "initial weights: normal; or one cosine a neuron, of one frequency in and out, with random phases (odd p)"
    )
    init_scale: float = _field(0.1, "random: weights are init_scale * N(0, 1) / sqrt(width); single-frequency: the amplitude")

    def __post_init__(self) -> None:
        _check_fields(self)
        _check(1 <= self.d_mlp <= 2**20, f"model.d_mlp (={self.d_mlp}) must lie between 1 and {2**20:,}")
        _check(
            self.d_model is None or 1 <= self.d_model <= 8192,
            f"model.d_model (={self.d_model}) must lie between 1 and 8192, or be none for one-hot vectors",
        )
        _check(0 < self.init_scale <= 100, f"model.init_scale (={self.init_scale}) must lie in (0, 100]")
        _check(
            self.init == "random" or self.d_model is None,
            f"model.init (={self.init}) is for one-hot vectors; model.d_model (={self.d_model}) must be none with it",
        )

    @property
    def embedding(self) -> Literal["one-hot", "learned"]:
        """What stands for a residue."""
        return "one-hot" if self.d_model is None else "learned"


ModelSpec = TransformerSpec | TwoLayerSpec
"""Any network."""

KINDS: dict[str, type[TransformerSpec] | type[TwoLayerSpec]] = {"transformer": TransformerSpec, "two-layer": TwoLayerSpec}
"""The networks by the word that tells them apart in a dictionary; the first is meant where there is no word."""


@dataclass(frozen=True, kw_only=True)
class OptimSpec:
    """The optimizer: full batch unless batch_size says otherwise."""

    optimizer: Literal["adamw", "sgd"] = _field("adamw", "the update rule; no adam, whose L2 penalty is not decoupled decay")
    lr: float = _field(1e-3, "learning rate after warm-up")
    weight_decay: float = _field(1.0, "decoupled weight decay: weights shrink by lr * weight_decay a step")
    beta1: float = _field(0.9, "AdamW's decay of the mean gradient; SGD's momentum is 0")
    beta2: float = _field(0.98, "AdamW's decay of the squared gradient")
    warmup_steps: int = _field(10, "steps over which the learning rate rises linearly from 0")
    batch_size: int | None = _field(None, "training pairs a step; none: all of them")
    l1: float = _field(0.0, "weight of the sum of absolute weights added to the loss")

    def __post_init__(self) -> None:
        _check_fields(self)
        _check(0 < self.lr <= 10, f"optim.lr (={self.lr}) must lie in (0, 10]")
        _check(0 <= self.weight_decay <= 1000, f"optim.weight_decay (={self.weight_decay}) must lie in [0, 1000]")
        _check(0 <= self.l1 <= 10, f"optim.l1 (={self.l1}) must lie in [0, 10]")
        for name in ("beta1", "beta2"):
            _check(0 <= getattr(self, name) < 1, f"optim.{name} (={getattr(self, name)}) must lie in [0, 1)")
        _check(self.warmup_steps >= 0, f"optim.warmup_steps (={self.warmup_steps}) must not be negative")
        _check(
            self.batch_size is None or self.batch_size >= 1,
            f"optim.batch_size (={self.batch_size}) must be at least 1, or none for the full batch",
        )


@dataclass(frozen=True, kw_only=True)
class RecordSpec:
    """What is kept of a run."""

    metrics_every: int = _field(10, "steps between two rows of metrics")
    energies: bool = _field(True, "whether a row of metrics has the energy of every frequency")
    weights: Literal["all", "embedding", "none"] = _field(
        "all", "final weights that are kept: all; those that stand for a residue; none"
    )
    snapshots: int = _field(
        0, "weights are kept at n + 1 steps, steps * (i / n)**2 for i = 0..n: dense early, still fine at a transition; 0: none"
    )
    snapshot_dtype: Literal["float16", "float32"] = _field("float16", "precision of snapshots; final weights are float32")

    def __post_init__(self) -> None:
        _check_fields(self)
        _check(self.metrics_every >= 1, f"record.metrics_every (={self.metrics_every}) must be at least 1")
        _check(0 <= self.snapshots <= 1000, f"record.snapshots (={self.snapshots}) must lie between 0 and 1000")


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One training run, complete: with the same machine and thread count it determines every bit of the record."""

    name: str = _field("custom", "readable start of the run id: letters, digits, '-' and '.'")
    task: TaskSpec = _field(TaskSpec(), "the task")
    model: TransformerSpec | TwoLayerSpec = _field(TransformerSpec(), "the network")
    optim: OptimSpec = _field(OptimSpec(), "the optimizer")
    record: RecordSpec = _field(RecordSpec(), "what is kept")
    steps: int = _field(40_000, "optimizer steps (epochs, when the batch is full)")
    grokked_for: int | None = _field(
        None, "ends the run once 95 % of the test pairs have been right for so many steps; none: after all its steps"
    )
    seed: int = _field(0, "seed of the split and of the initial weights")
    loss_dtype: Literal["float64", "float32"] = _field("float64", "precision of the log-softmax; the weights are float32")

    def __post_init__(self) -> None:
        _check_fields(self)
        allowed = set("abcdefghijklmnopqrstuvwxyz0123456789-.")
        _check(
            0 < len(self.name) <= 60 and set(self.name) <= allowed and self.name[0].isalnum() and ".." not in self.name,
            f"name (={self.name!r}) must be 1 to 60 lower-case letters, digits, '-' or '.', starting with a letter or digit",
        )
        _check(0 <= self.steps <= 10_000_000, f"steps (={self.steps}) must lie between 0 and 10,000,000")
        if self.grokked_for is not None:
            self._check_until_grokked(self.grokked_for)
        _check(0 <= self.seed < 2**32, f"seed (={self.seed}) must lie between 0 and 2**32 - 1")
        if self.model.init == "single-frequency":
            _check(
                self.task.p % 2 == 1,
                f"task.p (={self.task.p}) must be odd for model.init=single-frequency, whose cosines have the frequencies "
                "1..(p-1)/2; take an odd p, or model.init=random",
            )

    def _check_until_grokked(self, n: int) -> None:
        _check(1 <= n <= 10_000_000, f"grokked_for (={n}) must lie between 1 and 10,000,000, or be none")
        _check(
            int(self.task.train_frac * self.task.p**2) < self.task.p**2,
            f"grokked_for (={n}) must have test pairs to ask; take task.train_frac (={self.task.train_frac:g}) below 1",
        )
        _check(
            not self.record.snapshots,
            f"grokked_for (={n}) must be without record.snapshots (={self.record.snapshots}), which are spread over all steps; "
            "set one of them to none or 0",
        )

    def to_dict(self) -> dict[str, Any]:
        """Every field, nested, in plain JSON types."""
        return dataclasses.asdict(self)

    def changes(self) -> dict[str, Any]:
        """The fields that differ from their defaults, as {"optim.lr": 0.01, ...}; the name is not among them."""
        mine, default = flatten(self.to_dict()), flatten(RunSpec(model=type(self.model)()).to_dict())
        same = {key for key, value in mine.items() if key != "model.kind" and value == default[key]}
        return {key: value for key, value in sorted(mine.items()) if key != "name" and key not in same}

    def canonical_json(self) -> str:
        """The text whose hash names the run: sorted keys, no spaces, shortest floats."""
        content = {"train_version": TRAIN_VERSION, **self.changes()}
        return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @property
    def run_id(self) -> str:
        """`<name>-<first ten hex digits of sha256(canonical JSON)>`."""
        return f"{self.name}-{hashlib.sha256(self.canonical_json().encode()).hexdigest()[:10]}"

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> RunSpec:
        """Inverse of `to_dict`.

        Raises:
            LabError: a field is unknown or its value is not allowed.
        """
        return _build(cls, content, "")


def _build(cls: type, content: Any, prefix: str) -> Any:
    """A dataclass from nested dictionaries, its errors naming the whole path of a field."""
    _check(isinstance(content, dict), f"{prefix.rstrip('.') or 'a run'} must be a table of fields, found {content!r}")
    annotated = typing.get_type_hints(cls)
    hints = {item.name: annotated[item.name] for item in dataclasses.fields(cls)}
    unknown = sorted(set(content) - set(hints))
    _check(not unknown, f"unknown field {prefix}{unknown[0] if unknown else ''}; known: {', '.join(prefix + k for k in hints)}")
    arguments = {}
    for name, value in content.items():
        if hints[name] == ModelSpec:
            value = _build_model(value, f"{prefix}{name}.")
        elif dataclasses.is_dataclass(hints[name]):
            value = _build(typing.cast(type, hints[name]), value, f"{prefix}{name}.")
        arguments[name] = value
    return cls(**arguments)


def _build_model(content: Any, prefix: str) -> Any:
    """The network that a table describes; its field "kind" says which one."""
    kind = content.get("kind", "transformer") if isinstance(content, dict) else "transformer"
    _check(isinstance(kind, str) and kind in KINDS, f"{prefix}kind (={kind!r}) must be one of {', '.join(KINDS)}")
    if kind == "transformer" and isinstance(content, dict):
        content = {name: value for name, value in content.items() if name != "kind"}
    return _build(KINDS[kind], content, prefix)


def flatten(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"optim": {"lr": 1}} -> {"optim.lr": 1}."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
