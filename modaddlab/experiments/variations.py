"""The runs of the sweeps: the mainline with one thing changed, or two. Data, as the catalogue is.

Each has a name that says what was changed ("decay-0.1", "fraction-0.5", "p59-heads-2"), and any seed. Their records are light:
curves every 20 to 200 steps and the final embedding. What is known to grok early has fewer steps, so that a sweep costs what its
answer needs.

"decay-2-groks" is decay-2 until it has grokked: the same steps, but the run ends where they have answered when. It keeps no
weights, because those of a network that has just grokked are not those that it ends with.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

from modaddlab.experiments.spec import OptimSpec, RecordSpec, RunSpec, TaskSpec
from modaddlab.models.network import Network
from modaddlab.models.registry import TransformerSpec
from modaddlab.tasks import Operation

MAINLINE = RunSpec()
"""What is varied: the mainline's task, network and optimizer are the defaults."""

PUBLISHED_PRIMES = (7, 11, 13, 17, 23, 31, 43, 59, 67, 89, 97)
"""The moduli of a public sweep, besides 113."""

SMALL: Mapping[str, tuple[str, TaskSpec]] = {
    "small-59": ("the mainline modulo 59, six pairs in ten", TaskSpec(p=59, train_frac=0.6)),
    "small-59-unordered": (
        "the same, no test pair the mirror image of a training pair",
        TaskSpec(p=59, train_frac=0.6, unordered=True),
    ),
    "small-59-divide": ("a / b mod 59, six pairs in ten", TaskSpec(operation="divide", p=59, train_frac=0.6)),
    "small-60": ("an even and composite modulus: 60, six pairs in ten", TaskSpec(p=60, train_frac=0.6)),
    "small-35": ("an odd and composite modulus: 35, eight pairs in ten", TaskSpec(p=35, train_frac=0.8)),
}
"""Name of a run: what it is, its task. All have about as many samples, n / (p ln p)."""

HEADS = (1, 2, 8)
"""Numbers of heads besides the mainline's 4; they share the width of 128."""

NEURONS, WIDTHS = (32, 64, 128, 256, 1024), (16, 32, 64, 256)
"""Numbers of neurons besides 512, and widths of the residual stream besides 128."""

OPERATIONS: Mapping[str, tuple[Operation, str, int]] = {
    "subtract": ("subtract", "a - b mod 113", 25_000),
    "multiply": ("multiply", "a b mod 113", 25_000),
    "squares": ("a2+b2", "a^2 + b^2 mod 113", 10_000),
    "mixed": ("a2+ab+b2", "a^2 + ab + b^2 mod 113", 15_000),
    "cubic": ("a3+ab", "a^3 + ab mod 113", 15_000),
    "random-labels": ("random", "random answers, the control: there is nothing to generalize to", 6_000),
}
"""Name of a run: its operation, what that is, its steps."""

UNTIL_GROKKED = (
    "decay-2", "decay-3", "decay-5", "fraction-0.4", "fraction-0.5", "fraction-0.6", "fraction-0.7", "rate-0.003",
)  # fmt: skip
"""What is known to grok within a few thousand steps: there are runs that end when it has, cheap enough for ten seeds."""

UNTIL_GROKKED_LATER = (
    "decay-0.5",
    "rate-0.01",
    "rate-0.002-decay-0.5",
    "rate-0.0005-decay-2",
    "heads-1",
    "heads-2",
    "heads-8",
    "squares",
    "multiply",
    "subtract",
    "mixed",
    "p97",
    "p89",
    "p67",
    "p59",
    "neurons-256",
    "neurons-1024",
    "width-64",
    "width-256",
    "decay-0.3",
    "rate-0.0003",
    "page-fraction-0.2",
    "p43",
    "p31",
    "p23",
    "cubic",
    "decay-0.1",
    "neurons-128",
    "width-32",
    "neurons-64",
    "neurons-32",
    "width-16",
    "rate-0.0001",
    "decay-0.01",
    "p17",
    "p13",
    "p11",
    "p7",
)
"""The other points of the sweeps, the most worth for their cost first: the same with 40,000 steps to grok in, as long as others
looked before they said never."""

