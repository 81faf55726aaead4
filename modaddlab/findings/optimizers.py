"""Do other update rules grok sooner than AdamW? Each in the usual setting and in the fastest of fifteen, with ten seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from modaddlab.analysis.scaling import Times
from modaddlab.analysis.seeds import over_seeds
from modaddlab.experiments import optimizer_sweeps as rules
from modaddlab.experiments.spec import flatten
from modaddlab.findings import outcomes
from modaddlab.findings.outcomes import Outcome, Point
from modaddlab.findings.sweep import At, Columns, columns
from modaddlab.findings.value import FACTOR, Group, Value, count, setting, steps


@dataclass(frozen=True, kw_only=True)
class Rule(Group):
    """One update rule on the small two-layer network."""

    usual: At
    """In AdamW's usual setting; the setting's value is the learning rate."""
    tuned: At
    """In its fastest."""
    other: Value
    """What the fastest setting has besides its rate: decay, penalty or initial scale."""
    sooner: Value
    """How many times as fast as AdamW, both in the usual setting, over pairs of runs with one split and one start."""
    sooner_tuned: Value
    """The same, both in their fastest setting."""
    gained: Value
    """How many times as fast its tuned setting is as its usual one."""
    later: Value
    """How many times as long it takes to know the test pairs as to know the training pairs; in the fastest setting."""
    n_grok: Value
    """How many of the settings grok with the seed that chose among them."""


@dataclass(frozen=True, kw_only=True)
class Crossed(Group):
    """Adam with three L2 penalties, without Grokfast's window and with it."""

    plain: At
    """Without penalty and window; the setting's value is the penalty."""
    plain_little: At
    plain_more: At
    window: At
    """With the window alone."""
    window_little: At
    window_more: At
    table: list[dict[str, str]] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Optimizers:
    """All rules."""

    adamw: Rule
    adam: Rule
    grokfast_average: Rule
    grokfast_window: Rule
    orthogonal: Rule
    muon: Rule
    constant_norm: Rule
    crossed: Crossed
    n_settings: Value
    """Settings of each rule."""
    longest: Value
    """Steps after which a run that has not grokked was stopped."""
    fastest_chosen: bool
    """The tuned settings are the fastest of the grid."""
    largest_rate: bool
    """All of them have the largest rate of the grid."""
    all_tuned_grok: bool
    """Every seed of every tuned rule groks."""
    usual_fail: int
    """Rules of which not every seed groks in the usual setting."""
    times: dict[str, tuple[Times, Times]] = field(repr=False)
    """Each rule in words: the seeds' times in the usual and in the fastest setting."""
    table: list[dict[str, str]] = field(repr=False)
    rows: tuple[Outcome, ...] = field(repr=False)

    @property
    def columns(self) -> Columns:
        """The runs as a figure's data."""
        return {"rule": [row.spec.name for row in self.rows]} | dict(columns(self.rows))


def measure() -> Optimizers:
    """The finding, from the sweep "optimizers".

    Raises:
        LabError: a record is damaged.
    """
    points = outcomes.sweep("optimizers").points
    found = {rule: _rule(rule, points) for rule in rules.RULES}
    pairs = {rule: (points[rules.usual(rule).name], points[rules.tuned(rule).name]) for rule in rules.RULES}
    return Optimizers(
        **{rule.replace("-", "_"): one for rule, one in found.items()},
        crossed=_crossed(points),
        n_settings=count(len(rules.grid("adamw"))),
        longest=steps(rules.BASE.steps),
        fastest_chosen=all(rules.TUNED[rule] == _fastest(rule, points) for rule in rules.RULES),
        largest_rate=all(rate == max(rules.RATES) for rate, _ in rules.TUNED.values()),
        all_tuned_grok=all(tuned.n_grokked == tuned.n for _, tuned in pairs.values()),
        usual_fail=sum(usual.n_grokked < usual.n for usual, _ in pairs.values()),
        times={rules.RULES[rule][0]: (_times(usual), _times(tuned)) for rule, (usual, tuned) in pairs.items()},
        table=[_row(rule, one) for rule, one in found.items()],
        rows=tuple(row for pair in pairs.values() for point in pair for row in point.rows),
    )


def _rule(rule: str, points: dict[str, Point]) -> Rule:
    usual, tuned, (rate, other) = points[rules.usual(rule).name], points[rules.tuned(rule).name], rules.TUNED[rule]
    adamw, adamw_tuned = points[rules.usual("adamw").name], points[rules.tuned("adamw").name]
    return Rule(
        usual=At.point(rules.BASE.optim.lr, usual),
        tuned=At.point(rate, tuned),
        other=setting(other),
        sooner=_ratio(adamw, usual),
        sooner_tuned=_ratio(adamw_tuned, tuned),
        gained=_ratio(usual, tuned),
        later=_pooled([row.grokked / max(row.memorized, 1) for row in tuned.rows]),
        n_grok=count(sum(points[spec.name].n_grokked for spec in rules.grid(rule))),
    )


def _crossed(points: dict[str, Point]) -> Crossed:
    cells = [
        [At.point(penalty, points[rules.crossed(filtered, penalty, 1).name]) for penalty in rules.PENALTIES]
        for filtered in (False, True)
    ]
    (plain, plain_little, plain_more), (window, window_little, window_more) = cells
    return Crossed(
        plain=plain,
        plain_little=plain_little,
        plain_more=plain_more,
        window=window,
        window_little=window_little,
        window_more=window_more,
        table=[
            {"L2 penalty": str(without.setting), "Adam alone": _steps(without), "with the window": _steps(filtered)}
            for without, filtered in zip(*cells, strict=True)
        ],
    )


def _fastest(rule: str, points: dict[str, Point]) -> tuple[float, float]:
    """Learning rate and the other value of the setting of the grid with the shortest time to grok."""
    best = min(rules.grid(rule), key=lambda spec: points[spec.name].median)
    return best.optim.lr, flatten(best.to_dict())[rules.RULES[rule][2][0]]


def _ratio(slower: Point, faster: Point) -> Value:
    """How many times as fast, over pairs of one seed; NaN where one never groks."""
    return _pooled((slower.grokked_S / faster.grokked_S).tolist())


def _pooled(ratios: list[float]) -> Value:
    if not np.isfinite(ratios).all():
        return Value(math.nan, FACTOR)
    found = over_seeds(ratios, "log")
    return Value(found.mean, FACTOR, found.low, found.high)


def _times(point: Point) -> Times:
    return Times(point.grokked_S.tolist(), point.trained_for)


def _row(rule: str, one: Rule) -> dict[str, str]:
    words, _, (name, _, _) = rules.RULES[rule]
    other = {"optim.weight_decay": "decay", "model.init_scale": "initial scale"}[name]
    return {
        "rule": words,
        "as usual": _steps(one.usual),
        "fastest setting": f"rate {one.tuned.setting}, {'penalty' if rule == 'adam' else other} {one.other}",
        "there": _steps(one.tuned),
        "times as fast as AdamW, both tuned": "" if rule == "adamw" else str(one.sooner_tuned),
    }


def _steps(at: At) -> str:
    if math.isnan(at.time.value):
        return f"{at.grokked} of {at.seeds} grok" if at.grokked.value else f"none of {at.seeds} groks"
    return str(at.time)
