"""Measuring, counting and showing claims; and the ledger itself."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from modaddlab import Study, tables
from modaddlab.claims import counts, nanda_circuit, page, quantities, released, scorecard
from modaddlab.claims.claim import COUNT, EXACT, LOSS, STEPS, YES_NO, Band, Claim, exactly
from modaddlab.claims.judgement import VERDICTS, judge, measured
from modaddlab.claims.ledger import CLAIMS
from modaddlab.claims.scorecard import Finding
from modaddlab.experiments.catalogue import RUNS
from modaddlab.findings.value import share

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
    assert (found.ours_text, found.n_networks, found.basis, found.verdict) == ("17.0", 1, "one or two networks", "replicates")


def test_a_claim_over_seeds_is_judged_by_their_mean() -> None:
    def seed(study: Study) -> float:
        return float(study.spec.seed)

    over_two = dataclasses.replace(BASE, runs="p53-wd1", measure=seed, published=exactly(0.5), holds=exactly(0.5))
    found = measure(over_two)
    assert (found.n_networks, found.ours_text, found.verdict) == (2, "0 and 1.00", "replicates")


def test_a_quantity_that_no_network_has_fails_and_one_that_some_have_is_theirs() -> None:
    def only_of_seed_1(study: Study) -> float:
        return 17.0 if study.spec.seed == 1 else math.nan

    some = measure(dataclasses.replace(BASE, runs="p53-wd1", measure=only_of_seed_1))
    assert (some.ours_text, some.n_text, some.verdict) == ("17.0 and never", "1 of 2", "replicates")
    none = measure(dataclasses.replace(BASE, measure=only_of_seed_1))
    assert (none.ours_text, none.verdict) == ("never", "does not replicate")
    nobody = measure(dataclasses.replace(BASE, runs="rule-muon", measure=lambda _: math.nan))
    assert (nobody.ours_text, nobody.verdict) == ("never in 10", "does not replicate")


def test_a_range_is_written_with_what_is_behind_it_once() -> None:
    assert scorecard.with_range(tables.number, 2e-7, Band(1e-7, 3e-7)) == "2.00 [1.00, 3.00]\u00a0×\u00a010⁻⁷"  # noqa: RUF001
    assert scorecard.with_range(tables.number, 2e-7, Band(1e-8, 3e-7)).count("10") == 3
    assert scorecard.with_range(tables.percent, 0.5, Band(0.25, 0.75)) == "50.0 [25.0, 75.0]\u202f%"
    assert scorecard.with_range(tables.percent, 1.0, Band(1.0, 1.0)) == "100.0 %"
    assert scorecard.with_range(tables.whole, 5, Band(math.nan, math.nan)) == "5"


def test_steps_and_counts_of_ours_are_whole_and_what_was_published_has_its_own_digits() -> None:
    for tolerance, text in ((STEPS, "23,450"), (COUNT, "23,450"), (LOSS, "23,400")):
        assert dataclasses.replace(BASE, tolerance=tolerance).written(23_450.0) == text
    assert dataclasses.replace(BASE, tolerance=COUNT).written(3.7) == "3.70"
    assert dataclasses.replace(BASE, tolerance=STEPS).written(0.871) == "0.871"
    for value, text in ((6e-8, "6\u00a0×\u00a010⁻⁸"), (2.41e-7, "2.41\u00a0×\u00a010⁻⁷"), (0.024, "0.024"), (1 / 9, "0.111")):  # noqa: RUF001
        assert dataclasses.replace(BASE, published=exactly(value)).published_text == text


def test_runs_that_end_when_they_have_grokked_count_where_the_time_is_asked() -> None:
    def seed(study: Study) -> float:
        return 100.0 + study.spec.seed

    asked = dataclasses.replace(BASE, runs="decay-3", measure=seed, tolerance=STEPS, holds=Band(), of_times=True)
    seeds = {study.spec.seed for name in ("decay-3", "decay-3-groks") for study in Study.seeds(name)}
    found = measure(asked)
    assert found.measured is not None
    assert sorted(found.measured.values_S) == [100 + seed for seed in sorted(seeds)]
    assert measure(dataclasses.replace(asked, of_times=False)).n_networks == len(Study.seeds("decay-3")) < len(seeds)


def test_the_null_is_measured_and_counts() -> None:
    with_null = dataclasses.replace(BASE, null=p_of, null_is="itself")
    assert measure(with_null).verdict == "open"
    assert measure(with_null).null_text == "17.0 (itself)"


def test_a_value_of_many_runs_brings_its_own_null() -> None:
    together = dataclasses.replace(BASE, measure=None, pooled=lambda: (share(1.0, null=0.2), 5), null_is="nothing learned")
    found = measure(dataclasses.replace(together, published=exactly(1), holds=Band(0.9, 1)))
    assert (found.verdict, found.null, found.n_text) == ("replicates", 0.2, "5")
    as_true = dataclasses.replace(together, published=exactly(1), holds=Band(0, 1))
    assert measure(as_true).verdict == "open", "it is as true of the null"


def test_a_run_that_is_not_there_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scorecard, "family", lambda claim: iter(()))
    found = measure(BASE)
    assert (found.verdict, found.basis) == ("open", "none")
    assert "python -m modaddlab.train debug" in found.judged.why


def test_what_needs_snapshots_is_measured_where_there_are_some() -> None:
    assert measure(dataclasses.replace(BASE, snapshots=True)).n_networks == 1
    assert measure(dataclasses.replace(BASE, snapshots=True, runs="p53-wd1")).measured is None


def findings() -> list[Finding]:
    failing = dataclasses.replace(BASE, id="fails", published=exactly(18), holds=exactly(18))
    wide = dataclasses.replace(BASE, id="differs", published=exactly(100), tolerance=LOSS, holds=Band(0, 200))
    wide = dataclasses.replace(wide, evidence="@fig-task")
    untested = dataclasses.replace(BASE, id="open", measure=None, undecided="too | large")
    return scorecard.findings([BASE, failing, wide, untested])


def test_verdicts_are_counted_in_order() -> None:
    tally = counts(findings())
    assert list(tally) == list(VERDICTS)
    assert set(tally.values()) == {1}


def test_the_tally_counts_a_measurement_once_and_by_what_it_rests_on(monkeypatch: pytest.MonkeyPatch) -> None:
    again = scorecard.findings([dataclasses.replace(BASE, id="again", repeats="modulus")])
    defined = scorecard.findings([dataclasses.replace(BASE, id="defined", defined=True)])
    short = scorecard.findings([dataclasses.replace(BASE, id="short", trained_for=40_000)])  # the debug run has 1,000 steps
    monkeypatch.setattr(page, "findings", lambda: [*findings(), *again, *defined, *short])
    tally = page.tally.__wrapped__()
    assert (tally.claims.value, tally.repeated.value, tally.replicates.value) == (6, 1, 2)
    assert (tally.differs.value, tally.fails.value, tally.untested.value) == (1, 1, 2)
    assert (tally.tested.value, tally.shorter.value, tally.defined.value) == (4, 1, 1)
    assert (tally.few.value, tally.few_replicate.value, tally.several.value) == (3, 1, 0)


def test_the_site_has_a_line_for_every_claim_folded_by_subject_and_so_has_print() -> None:
    found = [*findings(), *scorecard.findings(nanda_circuit.SETUP)]
    text = page.site(found)
    assert text.count("The modulus is 17.") == len(findings())
    assert text.count("<details>") == text.count("</details>") == 2
    for verdict, name in page.CLASSES.items():
        assert f"{{.mark-{name}}} [{verdict}]{{.verdict}}" in text
    assert r"too \| large" in text
    assert "@fig-task" in text
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    assert style is not None
    rules = set(re.findall(r"\.([a-z][\w-]*)", style[1]))
    assert set(re.findall(r"\{\.([\w-]+)\}", text)) | {"own-weights"} <= rules  # the built-in renderer refuses what has no rule
    assert not re.search(r"https?://", text)
    printed = page.print_tables(found)
    assert printed.count("The modulus is 17.") == len(findings())
    assert printed.count("#### The circuit\n") == 1
    assert r"*Too \| large.*" in printed


def test_a_line_says_what_its_claim_is_judged_by() -> None:
    wide = dataclasses.replace(BASE, tolerance=LOSS, holds=Band(0, 200))
    assert page.rule_text(wide) == "factor 3; true from 0 to 200"
    assert page.rule_text(BASE) == "true if exact"
    assert page.rule_text(dataclasses.replace(BASE, tolerance=COUNT, holds=Band(3))) == "± 1; true from 3"
    assert page.rule_text(dataclasses.replace(BASE, holds=Band())) == ""
    assert page.rule_text(dataclasses.replace(BASE, tolerance=YES_NO, holds=Band(0.5, 1))) == ""


def test_the_download_has_every_claim_with_what_it_was_judged_by() -> None:
    found = findings()
    columns = page.columns(found)
    assert {len(values) for values in columns.values()} == {len(found)}
    assert (columns["true from"][0], columns["true to"][0], columns["tolerance"][0]) == (17, 17, "± 0")
    assert (columns["mean"][0], columns["rests on"][0]) == (17, "one or two networks")


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
            middle = (claim.published.low + claim.published.high) / 2
            decided = dataclasses.replace(claim, undecided="", measure=p_of, trained_for=None)
            assert judge(decided, measured(decided, [middle], [1000])).verdict == "replicates", claim.id


def test_a_claim_that_repeats_another_is_measured_on_the_same_networks() -> None:
    by_id = {claim.id: claim for claim in CLAIMS}
    for claim in CLAIMS:
        if claim.repeats:
            other = by_id[claim.repeats]
            assert (other.runs, other.p, other.repeats) == (claim.runs, claim.p, ""), claim.id


def test_a_quantity_with_a_factor_for_a_tolerance_is_averaged_as_logarithms() -> None:
    assert all(claim.scale == "log" for claim in CLAIMS if claim.tolerance is not None and claim.tolerance.kind == "factor")


def test_the_source_is_in_the_bibliography_and_the_evidence_in_the_book() -> None:
    sources = (ROOT / "references.bib").read_text(encoding="utf-8")
    chapters = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "chapters").rglob("*.qmd"))
    for claim in CLAIMS:
        assert f"{{{claim.source}," in sources, claim.id
        assert claim.evidence or claim.undecided, f"{claim.id}: a measured claim has a figure or a table behind it"
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


def test_each_claim_that_a_checkpoint_settles_has_its_value() -> None:
    by_id = {claim.id: claim for claim in CLAIMS}
    assert set(released.values()) == {name for one in released.FILES for name in one.claims} <= set(by_id)
    assert all(math.isfinite(value) for _, value in released.values().values())


def test_each_file_of_the_authors_has_a_folded_table_of_its_claims(capsys: pytest.CaptureFixture[str]) -> None:
    base, statements = measure(BASE), {name: f"Claim {i}." for i, name in enumerate(released.values())}
    claims = [dataclasses.replace(BASE, id=name, statement=statement) for name, statement in statements.items()]
    found = [base, *(dataclasses.replace(base, claim=claim) for claim in claims)]
    page.own_weights(SimpleNamespace(found=found))  # type: ignore[arg-type]
    _, *tables_of = capsys.readouterr().out.split("<details>")
    assert len(tables_of) == len(released.FILES)
    for file, text in zip(released.FILES, tables_of, strict=True):
        assert file.sha256[:12] in text
        assert {name for name, statement in statements.items() if statement in text} == set(file.claims)
