"""What size does, on runs whose outcomes are made."""

from __future__ import annotations

import math

import pytest
from made import point, run

from modaddlab.findings import size
from modaddlab.findings.sweep import Law, embeddings
from modaddlab.models.registry import TransformerSpec


def law_at(p: int) -> float:
    """A made law with the exponent -2."""
    return 8_000 * (113 / p) ** 2


POINTS = {
    11: point(run(p=11, final=0.05, waves=2), run(p=11, final=0.07, waves=2)),
    31: point(run(p=31, final=0.2, waves=1)),
    **{p: point(run(law_at(p), p=p), run(1.1 * law_at(p), p=p)) for p in (59, 89, 113)},
}
SILENT = {p: POINTS[p] for p in (11, 31)}
FOUND = embeddings(POINTS)


def test_a_made_law_is_found_and_what_it_asks_of_the_silent() -> None:
    rows = [row for p, made in POINTS.items() if p >= size.BEGINS for row in made.rows]
    found = size._moduli(POINTS, SILENT, FOUND, Law.through(rows, size.modulus_of))
    assert found.law.exponent.value == pytest.approx(-2)
    assert found.asked.value == round(1.1**0.5 * law_at(31), -3)
    assert (str(found.learned), str(found.silent), str(found.asked_at)) == ("59, 89 and 113", "11 and 31", "31")


def test_grokking_needs_nearly_all_of_the_unseen() -> None:
    there = size.Questions.of(POINTS[11])
    assert (there.shown.value, there.unseen.value, there.needed.value) == (36, 85, 81)


def test_the_silent_are_held_against_chance_and_mirror_images() -> None:
    found = size._silent(SILENT, FOUND)
    assert (found.least.value, found.most.value) == (pytest.approx(0.06), pytest.approx(0.2))
    assert found.above.value == 1  # 0.06 is below one in eleven
    assert found.below_mirrors
    assert found.favoured == 2
    above = {31: point(run(p=31, final=0.5))}
    assert not size._silent(above, embeddings(above)).below_mirrors


def test_settings_with_as_many_pairs_are_compared() -> None:
    few = {0.08: point(run(frac=0.08)), 0.18: point(run(10_000, frac=0.18)), 0.3: POINTS[113], 0.6: point(run(900, frac=0.6))}
    found = size._pairs(POINTS, few)
    assert [row["modulo"] for row in found.table] == ["59", "89"]
    assert (found.sooner.value, found.undecided.value) == (1, 0)  # at 59, where the other never groks; at 89 it is later
    assert found.moduli.exponent.value == pytest.approx(-1, abs=0.02)  # pairs go with the square


def test_narrow_networks_beside_the_range_of_one_more() -> None:
    usual = point(*(run(step, seed=n) for n, step in enumerate((5_000, 6_000, 7_000, 8_000))))
    narrow = {n: run(math.nan, steps=15_000, waves=waves, model=TransformerSpec(d_mlp=n)) for n, waves in ((64, 20), (128, 10))}
    points = {(n, 128): point(row) for n, row in narrow.items()} | {(512, 128): usual, (256, 128): point(run(6_500))}
    found = size._neurons(points | {(512, 64): point(run(1))})
    assert list(found.points) == ["64", "128", "512", "256"]
    assert (str(found.inside), str(found.silent), found.silent_for.value) == ("256", "64 and 128", 15_000)
    assert found.in_order
    assert found.one_more_low.value < 5_000 < 8_000 < found.one_more_high.value < 15_000
