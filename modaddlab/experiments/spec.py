"""What is run: the specification of one training run, its canonical JSON and its run id.

A run is named by its specification. The id is the run's readable name and the first ten hex digits of the sha256 of

    {"train_version": <that of the network's family>, <every field that differs from its default>}

so that two people who type the same settings get the same id, and a field that is added later with a default that keeps
the old behaviour renames no record. Changing a default, or the arithmetic of training, needs a new `train_version` of the
families that it is about; a golden test holds both in place.

A table "model" describes a network of the family that its field "kind" names (`modaddlab.models.registry`); one without that
field describes a transformer. What a run's id covers are the fields that differ from the defaults of its own kind.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from typing import Any, Literal

from modaddlab.fields import check, setting, specification
from modaddlab.models.network import Network
from modaddlab.models.registry import KINDS
from modaddlab.tasks import TaskSpec

LossDtype = Literal["float64", "float32", "log1p", "stablemax"]
"""How a loss is computed (`modaddlab.training.steps.objective`)."""

DEFAULT_KIND, DEFAULT_MODEL = next((kind, cls()) for kind, cls in KINDS.items())
"""The network of a run that names none."""


@specification("optim")
class OptimSpec:
    """The optimizer: full batch unless batch_size says otherwise."""

    optimizer: Literal["adamw", "adam", "sgd", "muon"] = setting(
        "adamw", "the update rule; adam adds the decay to the gradient, muon orthogonalizes the updates of matrices"
    )
    lr: float = setting(1e-3, "learning rate after warm-up", gt=0, le=10)
    weight_decay: float = setting(1.0, "decoupled weight decay: weights shrink by lr * weight_decay a step", ge=0, le=1000)
    beta1: float = setting(0.9, "AdamW's decay of the mean gradient; SGD's momentum is 0", ge=0, lt=1)
    beta2: float = setting(0.98, "AdamW's decay of the squared gradient", ge=0, lt=1)
    warmup_steps: int = setting(10, "steps over which the learning rate rises linearly from 0", ge=0)
    batch_size: int | None = setting(None, "training pairs a step; none: all of them", ge=1)
    l1: float = setting(0.0, "weight of the sum of absolute weights added to the loss", ge=0, le=10)
    gradient: Literal["plain", "grokfast-average", "grokfast-window", "orthogonal"] = setting(
        "plain", "what is done to the gradient first: its slow part enlarged; its part along the weights taken away (OrthoGrad)"
    )
    grokfast_steps: int = setting(50, "over how many steps Grokfast averages the gradient", ge=1, le=1000)
    grokfast_gain: float = setting(2.0, "how many times the average it adds to the gradient", ge=0, le=1000)
    constant_norm: bool = setting(False, "all weights together brought back to their initial norm after every step (Omnigrok)")

    @property
    def is_plain(self) -> bool:
        """Whether the update is AdamW's or plain descent's and nothing else."""
        return self.optimizer in ("adamw", "sgd") and self.gradient == "plain" and not self.constant_norm


@specification("record")
class RecordSpec:
    """What is kept of a run."""

    metrics_every: int = setting(10, "steps between two rows of metrics", ge=1)
    energies: bool = setting(True, "whether a row of metrics has the energy of every frequency")
    weights: Literal["all", "embedding", "none"] = setting(
        "all", "final weights that are kept: all; those that stand for a residue; none"
    )
    snapshots: int = setting(
        0,
        "weights are kept at n + 1 steps, steps * (i / n)**2 for i = 0..n: dense early, still fine at a transition; 0: none",
        ge=0,
        le=1000,
    )
    snapshot_dtype: Literal["float16", "float32"] = setting("float16", "precision of snapshots; final weights are float32")


@specification("origin")
class OriginSpec:
    """Where the weights of a network come from that was not trained here; the run id covers them by their hash."""

    weights: str = setting("", "sha256 of the weights: their names, shapes and float32 bytes")
    file: str = setting("", "the name of the file that they were read from; empty: none")
    sha256: str = setting("", "its sha256")
    layout: str = setting("", "how the weights lie in it")

    def __post_init__(self) -> None:
        for name in ("weights", "sha256"):
            value = getattr(self, name)
            hashed = len(value) == 64 and set(value) <= set("0123456789abcdef")
            check(hashed or (name == "sha256" and not self.file), f"origin.{name} (={value!r}) must be 64 hex digits")


@specification("")
class RunSpec:
    """One training run, complete: with the same machine and thread count it determines every bit of the record.

    Of a network that was not trained here it has the task and the network, an `origin`, and nothing to say of an optimizer.
    """

    name: str = setting("custom", "readable start of the run id: letters, digits, '-' and '.'")
    task: TaskSpec = setting(TaskSpec(), "the task")
    model: Network = setting(DEFAULT_MODEL, "the network")
    optim: OptimSpec = setting(OptimSpec(), "the optimizer")
    record: RecordSpec = setting(RecordSpec(), "what is kept")
    steps: int = setting(40_000, "optimizer steps (epochs, when the batch is full)", ge=0, le=10_000_000)
    grokked_for: int | None = setting(
        None,
        "ends the run once 95 % of the test pairs have been right for so many steps; none: after all its steps",
        ge=1,
        le=10_000_000,
    )
    seed: int = setting(0, "seed of the split and of the initial weights", ge=0, lt=2**32)
    loss_dtype: LossDtype = setting(
        "float64",
        "precision of the log-softmax, the weights being float32: float64; float32; log1p: float32 from the leads over the right "
        "answer, as precise as float64 and more; or stablemax: float32, with the StableMax of Prieto et al. 2025 in its place",
    )
    origin: OriginSpec | None = setting(None, "where the weights come from that were not trained here; none: from this training")

    def __post_init__(self) -> None:
        allowed = set("abcdefghijklmnopqrstuvwxyz0123456789-.")
        check(
            0 < len(self.name) <= 60 and set(self.name) <= allowed and self.name[0].isalnum() and ".." not in self.name,
            f"name (={self.name!r}) must be 1 to 60 lower-case letters, digits, '-' or '.', starting with a letter or digit",
        )
        if self.grokked_for is not None:
            self._check_until_grokked(self.grokked_for)
        self.model.check_modulus(self.task.p)

    def _check_until_grokked(self, n: int) -> None:
        check(
            self.task.n_train < self.task.n_pairs,
            f"grokked_for (={n}) must have test pairs to ask; take task.train_frac (={self.task.train_frac:g}) below 1",
        )
        check(
            not self.record.snapshots,
            f"grokked_for (={n}) must be without record.snapshots (={self.record.snapshots}), which are spread over all steps; "
            "set one of them to none or 0",
        )

    def to_dict(self) -> dict[str, Any]:
        """Every field, nested, in plain JSON types."""
        return _plain(self)

    def changes(self) -> dict[str, Any]:
        """The fields that differ from their defaults, as {"optim.lr": 0.01, ...}; the name is not among them."""
        mine, default = flatten(self.to_dict()), _defaults(type(self.model))
        same = {key for key, value in default.items() if key != "model.kind" and key in mine and mine[key] == value}
        return {key: value for key, value in sorted(mine.items()) if key != "name" and key not in same}

    def canonical_json(self) -> str:
        """The text whose hash names the run: sorted keys, no spaces, shortest floats."""
        content = {"train_version": self.train_version, **self.changes()}
        return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @property
    def train_version(self) -> int:
        """Of the training code for this family of networks."""
        return self.model.train_version

    @functools.cached_property
    def run_id(self) -> str:
        """`<name>-<first ten hex digits of sha256(canonical JSON)>`."""
        return f"{self.name}-{hashlib.sha256(self.canonical_json().encode()).hexdigest()[:10]}"

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> RunSpec:
        """Inverse of `to_dict`.

        Raises:
            LabError: a field is unknown or its value is not allowed.
        """
        check(isinstance(content, dict), f"a run must be a table of fields, found {content!r}")
        tables = {"task": TaskSpec, "model": _network, "optim": OptimSpec, "record": RecordSpec, "origin": OriginSpec}
        made = {name: make(**content[name]) for name, make in tables.items() if isinstance(content.get(name), dict)}
        return cls(**content | made)


def _network(*, kind: object = DEFAULT_KIND, **fields: Any) -> Network:
    """The network that a table describes; its field "kind" says of which family."""
    check(isinstance(kind, str) and kind in KINDS, f"model.kind (={kind!r}) must be one of {', '.join(KINDS)}")
    return KINDS[str(kind)](**fields)


def _plain(value: Any) -> Any:
    """As `dataclasses.asdict`, which copies every value, though none can be changed: lists hold thousands of runs."""
    if not dataclasses.is_dataclass(value):
        return value + 0.0 if isinstance(value, float) else value  # -0.0 and 0.0 are one setting, and give one run id
    return {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}


def flatten(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"optim": {"lr": 1}} -> {"optim.lr": 1}."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


@functools.cache
def _defaults(family: type[Network]) -> dict[str, Any]:
    """The fields of a run of that family with all their defaults."""
    return flatten(RunSpec(model=family()).to_dict())