DEEP: Mapping[str, Operation] = {
    "add": "add",
    "multiply": "multiply",
    "squares": "a2+b2",
    "subtract": "subtract",
    "cubic": "a3+ab",
}
"""The operations that deeper networks learn, by the names of their runs."""


DETAILS: Mapping[str, tuple[TransformerSpec, int | None, str]] = {
    "no-mask": (TransformerSpec(causal=False), None, "whose first position sees the second"),
    "no-biases": (TransformerSpec(mlp_biases=False), None, "without biases"),
    "gelu": (TransformerSpec(activation="gelu"), None, "with GELU in place of ReLU"),
    "layer-norm": (TransformerSpec(layer_norm=True), None, "with LayerNorm"),
    "batches": (TransformerSpec(), 512, "trained on batches of 512 pairs"),
}
"""Details that every transformer has and that the mainline leaves out, or has: name of a run, model, batch size, what that is."""


def _light(every: int) -> RecordSpec:
    return RecordSpec(metrics_every=every, energies=False, weights="embedding")


def _run(
    name: str,
    steps: int,
    every: int = 50,
    *,
    task: TaskSpec = MAINLINE.task,
    model: Network = MAINLINE.model,
    optim: OptimSpec = MAINLINE.optim,
) -> RunSpec:
    return RunSpec(name=name, task=task, model=model, optim=optim, record=_light(every), steps=steps)


def _decays() -> list[tuple[RunSpec, str]]:
    steps = {0.01: 20_000, 0.1: 20_000, 0.3: 30_000, 0.5: 20_000, 2.0: 12_000, 3.0: 10_000, 5.0: 10_000}
    return [
        (_run(f"decay-{decay:g}", n, optim=OptimSpec(weight_decay=decay)), f"the mainline with weight decay {decay:g}")
        for decay, n in steps.items()
    ]


def _fractions() -> list[tuple[RunSpec, str]]:
    steps = {0.05: 40_000, 0.1: 40_000, 0.2: 40_000, 0.4: 10_000, 0.5: 5_000, 0.6: 4_000, 0.7: 4_000}
    return [
        (
            _run(f"fraction-{fraction:g}", n, 20 if n <= 5_000 else 50, task=TaskSpec(train_frac=fraction)),
            f"the mainline trained on {fraction:.0%} of the pairs",
        )
        for fraction, n in steps.items()
    ]


def _rates() -> list[tuple[RunSpec, str]]:
    steps = {1e-4: 15_000, 3e-4: 25_000, 3e-3: 12_000, 1e-2: 25_000}
    return [
        (_run(f"rate-{rate:g}", n, optim=OptimSpec(lr=rate)), f"the mainline with learning rate {rate:g}")
        for rate, n in steps.items()
    ]


def _products() -> list[tuple[RunSpec, str]]:
    factors = [(5e-4, 2.0), (2e-3, 0.5)]
    return [
        (
            _run(f"rate-{rate:g}-decay-{decay:g}", 15_000, optim=OptimSpec(lr=rate, weight_decay=decay)),
            f"learning rate {rate:g} with weight decay {decay:g}: the mainline's product of the two",
        )
        for rate, decay in factors
    ]


def _operations() -> list[tuple[RunSpec, str]]:
    return [
        (_run(name, steps, task=TaskSpec(operation=operation)), f"the mainline's network on {what}")
        for name, (operation, what, steps) in OPERATIONS.items()
    ]


def _depths() -> list[tuple[RunSpec, str]]:
    return [
        (
            _run(f"{name}-{n}-layers", 10_000, task=TaskSpec(operation=operation), model=TransformerSpec(n_layers=n)),
            f"{n} layers on {operation}",
        )
        for name, operation in DEEP.items()
        for n in (2, 3)
    ]


def _primes() -> list[tuple[RunSpec, str]]:
    steps = {p: 40_000 if p in (23, 31, 43) else 25_000 for p in PUBLISHED_PRIMES}  # as long as the published "never" says
    return [(_run(f"p{p}", steps[p], task=TaskSpec(p=p)), f"the mainline modulo {p}") for p in PUBLISHED_PRIMES]


