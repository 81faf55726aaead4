"""How sure: what ten random starts of the mainline agree on, and what fewer seeds, or a single run, would have said.

Whoever draws the keys of each network from a hat, as many as it has, gets the null of how often a frequency is a key. Where one
more run of the same setup would lie with 95 % (`modaddlab.analysis.seeds.range_of_one_more`) is what a single run of another
setting is to be held against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from modaddlab import published, tables
from modaddlab.analysis import seeds
from modaddlab.analysis.seeds import OverSeeds, over_seeds
from modaddlab.findings import ablation, curves, outcomes, stages, structure
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Group, Kind, Value, count, factor, number, over, share, steps, total, words
from modaddlab.study import Study

STRIPS = {
    "memorized": "step of 99 % training accuracy",
    "grokked": "step of 95 % test accuracy",
    "test_loss": "final test loss (nats)",
    "keys": "number of key frequencies",
    "neurons": "share of neurons explained by one frequency",
    "waves": "share of the logits' variance explained by the waves",
    "outside": "share of $W_L$'s energy outside the keys' directions",
}
"""The quantities of the figure: part of `Ten` -> title."""

TRACES = {
    "accuracy": "test_accuracy",
    "test_loss": "test_loss",
    "keys": "n_keys",
    "neurons": "explained_neurons",
    "waves": "wave_fve",
    "directions": "direction_fve_mean",
    "heads": "head_pair_fve_mean",
}
"""Part of `Ten` -> field of the algorithm's traces."""

COSTS = {"removed": "embedding_off", "kept": "embedding_only", "zeroed": "explained_zero"}
"""Part of `Ten` -> field of `modaddlab.findings.ablation.Cuts`; behind it "_random", the same of as much chosen at random."""

SINGLE = ("weight-decay", "train-fraction", "learning-rate", "effective-decay", "operation", "depth", "heads", "width")
"""The sweeps of which runs with a single seed are compared."""

RATIOS = (1.1, 1.2, 1.5, 2.0, 3.0, 5.0)
"""True ratios of two times, for which the seeds are counted that it takes to see them."""

N_HATS, N_ORDERS = 2000, 5000
"""Random draws of all keys, and random orders of the networks."""

EARLY = 1000
"""The step at which a guess at the time to grok is made."""


@dataclass(frozen=True, kw_only=True)
class Row(Group):
    """A quantity over the networks."""

    first: Value
    """Of seed 0."""
    all: Value
    """The mean with its interval."""
    least: Value
    most: Value
    span: Value
    """From the least to the most, or that all are the same."""
    values_S: list[float] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Ten:
    """The headline numbers over the ten networks."""

    n: Value
    memorized: Row
    grokked: Row
    accuracy: Row
    test_loss: Row
    keys: Row
    neurons: Row
    waves: Row
    directions: Row
    heads: Row
    outside: Row
    removed: Row
    """Accuracy lost without the keys in the embedding, and without as many random frequencies; and so on."""
    removed_random: Row
    kept: Row
    kept_random: Row
    zeroed: Row
    zeroed_random: Row
    apart: Value
    """The slowest over the quickest."""
    gap: Value
    """By how many points explained neurons at zero cost more than random ones."""

    @property
    def strips(self) -> dict[str, list[float]]:
        """Some of the quantities, as `figures.seed_strips` takes them."""
        return {title: getattr(self, name).values_S for name, title in STRIPS.items()}

    @property
    def on_log(self) -> list[str]:
        """Those of them that spread over orders of magnitude."""
        return [STRIPS["grokked"], STRIPS["test_loss"]]

    @property
    def columns(self) -> Columns:
        """The same as a figure's data."""
        return {"seed": np.arange(self.n.value), **self.strips}


@dataclass(frozen=True, kw_only=True)
class Small:
    """The two-layer network's seeds, of which some turn within their steps."""

    share: Value
    """How many turn."""
    questions: Value
    point: Value
    """Test questions, and what one of them counts, in points."""
    standard: Row
    """The last loss of the standard run, which has all pairs."""


