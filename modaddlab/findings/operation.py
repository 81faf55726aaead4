"""Which operation: what the mainline's network makes of other questions, and along which waves its embedding then goes round.

An operation may be a sum in disguise: multiplication adds logarithms, a^2 + b^2 adds squares. An embedding that looks like noise
in the waves of the residue can stand on a few waves of its logarithm (characters) or its square (`modaddlab.analysis.squares`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modaddlab import tables
from modaddlab.analysis import characters, squares, symmetry
from modaddlab.findings import outcomes
from modaddlab.findings.concentration import N_RENAMINGS, N_TOP, Basis, Concentration
from modaddlab.findings.outcomes import Outcome, Point
from modaddlab.findings.sweep import Columns, Swept, columns, one_more
from modaddlab.findings.value import Group, Value, chosen, factor, share, steps, total, words
from modaddlab.study import Study
from modaddlab.tasks import NAMES

BASES: dict[str, Basis] = {"add": "additive", "subtract": "additive", "multiply": "multiplicative", "divide": "multiplicative"}
"""The waves in which an operation is a sum, where `modaddlab.findings.concentration` has them."""

PUBLISHED = ("add", "subtract", "multiply", "a2+b2", "a3+ab")
"""The operations that a public sweep has a step for."""

WAVES, CHARACTERS, SQUARES = "waves of a", "characters of a", "waves of a²"


@dataclass(frozen=True, kw_only=True)
class Times(Swept):
    """The time to grok by operation."""

    learned: Value
    silent: Value
    one_more_low: Value
    one_more_high: Value
    """Where one more seed of addition would lie, with 95 %."""
    sooner: Value
    inside: Value
    later: Value
    """The other operations by where their first seed lies."""
    sorts: bool
    """All that can be a sum are learned, and none that cannot."""
    table: list[dict[str, str]] = field(repr=False)

    @property
    def runs(self) -> dict[str, str]:
        """The named run of every operation that a public sweep has a step for."""
        return {NAMES[o]: self.points[NAMES[o]].rows[0].spec.name for o in PUBLISHED if NAMES[o] in self.points}

    @property
    def columns(self) -> Columns:
        """The runs as a figure's data."""
        return {"operation": [row.spec.task.operation for row in self.rows]} | dict(columns(self.rows))


@dataclass(frozen=True, kw_only=True)
class Coats:
    """What symmetry and renaming make of the tables."""

    twins: Value
    """The share of the unseen sums of squares that have the same question by symmetry among the shown."""
    flat: Value
    """The test accuracy where the curve of the sum of squares is flattest before it turns, and that step."""
    flat_at: Value
    sums: Value
    """The operations that can be a sum in disguise, and those that cannot."""
    others: Value


@dataclass(frozen=True, kw_only=True)
class Example:
    """The table of products modulo 13 by logarithm."""

    root: Value
    powers: Value
    order: tuple[int, ...] = field(repr=False)
    """The powers of the primitive root, from the zeroth on."""

    @property
    def residues(self) -> list[int]:
        """The residues in their usual order."""
        return sorted(self.order)

    @property
    def products(self) -> np.ndarray:
        """(N, N) their products."""
        return np.outer(self.residues, self.residues) % (len(self.order) + 1)

    @property
    def columns(self) -> Columns:
        """The table as a figure's data."""
        n, log = len(self.order), [self.order.index(a) for a in self.residues]
        a, b = np.repeat(self.residues, n), np.tile(self.residues, n)
        logarithms = {"logarithm of a": np.repeat(log, n), "logarithm of b": np.tile(log, n)}
        return {"a": a, "b": b, "product": self.products.ravel()} | logarithms


