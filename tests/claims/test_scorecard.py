"""Measuring, counting and showing claims; and the ledger itself."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path

import pytest

from modaddlab import Study
from modaddlab.claims import counts, page, quantities, scorecard
from modaddlab.claims.claim import EXACT, LOSS, VERDICTS, Band, Claim, exactly
from modaddlab.claims.ledger import CLAIMS
from modaddlab.claims.scorecard import Finding
from modaddlab.experiments.catalogue import RUNS

ROOT = Path(__file__).parent.parent.parent


def p_of(study: Study) -> float:
    return float(study.p)


def measure(claim: Claim) -> Finding:
    (found,) = scorecard.findings([claim])
    return found


BASE = Claim(
    id="modulus",
    source="nanda2023progress",
    place="section 0",
    statement="The modulus is 17.",
    published=exactly(17),
    measure=p_of,
    runs="debug",
    tolerance=EXACT,
    holds=exactly(17),
)


def test_a_claim_on_one_network() -> None:
    found = measure(BASE)
    assert (found.first, found.seeds, found.n_networks, found.verdict) == (17, None, 1, "replicates")
    assert found.seeds_text == "one seed"


def test_a_claim_over_seeds_is_judged_by_their_mean() -> None:
    def seed(study: Study) -> float:
        return float(study.spec.seed)

    over_two = dataclasses.replace(BASE, runs="p53-wd1", measure=seed, published=exactly(0.5), holds=exactly(0.5))
    found = measure(over_two)
    assert found.n_networks == 2
    assert found.first == 0
    assert found.verdict == "replicates"
    assert found.seeds_text == "0, 1.00"


def test_a_quantity_that_most_networks_lack_fails() -> None:
    def only_of_seed_1(study: Study) -> float:
        return 17.0 if study.spec.seed == 1 else math.nan

    found = measure(dataclasses.replace(BASE, runs="p53-wd1", measure=only_of_seed_1))
    assert found.verdict == "does not replicate"
    assert found.first_text == "never"
    assert found.seeds_text == "17.0, never"


def test_the_null_is_measured_and_counts() -> None:
    with_null = dataclasses.replace(BASE, null=p_of, null_is="itself")
    assert measure(with_null).verdict == "does not replicate"
    assert measure(with_null).null_text == "17.0 (itself)"


def test_a_run_that_is_not_there_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorecard, "family", lambda runs, p: iter(()))
    found = measure(BASE)
    assert found.verdict == "cannot be tested"
    assert "python -m modaddlab.train debug" in found.why


def test_what_needs_snapshots_is_measured_where_there_are_some() -> None:
    assert measure(dataclasses.replace(BASE, snapshots=True)).n_networks == 1
    assert measure(dataclasses.replace(BASE, snapshots=True, runs="p53-wd1")).verdict == "cannot be tested"


def findings() -> list[Finding]:
    failing = dataclasses.replace(BASE, id="fails", published=exactly(18), holds=exactly(18))
    wide = dataclasses.replace(BASE, id="differs", published=exactly(100), tolerance=LOSS, holds=Band(0, 200))
    wide = dataclasses.replace(wide, evidence="@fig-task")
    untested = dataclasses.replace(BASE, id="open", measure=None, untestable="too | large")
    return scorecard.findings([BASE, failing, wide, untested])


def test_verdicts_are_counted_in_order() -> None:
    tally = counts(findings())
    assert list(tally) == list(VERDICTS)
    assert set(tally.values()) == {1}


def test_the_tally_has_each_count_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [*findings(), *findings()[:1]]
    monkeypatch.setattr(page, "findings", lambda: found)
    tally = page.tally.__wrapped__()
    assert (tally.claims.value, tally.replicates.value) == (5, 2)
    assert (tally.differs.value, tally.fails.value, tally.untested.value) == (1, 1, 1)
    assert (tally.tested.value, tally.single.value, tally.shorter.value) == (4, 4, 0)
    assert tally.by_source == {"Nanda et al. 2023": (2, 1, 1, 1)}


def test_what_did_not_happen_in_a_shorter_time_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [dataclasses.replace(BASE, id=f"never-{steps}", trained_for=steps) for steps in (500, 40_000)]
    monkeypatch.setattr(page, "findings", lambda: scorecard.findings(runs))
    assert page.tally.__wrapped__().shorter.value == 1  # the debug run has 1,000 steps


def test_the_site_s_table_has_a_line_for_every_claim_and_print_has_them_by_source() -> None:
    found = findings()
    table = page.site_table(found)
    assert table.count("The modulus is 17.") == len(found)
    for verdict, name in page.CLASSES.items():
        assert f"{{.mark-{name}}} {verdict}" in table
    assert r"too \| large" in table
    assert "@fig-task" in table
    assert not re.search(r"https?://", table)
    printed = page.print_tables(found)
    assert printed.count("The modulus is 17.") == len(found)
    assert printed.count("**@nanda2023progress**") == 1


def test_tolerances_are_listed_once_with_their_reason() -> None:
    listed = page.tolerances(findings())
    assert [line["within"] for line in listed] == ["± 0", "factor 3"]
    assert [line["claims"] for line in listed] == ["3", "1"]


def test_the_ledger_s_names_are_unique_and_its_runs_exist() -> None:
    names = [claim.id for claim in CLAIMS]
    assert len(set(names)) == len(names)
    for claim in CLAIMS:
        assert claim.runs in RUNS, claim.id
        assert claim.statement.endswith("."), claim.id


def test_a_published_value_is_within_its_own_tolerance_and_true() -> None:
    for claim in CLAIMS:
        if claim.published is not None:
            assert claim.judge((claim.published.low + claim.published.high) / 2, None) == "replicates", claim.id


def test_the_source_is_in_the_bibliography_and_the_evidence_in_the_book() -> None:
    sources = (ROOT / "references.bib").read_text(encoding="utf-8")
    chapters = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "chapters").rglob("*.qmd"))
    for claim in CLAIMS:
        assert f"{{{claim.source}," in sources, claim.id
        assert claim.evidence or claim.measure is None, f"{claim.id}: a measured claim has a figure or a table behind it"
        label = (claim.evidence or "").removeprefix("@")
        assert not label or f"{{#{label}}}" in chapters or f"label: {label}\n" in chapters, claim.id


def test_steps_are_read_from_the_recorded_curves() -> None:
    study = Study.open("debug")
    assert quantities.finding("curves.memorized")(study) == study.phases.memorization
    assert quantities.finding("curves.groks")(study) == float(study.phases.generalization is not None)
    assert quantities.finding("task.train")(study) + quantities.finding("task.test")(study) == study.p**2
    assert quantities.finding("task.parameters")(study) == sum(value.size for value in study.record.final.values())


def test_a_ratio_of_key_energy_starts_at_one() -> None:
    study = Study.open("mainline")
    assert quantities.finding("growth.at_start")(study) == pytest.approx(1, abs=0.1)
    assert quantities.finding("growth.before_jump")(study) > quantities.finding("growth.at_start")(study)
