"""Values: how they are written, what seeds say together, which are forgotten."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from modaddlab import LabError
from modaddlab.findings.value import (
    Group,
    Value,
    chosen,
    count,
    expect,
    exponent,
    factor,
    loss,
    named,
    number,
    over,
    parts,
    pooled,
    setting,
    share,
    steps,
    total,
    words,
)


@dataclass(frozen=True)
class Inner(Group):
    exponent: Value
    n: Value
    line: np.ndarray


@dataclass(frozen=True)
class Outer:
    law: Inner
    share: Value


FINDING = Outer(Inner(exponent(-1.034, -1.257, -0.8), total(13), np.zeros(2)), share(0.754, null=0.02))


def test_a_value_is_written_by_its_kind() -> None:
    assert [str(value) for value in (steps(6257.4), steps(None), count(5), count(13), total(5), setting(3e-5))] == [
        "6,257", "–", "five", "13", "5", "0.00003",  # noqa: RUF001
    ]  # fmt: skip
    assert [str(value) for value in (share(0.754), loss(6.86e-7), factor(33.3), words("2 and 3"))] == [
        "75.4 %", "6.86\u00a0×\u00a010⁻⁷", "33", "2 and 3",  # noqa: RUF001
    ]  # fmt: skip
    assert [str(chosen(part)) for part in (0.8, 0.07, 0.175)] == ["80 %", "7 %", "17.5 %"]


def test_an_interval_has_as_many_decimals_as_its_width_is_worth() -> None:
    assert str(number(4.0312, 3.591, 4.4599)) == "4.03 [3.59, 4.46]"
    assert str(number(4.0312, 4.0291, 4.0333)) == "4.0312 [4.0291, 4.0333]"
    assert str(share(0.5, 0.49999, 0.50001)) == str(share(0.5))  # both ends are written alike
    assert str(steps(6257, 5010, 7814)) == "6,257 [5,010, 7,814]"
    assert -1 in FINDING.law.exponent
    assert -2 not in FINDING.law.exponent
    assert 5 not in total(5)


def test_every_value_has_a_name_and_what_is_no_value_has_none() -> None:
    assert named("x", FINDING) == {
        "x.law.exponent": "−1.03 [−1.26, −0.80]", "x.law.exponent-alone": "−1.03", "x.law.n": "13",  # noqa: RUF001
        "x.share": "75.4 %", "x.share-null": "2.0 %",
    }  # fmt: skip


def test_a_group_is_one_part_and_every_other_value_is_another() -> None:
    assert parts("x", FINDING) == [
        ["x.law", "x.law.exponent", "x.law.exponent-alone", "x.law.n"], ["x.share", "x.share-null"],
    ]  # fmt: skip


def test_seeds_are_averaged_on_the_scale_of_their_kind() -> None:
    together = over([steps(100), steps(10_000)])
    assert together.value == pytest.approx(1000)
    assert together.low is not None
    assert together.low < 1000 / 10
    assert over([count(3), count(4)]).value == 3.5
    assert str(over([count(3), count(4)])).startswith("3.5 [")
    assert np.isnan(over([steps(100), steps(None)]).value)
    assert over([setting(1.0), setting(2.0)]) == setting(1.0)
    assert over([number(1, null=2), number(3, null=4)]).null == 3


def test_a_guard_names_its_sentence() -> None:
    expect(True, "it falls")
    with pytest.raises(LabError, match="no longer say “it falls”"):
        expect(False, "it falls")


def test_findings_of_several_networks_are_pooled_value_by_value() -> None:
    both = [Outer(Inner(exponent(n), total(7 * n), np.full(2, n)), share(0.2 * n, null=0.02 * n)) for n in (1, 2)]
    found = pooled(both)
    assert found.share == over([one.share for one in both])
    assert (found.share.null, found.law.exponent.value, found.law.n.value) == (pytest.approx(0.03), 1.5, 10.5)
    assert found.law.line.tolist() == [1, 1]
    assert pooled(both[:1]).share == both[0].share