@dataclass(frozen=True, kw_only=True)
class BothBases(Group):
    """A network whose operation adds logarithms, in both bases."""

    time: Value
    additive: Concentration
    characters: Concentration
    energies: dict[str, tuple[np.ndarray, np.ndarray]] = field(repr=False)
    """Energies in both bases: of the network that adds, of this one, and of this one with its residues renamed."""

    @property
    def columns(self) -> Columns:
        """The energies as a figure's data, each as a part of its sum."""
        shares = {
            f"{name}, {basis}": energy_K / energy_K.sum()
            for name, pair in self.energies.items()
            for basis, energy_K in zip(("additive", "multiplicative"), pair, strict=True)
        }
        return {"frequency": np.arange(1, len(next(iter(shares.values()))) + 1)} | shares


@dataclass(frozen=True, kw_only=True)
class Division(BothBases):
    """The network that divides, on a smaller clock."""

    modulus: Value
    shown: Value
    sums: Value
    """When the network that adds, on the same clock, groks."""


@dataclass(frozen=True, kw_only=True)
class Multiplication(BothBases):
    """The network that multiplies."""

    zero: Value
    """The energy of zero's vector over a residue's on average."""
    with_zero: Value
    """How many questions have the answer zero, and how many there are."""
    questions: Value


@dataclass(frozen=True, kw_only=True)
class Squares:
    """The network that adds squares, in three bases."""

    even: Value
    """The share of the embedding's energy that is the same for a and -a."""
    joint: Value
    """The share in the five strongest waves of the square; the null renames the squares, and keeps a and -a together."""
    frequencies: Value
    shares: dict[str, dict[str, np.ndarray]] = field(repr=False)
    """Network -> basis -> share of the energy by frequency."""
    nulls: dict[str, float] = field(repr=False)
    """Basis -> the largest share with renamed residues."""
    table: list[dict[str, str]] = field(repr=False)

    @property
    def columns(self) -> Columns:
        """The shares as a figure's data."""
        found = {f"{name}, {basis}": share_K for name, bases in self.shares.items() for basis, share_K in bases.items()}
        return {"frequency": np.arange(1, len(next(iter(found.values()))) + 1)} | found


