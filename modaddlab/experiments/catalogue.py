"""The named runs: data, without computation.

Each is a `RunSpec` and a line that says what it is for. `python -m modaddlab.train --list` prints them.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from modaddlab.errors import LabError
from modaddlab.experiments import optimizer_sweeps, two_layer, two_layer_sweeps, variations
from modaddlab.experiments.overrides import changed
from modaddlab.experiments.spec import OptimSpec, RecordSpec, RunSpec, TaskSpec, flatten
from modaddlab.models.registry import AttentionRateSpec, LinearLayersSpec, TransformerSpec, TwoEmbeddingsSpec, TwoLayerSpec

_CONTROL = RecordSpec(energies=False)
"""Of controls the energies of all frequencies at every row are in no figure."""

ATTENTION_RATES = tuple(tenths / 10 for tenths in range(1, 10))
"""Between constant attention, 0, and the usual one, 1."""

_SPARSE = RecordSpec(metrics_every=100, energies=False)
"""Of networks that are looked at when they have been trained."""


def _small_modulus(p: int, weight_decay: float) -> RunSpec:
    return RunSpec(
        name=f"p{p}-wd{weight_decay:g}",
        task=TaskSpec(p=p),
        optim=OptimSpec(weight_decay=weight_decay),
        record=_CONTROL,
        steps=25_000,
    )


def _dropout(name: str, rate: float) -> RunSpec:
    model, optim = TransformerSpec(dropout=rate), OptimSpec(weight_decay=0.0)
    return RunSpec(name=name, model=model, optim=optim, record=_CONTROL, steps=12_000)


def _lab(name: str, share: float = 0.5, weight_decay: float = 2.0) -> RunSpec:
    return RunSpec(
        name=name,
        task=TaskSpec(p=31, train_frac=share),
        model=TwoLayerSpec(),
        optim=OptimSpec(weight_decay=weight_decay),
        record=RecordSpec(energies=False, weights="none"),
        steps=3_000,
    )


def _attention_rate(name: str, rate: float) -> RunSpec:
    return RunSpec(
        name=name,
        task=TaskSpec(p=59, train_frac=0.8),
        model=AttentionRateSpec(attention_rate=rate),
        optim=OptimSpec(weight_decay=2.0),
        record=_SPARSE,
        steps=20_000,
    )


def _linear(name: str, arrangement: Literal["A", "B", "C", "D"]) -> RunSpec:
    return RunSpec(
        name=name,
        task=TaskSpec(p=59, train_frac=0.8),
        model=LinearLayersSpec(arrangement=arrangement),
        optim=OptimSpec(weight_decay=2.0, beta2=0.999, warmup_steps=0),
        record=_SPARSE,
        steps=20_000,
    )


_RUNS: list[tuple[RunSpec, str]] = [
    (RunSpec(name="mainline", record=RecordSpec(snapshots=64)), "the network of the book: Nanda et al.'s setup, 40,000 epochs"),
    (RunSpec(name="untrained", steps=0), "the mainline's initial weights: the null of every structure"),
    (_small_modulus(53, 1), "p = 53 with the mainline's weight decay: does it grok?"),
    (_small_modulus(71, 1), "p = 71 with the mainline's weight decay: does it grok?"),
    (_small_modulus(53, 5), "p = 53 with the weight decay that the paper gives as the cure"),
    (_small_modulus(71, 5), "p = 71 with the weight decay that the paper gives as the cure"),
    (
        RunSpec(
            name="debug",
            task=TaskSpec(p=17, train_frac=0.6),
            model=TransformerSpec(d_model=32, n_heads=2, d_head=16, d_mlp=64),
            record=RecordSpec(snapshots=8),
            steps=1000,
        ),
        "a small network that trains in seconds: p = 17, 1000 steps",
    ),
    (RunSpec(name="mainline-25k", steps=25_000), "the mainline, shorter: for other seeds (--seed 1)"),
    (RunSpec(name="no-decay", optim=OptimSpec(weight_decay=0.0), record=_CONTROL, steps=25_000), "control: no weight decay"),
    (
        _dropout("dropout", 0.2),
        "control: dropout 0.2 in place of weight decay",
    ),
    (
        RunSpec(name="l1", optim=OptimSpec(weight_decay=0.0, l1=1e-5), record=_CONTROL, steps=15_000),
        "control: an L1 penalty in place of decay",
    ),
    (
        _dropout("dropout-0.5", 0.5),
        "control: dropout 0.5 in place of weight decay",
    ),
    (
        RunSpec(name="float32-loss", loss_dtype="float32", record=_CONTROL, steps=15_000),
        "the mainline with its loss computed in float32",
    ),
    (
        RunSpec(name="p-outputs", model=TransformerSpec(predict_equals=False), record=_CONTROL, steps=12_000),
        "the mainline as the paper's text has it: p outputs, not p + 1",
    ),
    (
        RunSpec(
            name="layer-defaults",
            model=TransformerSpec(predict_equals=False, init="layers"),
            optim=OptimSpec(beta2=0.999, warmup_steps=0),
            record=_CONTROL,
            steps=25_000,
            seed=42,
            loss_dtype="float32",
        ),
        "a public replication's own setup: PyTorch's initial weights and betas, float32 loss, no warm-up",
    ),
    *((spec, two_layer.PURPOSES[name]) for name, spec in two_layer.FAMILY.items()),
    (
        RunSpec(name="mlp-mainline", model=TwoLayerSpec(), record=RecordSpec(metrics_every=50), steps=10_000),
        "two layers on the mainline's task, split and optimizer: what does the transformer add?",
    ),
    (
        RunSpec(name="mlp-mainline-untrained", model=TwoLayerSpec(), steps=0),
        "the initial weights of mlp-mainline: the null beside it",
    ),
    (
        RunSpec(
            name="mlp-p97",
            task=TaskSpec(p=97, train_frac=1.0),
            model=TwoLayerSpec(d_mlp=1024),
            optim=OptimSpec(lr=5e-5, weight_decay=0.0),
            steps=5_000,
            seed=42,
        ),
        "mlp-standard at p = 97 with 1,024 neurons, fewer than the rule gives: the released default",
    ),
    (
        dataclasses.replace(two_layer.FAMILY["mlp-standard"], name="mlp-longer", record=RecordSpec(), steps=10_000),
        "mlp-standard for twice as long: the activation swaps were published for a network of about that age",
    ),
    (
        RunSpec(
            name="mlp-quad-descent",
            task=TaskSpec(train_frac=1.0, p=23),
            model=TwoLayerSpec(activation="quad"),
            optim=OptimSpec(optimizer="sgd", lr=0.5, weight_decay=0.0),
            record=RecordSpec(metrics_every=20),
            steps=4_000,
            seed=42,
        ),
        "mlp-quad-random by plain gradient descent: the lottery under the equations that it is about",
    ),
    (_lab("lab"), "the page's live network at its usual settings: when it has memorized, when it understands"),
    (_lab("lab-no-decay", weight_decay=0.0), "the live network without weight decay"),
    (_lab("lab-quarter", share=0.25), "the live network on a quarter of the pairs"),
    (_lab("lab-mirrors", share=0.75), "the live network on three quarters of the pairs"),
    (_attention_rate("pizza", 0.0), "Zhong et al.'s transformer with constant attention: their model A, a pizza"),
    (_attention_rate("clock", 1.0), "Zhong et al.'s transformer with the usual attention: their model B, a clock"),
    *(
        (_attention_rate(f"attention-rate-{rate:g}", rate), f"the same with attention rate {rate:g}, between the two")
        for rate in ATTENTION_RATES
    ),
    (
        RunSpec(name="two-embeddings", model=TwoEmbeddingsSpec(), steps=25_000),
        "Chughtai et al.'s multilayer perceptron, an embedding for each residue, on the mainline's task",
    ),
    (_linear("pizza-linear", "A"), "Zhong et al.'s linear model A: one dense layer on the sum of the embeddings"),
    (_linear("pizza-linear-b", "B"), "their linear model B: a second dense layer"),
    (_linear("pizza-linear-c", "C"), "their linear model C: a dense layer before the sum, and one behind it"),
    (_linear("pizza-linear-d", "D"), "their linear model D: one dense layer on two embeddings side by side"),
    *((spec, variations.PURPOSES[name]) for name, spec in variations.VARIATIONS.items()),
    *((spec, two_layer_sweeps.PURPOSES[name]) for name, spec in two_layer_sweeps.VARIATIONS.items()),
    *((spec, optimizer_sweeps.PURPOSES[name]) for name, spec in optimizer_sweeps.VARIATIONS.items()),
]

RUNS: Mapping[str, RunSpec] = MappingProxyType({spec.name: spec for spec, _ in _RUNS})
"""Every named run."""

PURPOSES: Mapping[str, str] = MappingProxyType({spec.name: purpose for spec, purpose in _RUNS})
"""What each named run is for, a line each."""


def named(name: str, *, seed: int | None = None, p: int | None = None) -> RunSpec:
    """The run of that name, with another seed or modulus if one is given.

    Args:
        name: a name of `RUNS`.
        seed: another seed.
        p: another modulus, for the runs of the two-layer network that are there for any; the width follows it.

    Raises:
        LabError: there is none, the message has the nearest; it has one modulus only; p or the seed is not allowed.
    """
    if name not in RUNS:
        near = difflib.get_close_matches(name, RUNS, n=3)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise LabError(f"unknown run {name!r}; {hint}python -m modaddlab.train --list shows all {len(RUNS)}")
    spec = RUNS[name]
    if name in two_layer.FAMILY:
        return two_layer.two_layer(name, p=spec.task.p if p is None else p, seed=spec.seed if seed is None else seed)
    if p is not None:
        raise LabError(
            f"{name} has the modulus {spec.task.p}; --p (={p}) is for {', '.join(two_layer.FAMILY)}; "
            f"for another network like it: --set task.p={p}"
        )
    return spec if seed is None else dataclasses.replace(spec, seed=seed)


def specified(
    run: str | RunSpec, changes: Mapping[str, Any] | None = None, *, seed: int | None = None, p: int | None = None
) -> RunSpec:
    """The specification that a user means: a named run's or the one given, with fields replaced.

    Args:
        run: a name of `RUNS`, or a specification.
        changes: fields and their values, {"optim.weight_decay": 0.3}.
        seed: another seed.
        p: another modulus, of a named run that is there for any.

    Raises:
        LabError: the name or a field is unknown, or a value is not allowed.
    """
    if isinstance(run, RunSpec):
        if p is not None:
            raise LabError(f"p (={p}) is for named runs; put task.p into the specification")
        spec = run if seed is None else dataclasses.replace(run, seed=seed)
    else:
        spec = named(run, seed=seed, p=p)
    return changed(spec, changes or {})


def nearest(spec: RunSpec) -> RunSpec:
    """The named run that a specification is a variation of: that of its name, otherwise the first with its kind of network; with
    the same seed, and the same modulus where the run is there for any."""
    name = spec.name
    if name not in RUNS or RUNS[name].model.kind != spec.model.kind:
        name = next(name for name, run in RUNS.items() if run.model.kind == spec.model.kind)
    if name in two_layer.FAMILY:
        try:
            return named(name, seed=spec.seed, p=spec.task.p)
        except LabError:  # a modulus that this run cannot have
            return named(name, seed=spec.seed)
    return named(name, seed=spec.seed)


def differences(spec: RunSpec) -> dict[str, Any]:
    """What sets a run apart from the named run that it is a variation of: "p", "seed", and fields in the form "optim.lr"."""
    base = nearest(spec)
    first, theirs = RUNS[base.name], flatten(base.to_dict())
    found: dict[str, Any] = {"p": base.task.p} if base.task.p != first.task.p else {}
    found |= {"seed": base.seed} if base.seed != first.seed else {}
    return found | {field: value for field, value in flatten(spec.to_dict()).items() if value != theirs[field]}


def label(spec: RunSpec) -> str:
    """A short name of a run: its name with its modulus and seed where they are others; its run id where more is."""
    found = differences(spec)
    return spec.run_id if found.keys() - {"p", "seed"} else " ".join([spec.name, *(f"{k} {v}" for k, v in found.items())])
