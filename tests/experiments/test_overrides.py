"""`--set field=value`: every type, and what it refuses."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modaddlab.errors import LabError
from modaddlab.experiments.overrides import combinations, field_names, integers, with_overrides
from modaddlab.experiments.spec import RunSpec, flatten
from modaddlab.models.registry import TransformerSpec


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("steps=12", 12),
        ("steps = 12", 12),
        ("seed=0", 0),
        ("name=mine", "mine"),
        ("task.p=59", 59),
        ("task.operation=a2+ab+b2", "a2+ab+b2"),
        ("task.train_frac=1", 1.0),
        ("optim.lr=1e-2", 0.01),
        ("optim.weight_decay=0", 0.0),
        ("optim.batch_size=64", 64),
        ("optim.batch_size=none", None),
        ("optim.batch_size=null", None),
        ("model.causal=false", False),
        ("model.layer_norm=True", True),
        ("model.activation=gelu", "gelu"),
        ("loss_dtype=float32", "float32"),
    ],
)
def test_a_field_is_set(assignment: str, expected: Any) -> None:
    path = assignment.partition("=")[0].strip()
    start = RunSpec()
    found = with_overrides(start, [assignment])
    value = flatten(found.to_dict())[path]
    assert value == expected
    assert type(value) is type(expected)
    unchanged = flatten(start.to_dict()) | {path: value}
    assert flatten(found.to_dict()) == unchanged


def test_fields_that_depend_on_each_other_are_set_together() -> None:
    spec = with_overrides(RunSpec(), ["model.n_heads=5", "model.d_model=160"])
    assert isinstance(spec.model, TransformerSpec)
    assert (spec.model.n_heads, spec.model.d_head, spec.model.d_model) == (5, 32, 160)


def test_several_values_are_every_combination() -> None:
    found = combinations(RunSpec(), ["optim.lr=1e-3, 3e-3,0.001", "model.n_layers=1-3", "optim.batch_size=none,64"])
    settings = [(spec.optim.lr, flatten(spec.to_dict())["model.n_layers"], spec.optim.batch_size) for spec in found]
    assert settings == list(itertools.product([0.001, 0.003], [1, 2, 3], [None, 64]))
    with pytest.raises(LabError, match="makes 2 runs"):
        with_overrides(RunSpec(), ["seed=1,2"])
    with pytest.raises(LabError, match="at most 10,000"):
        combinations(RunSpec(), ["seed=0-999", "steps=1-11"])


@pytest.mark.parametrize("text", ["3-1", "0-20000", "1-", "-1", "", "1,,2", "a", "٣"])
def test_what_are_no_integers_is_one_line(text: str) -> None:
    with pytest.raises(LabError, match=r"^--seeds .*must be"):
        integers(text, "--seeds")


def test_integers_are_ranges_and_lists() -> None:
    assert integers("0-2,7, 1", "--seeds") == [0, 1, 2, 7]


def test_a_field_that_is_assigned_twice_is_one_line() -> None:
    with pytest.raises(LabError, match=r"^--set seed is given twice; [^\n]*$"):
        with_overrides(RunSpec(), ["seed=1", "steps=3", " seed =2"])


@given(st.sampled_from(field_names()))
@settings(deadline=None)
def test_a_field_set_to_what_it_is_changes_nothing(path: str) -> None:
    value = flatten(RunSpec().to_dict())[path]
    assert with_overrides(RunSpec(), [f"{path}={value}"]) == RunSpec()


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("steps", "--set 'steps' must have the form field=value, such as"),
        ("", "must have the form field=value"),
        ("optim.weight_decai=1", "unknown field 'optim.weight_decai'; did you mean optim.weight_decay"),
        ("weight_decay=1", "did you mean optim.weight_decay"),
        ("zzzzzz=1", "unknown field 'zzzzzz'; see --list-fields"),
        ("optim=1", "unknown field 'optim'"),
        ("optim.lr.x=1", "unknown field 'optim.lr.x'"),
        ("name.real=1", "unknown field 'name.real'"),
        ("__class__=1", "unknown field '__class__'"),
        ("=1", "unknown field ''"),
        ("steps=many", "--set steps=many: the value must be an integer"),
        ("steps=1\n2", "--set steps='1\\n2': the value must be an integer"),
        ("optim.lr=\x1b[2J", "--set optim.lr='\\x1b[2J': the value must be a number"),
        ("steps=1.5", "the value must be an integer"),
        ("steps=", "the value must be an integer"),
        ("steps=none", "the value must be an integer"),
        ("optim.lr=fast", "the value must be a number"),
        ("optim.lr=nan", "optim.lr (=nan) must be a finite number"),
        ("optim.lr=1e999", "must be a finite number"),
        ("optim.batch_size=half", "the value must be an integer or none"),
        ("model.causal=1", "the value must be true or false"),
        ("model.activation=tanh", "model.activation (='tanh') must be one of relu, gelu, quad, id"),
        ("task.train_frac=0", "task.train_frac (=0.0) must be more than 0"),
        ("model.n_heads=5", "d_head (=32) times n_heads (=5) must equal d_model (=128)"),
        ("name=../../etc/passwd", "name (='../../etc/passwd') must be 1 to 60 lower-case letters"),
        ("name=/tmp/x", "must be 1 to 60 lower-case letters"),
    ],
)
def test_a_bad_assignment_is_one_line_with_the_next_step(assignment: str, words: str) -> None:
    with pytest.raises(LabError) as error:
        with_overrides(RunSpec(), [assignment])
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@given(st.text(max_size=30), st.text(max_size=30))
@settings(deadline=None, max_examples=200)
def test_any_text_is_set_or_refused(path: str, value: str) -> None:
    try:
        spec = with_overrides(RunSpec(), [f"{path}={value}"])
    except LabError:
        return
    assert isinstance(spec, RunSpec)


@given(st.sampled_from(field_names()), st.text(max_size=12) | st.integers().map(str) | st.floats().map(str))
@settings(deadline=None, max_examples=200)
def test_any_value_of_a_field_is_set_or_refused(path: str, value: str) -> None:
    try:
        spec = with_overrides(RunSpec(), [f"{path}={value}"])
    except LabError:
        return
    assert RunSpec.from_dict(spec.to_dict()) == spec
    assert "/" not in spec.run_id
    assert ".." not in spec.run_id