def _small() -> list[tuple[RunSpec, str]]:
    return [
        (
            dataclasses.replace(_run(name, 20_000, task=task), grokked_for=2_000),
            f"{purpose}, until it has grokked for 2,000 steps",
        )
        for name, (purpose, task) in SMALL.items()
    ]


def _heads() -> list[tuple[RunSpec, str]]:
    return [(_run(f"heads-{n}", 15_000, model=_with_heads(n)), f"the mainline with {n} head{'s' * (n > 1)}") for n in HEADS]


def _heads_and_primes() -> list[tuple[RunSpec, str]]:
    return [
        (_run(f"p{p}-heads-{n}", 25_000, task=TaskSpec(p=p), model=_with_heads(n)), f"{n} head{'s' * (n > 1)} modulo {p}")
        for p in (59, 89)
        for n in HEADS
    ]


def _widths() -> list[tuple[RunSpec, str]]:
    neurons = [
        (_run(f"neurons-{n}", 15_000, model=TransformerSpec(d_mlp=n)), f"the mainline with {n:,} neurons") for n in NEURONS
    ]
    streams = [
        (
            _run(f"width-{n}", 15_000, model=TransformerSpec(d_model=n, d_head=n // 4)),
            f"the mainline with a residual stream of {n}",
        )
        for n in WIDTHS
    ]
    return neurons + streams


def _with_heads(n: int) -> TransformerSpec:
    return TransformerSpec(n_heads=n, d_head=128 // n)


def _details() -> list[tuple[RunSpec, str]]:
    return [
        (
            RunSpec(
                name=name, model=model, optim=OptimSpec(batch_size=size), record=_UNTIL_GROKKED, steps=25_000, grokked_for=1_000
            ),
            f"the mainline's network {what}, until it has grokked",
        )
        for name, (model, size, what) in DETAILS.items()
    ]


def _until_grokked(points: list[tuple[RunSpec, str]]) -> list[tuple[RunSpec, str]]:
    return [
        (
            dataclasses.replace(spec, name=f"{spec.name}-groks", record=_UNTIL_GROKKED, steps=steps, grokked_for=1_000),
            f"{purpose}, until it has grokked",
        )
        for spec, purpose in points
        for names, steps in ((UNTIL_GROKKED, 20_000), (UNTIL_GROKKED_LATER, 40_000))
        if spec.name in names
    ]


_UNTIL_GROKKED = RecordSpec(metrics_every=20, energies=False, weights="none")

_CANONICAL = RunSpec(
    name="canonical-2-layers",
    model=TransformerSpec(n_layers=2),
    optim=OptimSpec(weight_decay=1e-3),
    record=_light(200),
    steps=200_000,
)

_PAGE = _run(
    "page-fraction-0.2",
    40_000,
    task=TaskSpec(train_frac=0.2),
    model=TransformerSpec(d_model=64, d_head=16, d_mlp=256, causal=False),
)

_POINTS: list[tuple[RunSpec, str]] = [
    *_decays(),
    *_fractions(),
    *_rates(),
    *_products(),
    *_small(),
    *_operations(),
    *_depths(),
    *_primes(),
    *_heads(),
    *_heads_and_primes(),
    *_widths(),
    (_PAGE, "a public page's smaller network without causal mask, on 20 % of the pairs"),
]

_RUNS: list[tuple[RunSpec, str]] = [
    *_POINTS,
    *_until_grokked(_POINTS),
    *_details(),
    (_CANONICAL, "a public reproduction's canonical setup: two layers, weight decay 0.001, 200,000 steps"),
]

VARIATIONS: Mapping[str, RunSpec] = MappingProxyType({spec.name: spec for spec, _ in _RUNS})
"""Every variation of the mainline that a sweep has."""

PURPOSES: Mapping[str, str] = MappingProxyType({spec.name: purpose for spec, purpose in _RUNS})