@dataclass(frozen=True, kw_only=True)
class NoSum(Group):
    """A network whose operation is no sum."""

    final: Value
    """Its last test accuracy; the null is what symmetry alone gives."""
    memorized: Value
    trained_for: Value


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What the operation does."""

    times: Times
    coats: Coats
    add: Concentration
    subtract: Concentration
    subtracts: Value
    """The step at which the network that subtracts groks."""
    example: Example
    multiply: Multiplication
    divide: Division
    squares: Squares
    cubic: NoSum
    random: NoSum
    by_heart: Value
    """The median step at which the networks that add know their training questions."""
    chance: Value


def measure() -> Operation:
    """The finding, from the sweep as far as it is trained.

    Raises:
        LabError: a record is damaged.
    """
    found = outcomes.sweep("operation").points
    points = {operation: found[operation] for operation in NAMES if operation in found}
    first = {operation: point.rows[0] for operation, point in points.items()}
    twins = {
        o: symmetry.shown_twins(row.study.labels_PP, row.study.train_mask_PP, row.study.test_mask_PP) for o, row in first.items()
    }
    carries = {o: symmetry.carries_over(row.study.labels_PP) for o, row in first.items()}
    return Operation(
        times=_times(points, twins, carries),
        coats=_coats(first, twins, carries),
        add=first["add"].concentration(),
        subtract=first["subtract"].concentration(),
        subtracts=steps(first["subtract"].grokked),
        example=example(13),
        multiply=_multiply(first),
        divide=_divide(*(outcomes.Outcome(Study.open(f"small-59{name}"), ()) for name in ("", "-divide"))),
        squares=_squares(first),
        cubic=_no_sum(first["a3+ab"], twins["a3+ab"]),
        random=_no_sum(first["random"], twins["random"]),
        by_heart=steps(float(np.median([row.memorized for row in points["add"].rows]))),
        chance=share(1 / first["add"].spec.task.p),
    )


def _listed(operations: Sequence[str]) -> Value:
    return words(tables.listing([NAMES[operation].replace(" ", "\u00a0") for operation in operations]))


def _sums(carries: dict[str, float]) -> list[str]:
    """The operations that can be a sum in disguise: rows that agree once agree always, or none ever agree."""
    return [operation for operation, part in carries.items() if not part < 1]


def _times(points: dict[str, Point], twins: dict[str, float], carries: dict[str, float]) -> Times:
    low, high = one_more(points["add"])
    learned = [operation for operation, point in points.items() if point.n_grokked == point.n]
    silent = [operation for operation, point in points.items() if not point.n_grokked]
    others = {operation: points[operation].grokked_S[0] for operation in learned if operation != "add"}
    return Times(
        points={NAMES[operation]: point for operation, point in points.items()},
        learned=_listed(learned),
        silent=_listed(silent),
        one_more_low=steps(low),
        one_more_high=steps(high),
        sooner=_listed([operation for operation, step in others.items() if step < low]),
        inside=_listed([operation for operation, step in others.items() if low <= step <= high]),
        later=_listed([operation for operation, step in others.items() if step > high]),
        sorts=_sums(carries) == learned and len(learned) + len(silent) == len(points),
        table=[
            {
                "operation": NAMES[operation],
                "with a twin": tables.percent(twins[operation], 0),
                "carries over": tables.percent(carries[operation], 0),
                "by heart": tables.whole(float(np.median([row.memorized for row in point.rows]))),
                "95 % of test at": point.words,
                "best test accuracy": tables.percent(max(row.best() for row in point.rows)),
            }
            for operation, point in points.items()
        ],
    )


def _coats(first: dict[str, Outcome], twins: dict[str, float], carries: dict[str, float]) -> Coats:
    sums = _sums(carries)
    step, accuracy = flattest(first["a2+b2"])
    return Coats(
        twins=share(twins["a2+b2"]),
        flat=share(accuracy),
        flat_at=steps(step),
        sums=_listed(sums),
        others=_listed([operation for operation in carries if operation not in sums]),
    )


def flattest(row: Outcome) -> tuple[int, float]:
    """The step, and the test accuracy, at which a curve is flattest between three times its memorization and its time to grok."""
    step_T, accuracy_T = row.metrics["step"], row.metrics["test_accuracy"]
    waiting = (step_T > 3 * row.memorized) & (step_T < row.grokked)
    place = np.argmin(np.gradient(accuracy_T[waiting], np.log(step_T[waiting])))
    return int(step_T[waiting][place]), float(accuracy_T[waiting][place])


def example(p: int) -> Example:
    """The non-zero residues mod a prime in the order of their logarithms."""
    order = tuple(characters.by_logarithm(p).tolist())
    return Example(root=total(characters.primitive_root(p)), powers=words(", ".join(map(str, order))), order=order)


def _both_bases(adds: Outcome, row: Outcome) -> dict[str, Any]:
    """The fields of `BothBases`."""
    table_PD, name = row.study.embedding_PD, NAMES[row.spec.task.operation]
    renamed_PD = table_PD[np.random.default_rng(0).permutation(row.study.p)]
    shown = {NAMES["add"]: adds.study.embedding_PD, name: table_PD, f"{name},\nrenamed": renamed_PD}
    return {
        "time": steps(row.grokked),
        "additive": row.concentration(),
        "characters": row.concentration("multiplicative"),
        "energies": {each: (_shares(x)[WAVES], characters.energy_per_character(x)) for each, x in shown.items()},
    }


def _divide(adds: Outcome, row: Outcome) -> Division:
    task = row.spec.task
    return Division(**_both_bases(adds, row), modulus=total(task.p), shown=chosen(task.train_frac), sums=steps(adds.grokked))


def _multiply(first: dict[str, Outcome]) -> Multiplication:
    row = first["multiply"]
    table_PD, p = row.study.embedding_PD, row.study.p
    norms = characters.character_norms(table_PD) ** 2
    return Multiplication(
        **_both_bases(first["add"], row),
        zero=factor(norms[0] / (norms.sum() / p)),
        with_zero=total(2 * p - 1),
        questions=total(p * p),
    )


def _shares(table_PD: np.ndarray) -> dict[str, np.ndarray]:
    """The share of an embedding's energy by frequency in each of three bases."""
    residue_P = np.arange(len(table_PD))
    energy_K = characters.energy_per_character(table_PD)
    return {
        WAVES: squares.wave_shares(table_PD, residue_P),
        CHARACTERS: energy_K / energy_K.sum(),
        SQUARES: squares.wave_shares(table_PD, residue_P**2 % len(table_PD)),
    }


