"""The sweeps: named lists of runs. What is run, not how: `python -m modaddlab.train --sweep NAME` goes through a list.

A sweep is a function without arguments that gives its runs, so that naming the long ones costs nothing.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from modaddlab.errors import LabError
from modaddlab.experiments import optimizer_sweeps, two_layer_sweeps, variations
from modaddlab.experiments.catalogue import ATTENTION_RATES, RUNS, named
from modaddlab.experiments.spec import RunSpec
from modaddlab.experiments.two_layer import CONFIGURATIONS, DEFAULT_SEED

SEEDS = range(DEFAULT_SEED, DEFAULT_SEED + 10)
"""The seeds of the runs over which the two-layer network's numbers are averaged."""

MODULI = (15, 29, 31)
"""The moduli besides p = 23 whose two-layer networks are in the book."""

ODD_MODULI = range(3, 200, 2)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A named list of runs.

    Attributes:
        name: as on the command line.
        purpose: what it is for, a line.
        varies: the fields that are varied, in the form "optim.lr"; what the runs are grouped by.
        runs: gives the runs, in the order in which they are trained.
    """

    name: str
    purpose: str
    varies: tuple[str, ...]
    runs: Callable[[], tuple[RunSpec, ...]]


def _two_layer() -> tuple[RunSpec, ...]:
    followed = [named(name) for name in CONFIGURATIONS]
    seeds = [named(name, seed=seed) for name in ("mlp-standard", "mlp-grokking") for seed in SEEDS if seed != DEFAULT_SEED]
    moduli = [named(name, p=p) for p in MODULI for name in CONFIGURATIONS]
    return (*followed, named("mlp-untrained"), *seeds, *moduli, named("mlp-p97"))


def _odd_moduli() -> tuple[RunSpec, ...]:
    return tuple(named(name, p=p) for p in ODD_MODULI for name in CONFIGURATIONS)


def _two_layer_points(kind: str) -> Callable[[], tuple[RunSpec, ...]]:
    """The points of a two-layer sweep, "decay" for example, and mlp-grokking itself: each with all ten seeds."""
    names = [name for name in two_layer_sweeps.VARIATIONS if name.startswith(f"mlp-{kind}-")]
    return lambda: tuple(named(name, seed=seed) for name in (*names, two_layer_sweeps.BASE.name) for seed in SEEDS)


def _digits() -> tuple[RunSpec, ...]:
    """Every way to compute the loss, from five seeds."""
    return tuple(named(f"mlp-digits-{loss}", seed=seed) for seed in SEEDS[:5] for loss in two_layer_sweeps.DIGITS)


def _complexity() -> tuple[RunSpec, ...]:
    """Networks that learn to add and that memorize, ten and five seeds of those that are followed and three of the others."""
    seeds = {("add", two_layer_sweeps.COMPLEXITY_P): 10, ("random", two_layer_sweeps.COMPLEXITY_P): 5}
    moduli = (two_layer_sweeps.COMPLEXITY_P, *two_layer_sweeps.COMPLEXITY_MODULI)
    points = [(operation, p) for p in moduli for operation in two_layer_sweeps.COMPLEXITY]
    return tuple(
        named(f"mlp-complexity-{operation}-{p}", seed=seed)
        for operation, p in points
        for seed in SEEDS[: seeds.get((operation, p), 3)]
    )


def _of(*names: str, seeds: int = 1) -> Callable[[], tuple[RunSpec, ...]]:
    """The named runs with the seeds 0, 1, ...: every run with the first seed before any with the next."""
    return lambda: tuple(named(name, seed=seed) for seed in range(seeds) for name in names)


def _and_mainline(*names: str, seeds: int = 1) -> Callable[[], tuple[RunSpec, ...]]:
    """The same with the ten seeds of the mainline behind them."""
    mainline = (named("mainline"), *(named("mainline-25k", seed=seed) for seed in range(1, 10)))
    return lambda: (*_of(*names, seeds=seeds)(), *mainline)


SWEEPS: Mapping[str, Sweep] = MappingProxyType(
    {
        sweep.name: sweep
        for sweep in (
            Sweep(
                name="weight-decay",
                purpose="how much decay: the mainline with weight decay 0 to 5",
                varies=("optim.weight_decay",),
                runs=_and_mainline(
                    "decay-5", "decay-3", "decay-2", "decay-0.5", "decay-0.3", "decay-0.1", "decay-0.01", "no-decay"
                ),
            ),
            Sweep(
                name="train-fraction",
                purpose="how much data: the mainline trained on 5 to 70 % of the pairs",
                varies=("task.train_frac",),
                runs=_and_mainline(
                    *(f"fraction-{fraction}" for fraction in ("0.7", "0.6", "0.5", "0.4", "0.05", "0.1", "0.2")), seeds=3
                ),
            ),
            Sweep(
                name="learning-rate",
                purpose="how fast: the mainline with learning rates from 0.0001 to 0.01",
                varies=("optim.lr",),
                runs=_and_mainline("rate-0.003", "rate-0.01", "rate-0.0003", "rate-0.0001"),
            ),
            Sweep(
                name="effective-decay",
                purpose="is it the product? three factorisations of learning rate times weight decay",
                varies=("optim.lr", "optim.weight_decay"),
                runs=_and_mainline("rate-0.002-decay-0.5", "rate-0.0005-decay-2"),
            ),
            Sweep(
                name="operation",
                purpose="which operation: six others on the mainline's network, one of them random answers",
                varies=("task.operation",),
                runs=_and_mainline(*variations.OPERATIONS),
            ),
            Sweep(
                name="depth",
                purpose="how deep: one to three layers on five operations",
                varies=("model.n_layers", "task.operation"),
                runs=_and_mainline(
                    *(name for name in variations.OPERATIONS if name not in ("mixed", "random-labels")),
                    *(f"{operation}-{layers}-layers" for layers in (2, 3) for operation in variations.DEEP),
                    seeds=3,
                ),
            ),
            Sweep(
                name="prime",
                purpose="how large: the mainline modulo 7 to 113",
                varies=("task.p",),
                runs=_and_mainline(*(f"p{p}" for p in variations.PUBLISHED_PRIMES), "p53-wd1", "p71-wd1", seeds=3),
            ),
            Sweep(
                name="small",
                purpose="small clocks, three seeds each: division, composite moduli, mirror images kept together",
                varies=("task.operation", "task.p", "task.unordered"),
                runs=_of(*variations.SMALL, seeds=3),
            ),
            Sweep(
                name="heads",
                purpose="how many heads: 1 to 8 of them in the same width",
                varies=("model.n_heads",),
                runs=_and_mainline(*(f"heads-{n}" for n in variations.HEADS), seeds=3),
            ),
            Sweep(
                name="width",
                purpose="how wide: 32 to 1,024 neurons; a residual stream of 16 to 256",
                varies=("model.d_mlp", "model.d_model"),
                runs=_and_mainline(
                    *(f"neurons-{n}" for n in variations.NEURONS), *(f"width-{width}" for width in variations.WIDTHS)
                ),
            ),
            Sweep(
                name="heads-and-prime",
                purpose="how many heads at which modulus: 1 to 8 heads modulo 59, 89 and 113",
                varies=("model.n_heads", "task.p"),
                runs=_and_mainline(
                    *(f"p{p}-heads-{n}" for p in (59, 89) for n in variations.HEADS),
                    *(f"p{p}" for p in (59, 89)),
                    *(f"heads-{n}" for n in variations.HEADS),
                    seeds=3,
                ),
            ),
            Sweep(
                name="seeds",
                purpose="how sure: the mainline from ten seeds",
                varies=("seed",),
                runs=_and_mainline(),
            ),
            Sweep(
                name="time-to-grok",
                purpose="when, from ten seeds: decay 2 to 5, 40 to 70 % of the pairs, rate 0.003; each run ends when it groks",
                varies=("optim.weight_decay", "task.train_frac", "optim.lr"),
                runs=_of(*(f"{name}-groks" for name in variations.UNTIL_GROKKED), seeds=10),
            ),
            Sweep(
                name="details",
                purpose="do the details matter? no mask, no biases, GELU, LayerNorm, batches: three seeds, until they grok",
                varies=("name",),
                runs=_of(*variations.DETAILS, seeds=3),
            ),
            Sweep(
                name="ten-seeds",
                purpose="the other points of the sweeps, ten seeds of up to 40,000 steps; each run ends when it groks",
                varies=("name",),
                runs=_of(*(f"{name}-groks" for name in variations.UNTIL_GROKKED_LATER), seeds=10),
            ),
            Sweep(
                name="canonical",
                purpose="a public reproduction's canonical run: two layers, weight decay 0.001, 200,000 steps",
                varies=("optim.weight_decay",),
                runs=_of("canonical-2-layers"),
            ),
            Sweep(
                name="attention-rate",
                purpose="clock or pizza: the transformer of Zhong et al. with attention rates from 0 to 1, three seeds each",
                varies=("model.attention_rate",),
                runs=_of("pizza", *(f"attention-rate-{rate:g}" for rate in ATTENTION_RATES), "clock", seeds=3),
            ),
            Sweep(
                name="linear-layers",
                purpose="the four linear models of Zhong et al., three seeds each",
                varies=("model.arrangement",),
                runs=_of("pizza-linear", "pizza-linear-b", "pizza-linear-c", "pizza-linear-d", seeds=3),
            ),
            Sweep(
                name="two-layer",
                purpose="the two-layer networks of the book: five configurations, ten seeds of two, three other moduli",
                varies=("name", "task.p"),
                runs=_two_layer,
            ),
            Sweep(
                name="two-layer-decay",
                purpose="how much decay does the two-layer network need? 0 to 8, ten seeds of each",
                varies=("optim.weight_decay",),
                runs=_two_layer_points("decay"),
            ),
            Sweep(
                name="two-layer-fraction",
                purpose="how much data does the two-layer network need? 40 to 90 % of the pairs, ten seeds of each",
                varies=("task.train_frac",),
                runs=_two_layer_points("fraction"),
            ),
            Sweep(
                name="two-layer-rate",
                purpose="how fast does the two-layer network learn? learning rates 0.00003 to 0.001, ten seeds of each",
                varies=("optim.lr",),
                runs=_two_layer_points("rate"),
            ),
            Sweep(
                name="digits",
                purpose="what the digits of the loss do to a network without decay, and StableMax",
                varies=("loss_dtype",),
                runs=_digits,
            ),
            Sweep(
                name="two-layer-unordered",
                purpose="the two-layer network where no test pair is the mirror image of a training pair, ten seeds",
                varies=("task.unordered",),
                runs=_two_layer_points("unordered"),
            ),
            Sweep(
                name="complexity",
                purpose="how complex is what is learned? small networks that learn to add or memorize, at four moduli",
                varies=("task.operation", "task.p"),
                runs=_complexity,
            ),
            Sweep(
                name="optimizers",
                purpose="do other update rules grok sooner? seven of them, fifteen settings each, ten seeds of two",
                varies=("name",),
                runs=optimizer_sweeps.runs,
            ),
            Sweep(
                name="two-layer-odd",
                purpose="the five configurations of the two-layer network for every odd p from 3 to 199, small moduli first",
                varies=("name", "task.p"),
                runs=_odd_moduli,
            ),
        )
    }
)
"""Every sweep."""

ORDER = (
    "time-to-grok", "weight-decay", "learning-rate", "effective-decay", "prime", "heads", "width", "operation", "train-fraction",
    "attention-rate", "details", "heads-and-prime", "ten-seeds", "linear-layers", "depth", "canonical", "two-layer-odd",
)  # fmt: skip


def _everything() -> tuple[RunSpec, ...]:
    names = [*ORDER, *(name for name in SWEEPS if name not in ORDER)]
    return tuple({spec.run_id: spec for name in names if name in SWEEPS for spec in SWEEPS[name].runs()}.values())


EVERYTHING = Sweep(name="book", purpose="all sweeps of the book, the most worth first", varies=("name",), runs=_everything)


def sweep(name: str) -> Sweep:
    """The sweep of that name; "book" is all of them.

    Raises:
        LabError: there is none; the message lists the names.
    """
    if name == EVERYTHING.name:
        return EVERYTHING
    if name not in SWEEPS:
        near = difflib.get_close_matches(name, SWEEPS, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise LabError(f"unknown sweep {name!r}; {hint}known: {', '.join(SWEEPS)}; one of your own is a file that ends in .toml")
    return SWEEPS[name]


def by_run_id(run_id: str) -> RunSpec | None:
    """The run of that id when it is a named run or in a sweep; None for others, whose settings an id does not tell."""
    listed = _listed(tuple(SWEEPS.values()))
    return next((spec for spec in listed if run_id.startswith(f"{spec.name}-") and spec.run_id == run_id), None)


@functools.lru_cache(maxsize=1)
def _listed(sweeps: tuple[Sweep, ...]) -> tuple[RunSpec, ...]:
    """The named runs and those of some sweeps, thousands of them: listed once."""
    return (*RUNS.values(), *(spec for item in sweeps for spec in item.runs()))
