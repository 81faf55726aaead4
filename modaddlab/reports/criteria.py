"""Whether a run is a success by published criteria, and what the book's laws ask for where it is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from modaddlab import claims, tables
from modaddlab.errors import LabError
from modaddlab.experiments import catalogue
from modaddlab.experiments.spec import RunSpec, flatten
from modaddlab.findings import ablation, concentration, curves, expected
from modaddlab.findings.networks import OF_LOGARITHMS, TEST_PAIRS
from modaddlab.reports.section import lacks, seen
from modaddlab.study import Study

Ask = Callable[[Callable[[Study], Any]], Any]
"""Asks a finding of the network; gives the error of one that refuses."""

MET, MISSED, UNKNOWN = "met", "not met", "cannot be told"


def criteria(study: Study, ask: Ask) -> Iterator[tuple[str, str]]:
    """The four criteria of success of a published reproduction (`grokkingreproduction2025`): the verdict and a sentence, each.

    Args:
        study: the network.
        ask: gives its findings.
    """
    found, none = ask(curves.of), "its training was not recorded"
    delay = "Whether it had the training pairs right early and the test pairs late"
    if len(found.metrics["step"]) < 3:
        yield UNKNOWN, f"{delay}: {none}."
    elif not math.isfinite(found.test_loss.value):
        yield UNKNOWN, f"{delay}: it was trained on all pairs."
    elif not math.isfinite(found.memorized.value):
        yield MISSED, "It never had 99 % of the training pairs right."
    else:
        later, holds = found.times_later, claims.by_id("criterion-delay").holds
        known = f"the test pairs {later} times as late" if math.isfinite(later.value) else "never the test pairs"
        yield (
            _verdict(later.value in holds),
            f"It had the training pairs right early and {known}; {holds.low:g} times as late is asked for.",
        )
    held, of_what = ask(concentration.of_characters), " of the logarithm"
    if isinstance(held, LabError):
        held, of_what = ask(concentration.of), ""
    if isinstance(held, LabError) or study.p // 2 <= concentration.N_TOP:
        why = "its record keeps no embedding" if isinstance(held, LabError) else f"modulo {study.p} there are no more than that"
        yield UNKNOWN, f"Whether the five strongest frequencies hold most of the embedding's energy: {why}."
    else:
        top, holds = held.top_share, claims.by_id("criterion-concentration").holds
        yield (
            _verdict(top.value in holds and top.value > (1 + (top.null or 0.0)) / 2),
            f"The five strongest frequencies{of_what} hold {top} of the embedding's energy, with renamed residues "
            f"{tables.percent(top.null)}; more than half-way from there to all of it is asked for.",
        )
    cuts = ask(ablation.of)
    if not isinstance(cuts, LabError) and not seen(study, ablation.of).keys:
        yield MISSED, "It has no key frequencies: there is nothing to take away that would cost 30 points of test accuracy."
    elif isinstance(cuts, LabError) or not math.isfinite(cuts.strongest.lost.value):
        lacked = lacks(study, ablation.of, TEST_PAIRS)
        why = f"that needs {lacked}" if lacked else str(cuts) if isinstance(cuts, LabError) else "there are none to compare with"
        yield UNKNOWN, f"Whether it loses 30 points of test accuracy without the strongest frequencies in its embedding: {why}."
    else:
        lost, holds = cuts.strongest.lost, claims.by_id("criterion-top-frequencies").holds
        yield (
            _verdict(lost.value in holds and (lost.null or 0.0) not in holds),
            f"Without the strongest frequencies{of_what} in its embedding it loses {100 * lost.value:.1f} points of test "
            f"accuracy, without as many others {100 * (lost.null or 0.0):.1f}; 30 are asked for.",
        )
    spectra = "the spectra of embedding and neuron-logit map"
    grown = f"Whether {spectra} became concentrated while it was trained"
    ginis = [study.metrics[name] for name in ("gini_W_E", "gini_W_L") if name in study.metrics]
    if len(ginis) < 2 or len(ginis[0]) < 3:
        yield UNKNOWN, f"{grown}: {none}."
    elif OF_LOGARITHMS.met_by(study):
        yield UNKNOWN, f"{grown}: they were recorded in waves of the residue, and it adds logarithms."
    else:
        ends = [[tables.number(float(gini_T[row]), 2) for row in (0, -1)] for gini_T in ginis]
        rise = " and ".join(f"from {first} to {last}" for first, last in ends)
        yield (
            _verdict(all(gini_T[-1] > (1 + gini_T[0]) / 2 for gini_T in ginis)),
            f"While it was trained the Gini coefficients of {spectra} went {rise}; more than half-way from there to 1 is asked "
            "for.",
        )


def _verdict(is_met: bool) -> str:
    return MET if is_met else MISSED


def expectation(study: Study) -> list[str]:
    """What the laws ask for, in Markdown, each change with the command that tries it; nothing of one that has grokked, was not
    trained here, or has no test pairs."""
    spec = study.spec
    if spec.origin is not None or not spec.steps or not TEST_PAIRS.met_by(study) or study.phases.generalization is not None:
        return []
    try:
        found = expected.of(spec)
    except LabError as error:
        like = _like(spec)
        lines = [f"It has not grokked within {spec.steps:,} steps. When it would, the book cannot tell: {error}."]
        if like is not None:
            lines.append(
                f"Of the book's runs of this kind that have grokked, {like.spec.name} differs least from this one. It grokked at "
                f"step {like.phases.generalization:,}. What to try: `{command(like.spec, {})}`"
            )
        return lines
    asked = "the book's laws expect none to grok"
    if not math.isnan(found.time.value):
        time, low, high = (tables.whole(float(f"{end:.2g}")) for end in (found.time.value, found.time.low, found.time.high))
        asked = f"the book's laws ask for about {time} steps; 95 % of such runs would need between {low} and {high}"
    lines = [f"- {words}: `{command(spec, fields)}`" for words, fields in found.remedies]
    return [
        f"It has not grokked within {spec.steps:,} steps; with its settings {asked}. {' '.join(found.reasons)}".strip(),
        *(["What to try:", "\n".join(lines)] if lines else []),
    ]


def _like(spec: RunSpec) -> Study | None:
    """The book's run with the same kind of network and the same question that differs least from this one and has grokked."""
    mine = flatten(spec.to_dict())

    def apart(run: RunSpec) -> int:
        theirs = flatten(run.to_dict())
        return sum(mine.get(field) != value for field, value in theirs.items() if not field.startswith(expected.FREE))

    alike = [
        run for run in catalogue.RUNS.values() if (run.model.kind, run.task.operation) == (spec.model.kind, spec.task.operation)
    ]
    for run in sorted(alike, key=apart):
        try:
            study = Study.open(run.name)
        except LabError:  # not trained
            continue
        if study.phases.generalization is not None:
            return study
    return None


def command(spec: RunSpec, fields: dict[str, Any]) -> str:
    """The command that trains a run with some fields changed."""
    base, mine = catalogue.nearest(spec), flatten(spec.to_dict()) | fields
    theirs = flatten(base.to_dict())
    changed = {field: value for field, value in sorted(mine.items()) if field != "name" and theirs.get(field) != value}
    sets = " ".join(f"--set {field}={value}" for field, value in changed.items())
    seed = f" --seed {spec.seed}" if spec.seed != catalogue.RUNS[base.name].seed else ""
    return f"python -m modaddlab.train {base.name}{seed} {sets} --data my-runs".replace("  ", " ")