def strongest_squares(table_PD: np.ndarray) -> tuple[list[int], float]:
    """The five strongest waves of the square, and their joint share of the energy."""
    square_P = np.arange(len(table_PD)) ** 2 % len(table_PD)
    top = np.argsort(-squares.wave_shares(table_PD, square_P))[:N_TOP] + 1
    return sorted(top.tolist()), squares.joint_share(table_PD, square_P, top)


def renamed_evenly(table_PD: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """An embedding with the squares of its residues renamed at random, so that a and -a still go together."""
    p, moved_PD = len(table_PD), table_PD.copy()
    roots = np.array([(a, p - a) for a in range(1, (p + 1) // 2)])
    moved_PD[roots] = table_PD[generator.permutation(roots)]
    return moved_PD


def _null(measure: Callable[[np.ndarray], float], renamed: Callable[[np.random.Generator], np.ndarray]) -> float:
    """The mean of something over random renamings."""
    generator = np.random.default_rng(0)
    return float(np.mean([measure(renamed(generator)) for _ in range(N_RENAMINGS)]))


def _squares(first: dict[str, Outcome]) -> Squares:
    embeddings = {operation: row.study.embedding_PD for operation, row in first.items()}
    table_PD = embeddings["a2+b2"]
    top, joint = strongest_squares(table_PD)
    strict = _null(lambda x: strongest_squares(x)[1], lambda generator: renamed_evenly(table_PD, generator))
    unlike_PD = embeddings[list(embeddings)[-1]]
    shown = [operation for operation in first if operation not in ("subtract", "multiply")]

    def largest(basis: str) -> float:
        return _null(lambda x: float(_shares(x)[basis].max()), lambda generator: generator.permutation(unlike_PD))

    return Squares(
        even=share(squares.even_share(table_PD), null=0.5),
        joint=share(joint, null=strict),
        frequencies=words(tables.listing(top)),
        shares={NAMES[operation]: _shares(embeddings[operation]) for operation in shown},
        nulls={basis: largest(basis) for basis in (WAVES, CHARACTERS, SQUARES)},
        table=[_bases_row(operation, row) for operation, row in first.items()],
    )


def _bases_row(operation: str, row: Outcome) -> dict[str, str]:
    table_PD = row.study.embedding_PD
    null = _null(lambda x: strongest_squares(x)[1], lambda generator: generator.permutation(table_PD))
    found = {"waves of a": row.concentration().top_share, "characters of a": row.concentration("multiplicative").top_share}
    found |= {"waves of a²": share(strongest_squares(table_PD)[1], null=null)}
    pairs = {basis: f"{tables.percent(one.value, 0)} ({tables.percent(one.null, 0)})" for basis, one in found.items()}
    return {"operation": NAMES[operation]} | pairs | {"even": tables.percent(squares.even_share(table_PD), 0)}


def _no_sum(row: Outcome, twins: float) -> NoSum:
    final, memorized = share(row.final("test_accuracy"), null=twins), steps(row.memorized)
    return NoSum(final=final, memorized=memorized, trained_for=steps(row.spec.steps))