@dataclass(frozen=True, kw_only=True)
class Keys:
    """Which frequencies are keys."""

    n: Value
    """Keys of all networks together."""
    popular: Value
    """The frequencies that most networks have, and how many do."""
    popular_in: Value
    hat: Value
    """The mean of the largest count in draws from a hat, and its largest value in 95 of 100 cases."""
    hat_most: Value
    unused: Value
    """Frequencies in no network, and how many the hat leaves, from and to with 95 %."""
    unused_least: Value
    unused_most: Value
    famous: Value
    famous_hat: Value
    """How often the published network's keys occur, and how often the hat gives them."""
    counts_K: np.ndarray = field(repr=False)

    @property
    def drawn(self) -> tuple[np.ndarray, float, float]:
        """As `figures.key_counts` takes them."""
        return self.counts_K, float(self.counts_K.mean()), float(self.hat_most.value)

    @property
    def columns(self) -> Columns:
        """The counts as a figure's data."""
        return {"frequency": np.arange(1, len(self.counts_K) + 1), "networks": self.counts_K}


@dataclass(frozen=True, kw_only=True)
class Fewer:
    """What studies with fewer seeds would have said of the time to grok: the ends of their interval, the upper over the lower."""

    two: Value
    three: Value
    """The median of all choices of so many seeds."""
    three_narrow: Value
    three_wide: Value
    """Where 95 % of them lie."""
    everything: Value
    """With all seeds."""
    covers: Value
    """How many intervals from three seeds hold the mean of all."""
    medians: dict[int, float]
    """By the number of seeds."""
    widths: dict[str, dict[int, np.ndarray]] = field(repr=False)
    """Quantity -> number of seeds, from three on -> the widths."""
    columns: Columns = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Needed:
    """Seeds of each of two settings that it takes to see a ratio of their times."""

    deviation: Value
    """One standard deviation of the logarithm of the transformer's time, as a factor."""
    threefold: Value
    double: Value
    fifth: Value
    least: Value
    most: Value
    """By what the true numbers may differ, for the deviation is estimated."""
    table: list[dict[str, str]] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Single:
    """Runs that are their setting's only seed, beside the range of one more of the mainline."""

    low: Value
    high: Value
    wide: Value
    """The range, and its upper end over its lower one."""
    n: Value
    sooner: Value
    later: Value
    unclear: Value
    by_luck: Value
    """How many would lie outside if nothing had been changed."""
    ratios: dict[str, tuple[float, bool]] = field(repr=False)
    """Run -> its time over the mean of the mainline's, and whether that is only a lower limit."""
    band: tuple[float, float] = field(repr=False)

    @property
    def columns(self) -> Columns:
        """The runs as a figure's data."""
        limits = [str(limit) for _, limit in self.ratios.values()]
        return {"run": list(self.ratios), "ratio": [ratio for ratio, _ in self.ratios.values()], "not within its steps": limits}


@dataclass(frozen=True, kw_only=True)
class Guess:
    """Whether the test accuracy while nothing is understood foretells the time to grok."""

    least: Value
    most: Value
    """That accuracy over the networks."""
    correlation: Value
    """Of the ranks; and in how many random orders it is as far from zero."""
    by_chance: Value


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How sure the book's numbers are."""

    ten: Ten
    small: Small
    keys: Keys
    fewer: Fewer
    needed: Needed
    single: Single
    guess: Guess


def measure() -> Spread:
    """The finding.

    Raises:
        LabError: a record is damaged.
    """
    networks = [Study.open("mainline"), *Study.seeds("mainline-25k")]
    small = Study.seeds("mlp-grokking")
    generator = np.random.default_rng(0)
    ten = _ten(networks)
    time = over_seeds(ten.grokked.values_S, "log")
    keys = _keys([study.keys for study in networks], networks[0].p // 2, generator)
    early_S = [float(np.interp(EARLY, study.curve("step"), study.curve("test_accuracy"))) for study in networks]
    turned = [end.generalized.value for end in map(stages.of, small) if np.isfinite(end.generalized.value)]
    return Spread(
        ten=ten,
        small=_small(small, len(turned)),
        keys=keys,
        fewer=_fewer(ten, [float(study.curve("test_loss")[-1]) for study in small]),
        needed=_needed(time, turned),
        single=_single(time),
        guess=_guess(early_S, ten.grokked.values_S, generator),
    )


def row(values: Sequence[Value]) -> Row:
    """A quantity over networks, the first of which is seed 0."""
    ordered = sorted(values, key=lambda value: value.value)
    numbers = [float(value.value) for value in values]
    least, most = ordered[0], ordered[-1]
    span = words(f"{least.alone} to {most.alone}" if least.alone != most.alone else f"{least.alone} in all")
    return Row(first=values[0], all=over(values), least=least, most=most, span=span, values_S=numbers)


def _ten(networks: Sequence[Study]) -> Ten:
    recorded, traces = [curves.of(study) for study in networks], [structure.of(study) for study in networks]
    rows = {name: row([getattr(one, name) for one in recorded]) for name in ("memorized", "grokked")}
    rows |= {name: row([getattr(one, trace) for one in traces]) for name, trace in TRACES.items()}
    rows["outside"] = row([share(one.W_L_residual.value**2) for one in traces])  # the energy, as the scorecard has it
    cuts = [ablation.of(networks[0], n_draws=ablation.DRAWS), *map(ablation.of, networks[1:])]  # over seeds one choice is enough
    for name, cut in COSTS.items():
        lost = [getattr(one, cut).lost for one in cuts]
        rows |= {name: row(lost), f"{name}_random": row([Value(float(one.null), one.kind) for one in lost])}
    return Ten(
        n=count(len(networks)),
        **rows,
        apart=factor(rows["grokked"].most.value / rows["grokked"].least.value),
        gap=over([one.explained_zero.beyond for one in cuts]),
    )


def _small(networks: Sequence[Study], turned: int) -> Small:
    n_test = int((~networks[0].train_mask_PP).sum())
    ends = seeds.share_interval(turned, len(networks))
    return Small(
        share=share(turned / len(networks), *ends),
        questions=total(n_test),
        point=factor(100 / n_test),
        standard=row([curves.of(study).train_loss for study in Study.seeds("mlp-standard")]),
    )


def _keys(chosen: Sequence[Sequence[int]], n_frequencies: int, generator: np.random.Generator) -> Keys:
    counts_K = counted(chosen, n_frequencies)
    hats = [[1 + generator.choice(n_frequencies, len(keys), replace=False) for keys in chosen] for _ in range(N_HATS)]
    draws_K = np.array([counted(hat, n_frequencies) for hat in hats])
    unused = np.percentile((draws_K == 0).sum(axis=1), [2.5, 97.5])
    top = np.flatnonzero(counts_K == counts_K.max()) + 1
    known = published.KEYS
    return Keys(
        n=total(counts_K.sum()),
        popular=words(tables.listing([int(key) for key in top])),
        popular_in=count(counts_K.max()),
        hat=number(draws_K.max(axis=1).mean()),
        hat_most=count(np.percentile(draws_K.max(axis=1), 95)),
        unused=total((counts_K == 0).sum()),
        unused_least=total(unused[0]),
        unused_most=total(unused[1]),
        famous=count(sum(len(set(known) & set(keys)) for keys in chosen)),
        famous_hat=factor(len(known) * counts_K.mean()),
        counts_K=counts_K,
    )


def counted(chosen: Sequence[Sequence[int] | np.ndarray], n_frequencies: int) -> np.ndarray:
    """How many networks have each frequency 1, ..., K among their keys, (K,)."""
    return np.bincount(np.concatenate([np.asarray(keys, int) for keys in chosen]) - 1, minlength=n_frequencies)


def _fewer(ten: Ten, small_losses: Sequence[float]) -> Fewer:
    samples = {
        "transformer, step of 95 % test accuracy": ten.grokked.values_S,
        "transformer, final test loss": ten.test_loss.values_S,
        "two-layer network, final test loss": small_losses,
    }
    found = {
        name: [seeds.smaller_studies(values, n, "log") for n in range(2, len(values) + 1)] for name, values in samples.items()
    }
    lines = [(name, one, np.percentile(one.width_N, [50, 2.5, 97.5])) for name, ones in found.items() for one in ones]
    of_time, *_ = found.values()
    two, three, *_, everything = of_time
    narrow, middle, wide = np.percentile(three.width_N, [2.5, 50, 97.5])
    return Fewer(
        two=factor(float(np.median(two.width_N))),
        three=factor(middle),
        three_narrow=factor(narrow),
        three_wide=factor(wide),
        everything=factor(everything.width_N[0]),
        covers=share(three.covers),
        medians={one.n: float(np.median(one.width_N)) for one in of_time},
        widths={name: {one.n: one.width_N for one in ones if one.n > 2} for name, ones in found.items()},
        columns={
            "quantity": [name for name, _, _ in lines],
            "seeds": [one.n for _, one, _ in lines],
            **{what: [float(ends[i]) for _, _, ends in lines] for i, what in enumerate(("median width", "low", "high"))},
            "holds the mean of all": [one.covers for _, one, _ in lines],
        },
    )


def _needed(time: OverSeeds, turned: Sequence[float]) -> Needed:
    deviation, small = seeds.log_deviation(time.values_S), seeds.log_deviation(turned)
    least, most = seeds.variance_range(time.n)
    return Needed(
        deviation=Value(float(np.exp(deviation)), Kind("deviation", tables.number, "log")),
        threefold=count(seeds.seeds_needed(3, deviation)),
        double=count(seeds.seeds_needed(2, deviation)),
        fifth=count(seeds.seeds_needed(1.2, deviation)),
        least=factor(least),
        most=factor(most),
        table=[
            {
                "true ratio": f"{ratio:g}",
                "transformer": str(seeds.seeds_needed(ratio, deviation)),
                "two-layer network (of the seeds that grok)": str(seeds.seeds_needed(ratio, small)),
            }
            for ratio in RATIOS
        ],
    )


def _single(time: OverSeeds) -> Single:
    low, high = seeds.range_of_one_more(time, "log")
    alone = [point.rows[0] for name in SINGLE for point in outcomes.sweep(name).points.values() if point.n == 1]
    found = {
        one.spec.name: (one.spec.steps if np.isnan(one.grokked) else one.grokked, bool(np.isnan(one.grokked)))
        for one in alone
        if not one.spec.name.startswith("mainline") and not (np.isnan(one.grokked) and low <= one.spec.steps <= high)
    }  # what was stopped inside the band says nothing
    found = dict(sorted(found.items(), key=lambda item: item[1][0]))
    sooner = [name for name, (step, limit) in found.items() if step < low and not limit]
    later = [name for name, (step, _) in found.items() if step > high]
    unclear = [name for name in found if name not in (*sooner, *later)]
    return Single(
        low=steps(low),
        high=steps(high),
        wide=factor(high / low),
        n=total(len(found)),
        sooner=count(len(sooner)),
        later=count(len(later)),
        unclear=count(len(unclear)),
        by_luck=factor(0.05 * len(found)),
        ratios={name: (step / time.mean, limit) for name, (step, limit) in found.items()},
        band=(low / time.mean, high / time.mean),
    )


def _guess(early_S: Sequence[float], time_S: Sequence[float], generator: np.random.Generator) -> Guess:
    early, late = _ranks(early_S), _ranks(time_S)
    correlation = float(np.corrcoef(early, late)[0, 1])
    shuffled = np.array([np.corrcoef(early, generator.permutation(late))[0, 1] for _ in range(N_ORDERS)])
    return Guess(
        least=share(min(early_S)),
        most=share(max(early_S)),
        correlation=Value(correlation, Kind("correlation", lambda value: tables.number(value, 2))),
        by_chance=share(float(np.mean(np.abs(shuffled) >= abs(correlation)))),
    )


def _ranks(values: Sequence[float]) -> np.ndarray:
    return np.argsort(np.argsort(values)).astype(float)
