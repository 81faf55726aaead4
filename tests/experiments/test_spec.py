"""Specifications: what they refuse, and the id that they give a run."""

from __future__ import annotations

import dataclasses
import json
import math
import reprlib
import typing
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modaddlab import tasks
from modaddlab.analysis.characters import is_prime
from modaddlab.errors import LabError
from modaddlab.experiments.spec import OptimSpec, OriginSpec, RecordSpec, RunSpec, TaskSpec, flatten
from modaddlab.fields import help_of
from modaddlab.models.registry import KINDS, TransformerSpec, TwoLayerSpec

patient = settings(deadline=None, max_examples=60, derandomize=True)


def choice(cls: type, name: str) -> st.SearchStrategy[Any]:
    return st.sampled_from(typing.get_args(typing.get_type_hints(cls)[name]))


def between(low: float, high: float, **options: Any) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, **options)


@st.composite
def transformers(draw: st.DrawFn) -> TransformerSpec:
    n_heads, d_head = draw(st.integers(1, 16)), draw(st.integers(1, 64))
    return TransformerSpec(
        n_layers=draw(st.integers(1, 3)),
        n_heads=n_heads,
        d_head=d_head,
        d_model=n_heads * d_head,
        d_mlp=draw(st.integers(1, 8192)),
        activation=draw(choice(TransformerSpec, "activation")),
        causal=draw(st.booleans()),
        mlp_biases=draw(st.booleans()),
        layer_norm=draw(st.booleans()),
        predict_equals=draw(st.booleans()),
        dropout=draw(between(0, 1, exclude_max=True)),
        init=draw(choice(TransformerSpec, "init")),
    )


@st.composite
def two_layers(draw: st.DrawFn, p: int) -> TwoLayerSpec:
    init = draw(choice(TwoLayerSpec, "init")) if p % 2 else "random"
    return TwoLayerSpec(
        d_mlp=draw(st.integers(1, 2**20)),
        activation=draw(choice(TwoLayerSpec, "activation")),
        d_model=draw(st.none() | st.integers(1, 8192)) if init == "random" else None,
        init=init,
        init_scale=draw(between(0, 100, exclude_min=True)),
    )


@st.composite
def specs(draw: st.DrawFn) -> RunSpec:
    """Any specification that is allowed."""
    p = draw(st.integers(2, 1009))
    letters = st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789-.")
    train_frac, n_snapshots = draw(between(1.5 / (p * (p - 1)), 1.0)), draw(st.integers(0, 1000))
    operation = draw(choice(TaskSpec, "operation").filter(lambda name: name != "divide" or is_prime(p)))
    name = draw(st.text(letters, min_size=1, max_size=60).filter(lambda text: text[0].isalnum() and ".." not in text))
    return RunSpec(
        name=name,
        task=TaskSpec(operation=operation, p=p, train_frac=train_frac),
        model=draw(transformers() | two_layers(p)),
        optim=OptimSpec(
            optimizer=draw(choice(OptimSpec, "optimizer")),
            lr=draw(between(0, 10, exclude_min=True)),
            weight_decay=draw(between(0, 1000)),
            beta1=draw(between(0, 1, exclude_max=True)),
            beta2=draw(between(0, 1, exclude_max=True)),
            warmup_steps=draw(st.integers(0, 10_000)),
            batch_size=draw(st.none() | st.integers(1, 10**6)),
            l1=draw(between(0, 10)),
        ),
        record=RecordSpec(
            metrics_every=draw(st.integers(1, 1000)),
            energies=draw(st.booleans()),
            weights=draw(choice(RecordSpec, "weights")),
            snapshots=n_snapshots,
            snapshot_dtype=draw(choice(RecordSpec, "snapshot_dtype")),
        ),
        steps=draw(st.integers(0, 10_000_000)),
        grokked_for=draw(st.none() | st.integers(1, 10_000_000)) if not n_snapshots and int(train_frac * p * p) < p * p else None,
        seed=draw(st.integers(0, 2**32 - 1)),
        loss_dtype=draw(choice(RunSpec, "loss_dtype")),
    )


@st.composite
def shuffled(draw: st.DrawFn, content: dict[str, Any]) -> dict[str, Any]:
    """The same nested dictionary with its keys in another order."""
    order = draw(st.permutations(list(content)))
    return {key: draw(shuffled(content[key])) if isinstance(content[key], dict) else content[key] for key in order}


@given(specs())
@patient
def test_a_specification_survives_its_dictionary_and_json(spec: RunSpec) -> None:
    again = RunSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert again.run_id == spec.run_id
    assert again.canonical_json() == spec.canonical_json()


@given(st.data())
@patient
def test_the_id_does_not_depend_on_the_order_of_keys(data: st.DataObject) -> None:
    spec = data.draw(specs())
    assert RunSpec.from_dict(data.draw(shuffled(spec.to_dict()))).run_id == spec.run_id


@given(specs(), specs())
@patient
def test_two_specifications_share_an_id_only_if_they_are_equal(one: RunSpec, other: RunSpec) -> None:
    assert (one.run_id == other.run_id) == (one == other)
    renamed = dataclasses.replace(other, name=one.name)
    assert (one.run_id == renamed.run_id) == (one == renamed)


@given(specs())
@patient
def test_canonical_json_holds_the_changes_alone(spec: RunSpec) -> None:
    content = json.loads(spec.canonical_json())
    assert content.pop("train_version") >= 1
    assert content == spec.changes()
    assert spec.canonical_json() == json.dumps(json.loads(spec.canonical_json()), sort_keys=True, separators=(",", ":"))
    default = RunSpec(model=type(spec.model)())
    assert flatten(spec.to_dict()) == flatten(default.to_dict()) | content | {"name": spec.name}


def first_pairs() -> str:
    """A split of the default task: its first pairs, row by row."""
    task = tasks.with_mask(TaskSpec(), np.arange(113**2).reshape(113, 113) < int(0.3 * 113**2))
    assert task.train_pairs is not None
    return task.train_pairs


def test_an_origin_covers_the_weights_and_survives_json() -> None:
    one = RunSpec(origin=OriginSpec(weights="0" * 64, file="a.pt", sha256="1" * 64, layout="nanda"))
    assert RunSpec.from_dict(json.loads(json.dumps(one.to_dict()))) == one
    other = dataclasses.replace(one, origin=OriginSpec(weights="2" * 64, file="a.pt", sha256="1" * 64, layout="nanda"))
    assert one.run_id != other.run_id
    for origin in ({"weights": "0" * 63}, {"weights": "g" * 64}, {"weights": "0" * 64, "file": "a.pt"}, {}, {"host": "x"}, 3):
        with pytest.raises(LabError, match="origin"):
            RunSpec.from_dict({"origin": origin})


def test_every_field_changes_the_id() -> None:
    others: dict[str, Any] = {
        "name": "other",
        "task": {"operation": "subtract", "p": 59, "train_frac": 0.4, "train_pairs": first_pairs(),
            "unordered": True},
        "model": {
            "n_layers": 2, "d_mlp": 64, "activation": "gelu", "causal": False, "mlp_biases": False,
            "layer_norm": True, "predict_equals": False, "dropout": 0.1, "init": "layers",
        },
        "optim": {
            "optimizer": "sgd", "lr": 0.01, "weight_decay": 0.5, "beta1": 0.8, "beta2": 0.9, "warmup_steps": 0,
            "batch_size": 64, "l1": 0.1, "gradient": "orthogonal", "grokfast_steps": 9, "grokfast_gain": 1.0,
            "constant_norm": True,
        },
        "record": {
            "metrics_every": 5, "energies": False, "weights": "none", "snapshots": 3, "snapshot_dtype": "float32",
        },
        "steps": 10, "grokked_for": 100, "seed": 1, "loss_dtype": "float32",
    }  # fmt: skip
    three_at_once = {"model.d_model", "model.n_heads", "model.d_head"}  # one of them alone is refused
    assert set(flatten(others)) | three_at_once | {"origin"} == set(flatten(RunSpec().to_dict()))
    ids = {RunSpec().run_id, RunSpec(origin=OriginSpec(weights="0" * 64)).run_id}
    for path, value in flatten(others).items():
        table, _, name = path.rpartition(".")
        ids.add(RunSpec.from_dict({table: {name: value}} if table else {name: value}).run_id)
    ids.add(RunSpec(model=TransformerSpec(n_heads=2, d_head=64)).run_id)
    ids.add(RunSpec(model=TransformerSpec(n_heads=4, d_head=16, d_model=64)).run_id)
    assert len(ids) == len(flatten(others)) + 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (OptimSpec(weight_decay=1), OptimSpec(weight_decay=1.0)),
        (OptimSpec(weight_decay=0.0), OptimSpec(weight_decay=-0.0)),
        (OptimSpec(lr=1), OptimSpec(lr=1.0)),
        (OptimSpec(weight_decay=0.3), OptimSpec(weight_decay=3e-1)),
    ],
)
def test_the_same_number_written_differently_gives_the_same_id(one: OptimSpec, other: OptimSpec) -> None:
    assert RunSpec(optim=one).run_id == RunSpec(optim=other).run_id
    assert RunSpec(optim=one).canonical_json() == RunSpec(optim=other).canonical_json()


@pytest.mark.parametrize(
    ("beside", "words"),
    [({"task": TaskSpec(train_frac=1.0)}, "test pairs"), ({"record": RecordSpec(snapshots=4)}, "record.snapshots")],
)
def test_a_run_until_it_groks_has_test_pairs_and_no_snapshots(beside: dict[str, Any], words: str) -> None:
    with pytest.raises(LabError, match=f"grokked_for .*{words}"):
        RunSpec(grokked_for=100, **beside)


def test_a_run_id_is_the_name_and_ten_digits_of_the_hash() -> None:
    assert RunSpec(name="a.b-1").canonical_json() == '{"train_version":1}'
    # printf '{"train_version":1}' | sha256sum
    assert RunSpec(name="a.b-1").run_id == "a.b-1-4a51325c63"


WRONG_TYPES: dict[Any, list[Any]] = {
    int: ["three", 1.5, 1.0, True, None, [1], {}],
    float: ["0.1", True, None, [0.1], 1j],
    bool: [1, 0, "true", None],
    str: [3, None, ["mainline"], b"mainline"],
}
OUT_OF_RANGE: dict[str, list[Any]] = {
    "name": ["", "Mainline", "a/b", "../x", "a..b", "..", ".hidden", "-x", "x" * 61, "a b", "a\n", "a\0", "ä", "a\\b", "~"],
    "task.p": [1, 0, -5, 1010, 10**400],
    "task.train_pairs": ["", "AAAA", "!", "ä"],
    "task.train_frac": [0.0, -0.1, 1.0001, 1e-9, math.nan, math.inf, -math.inf],
    "model.n_layers": [0, 4],
    "model.d_model": [0, -1, 8193, 100],
    "model.n_heads": [0, -4, 5],
    "model.d_head": [0, -32, 33],
    "model.d_mlp": [0, -1, 8193],
    "model.dropout": [-0.1, 1.0, math.nan],
    "optim.lr": [0.0, -1.0, 11.0, math.nan, math.inf],
    "optim.weight_decay": [-1.0, 1001.0, math.inf],
    "optim.beta1": [-0.1, 1.0],
    "optim.beta2": [-0.1, 1.0],
    "optim.warmup_steps": [-1],
    "optim.batch_size": [0, -1],
    "optim.l1": [-1.0, 11.0],
    "optim.grokfast_steps": [0, -1, 1001],
    "optim.grokfast_gain": [-1.0, 1001.0],
    "record.metrics_every": [0, -1],
    "record.snapshots": [-1, 1001],
    "steps": [-1, 10_000_001],
    "grokked_for": [0, -1, 10_000_001],
    "seed": [-1, 2**32],
}


def fields() -> dict[str, Any]:
    """Every field with its annotated type; of a run with a transformer."""
    found: dict[str, Any] = {}
    for name, hint in typing.get_type_hints(RunSpec).items():
        hint = TransformerSpec if name == "model" else hint
        if dataclasses.is_dataclass(hint):
            hints = typing.get_type_hints(hint)
            found |= {f"{name}.{inner.name}": hints[inner.name] for inner in dataclasses.fields(hint)}
        else:
            found[name] = hint
    return found


def wrong_types() -> list[tuple[str, Any]]:
    cases: list[tuple[str, Any]] = []
    for path, hint in fields().items():
        if typing.get_origin(hint) is typing.Literal:
            values = ["nonsense", 3, None, ["add"]]
        elif path == "origin":
            continue  # a table, see above
        elif path == "task.train_pairs":
            values = [value for value in WRONG_TYPES[str] if value is not None]
        elif path in ("optim.batch_size", "grokked_for"):
            values = [value for value in WRONG_TYPES[int] if value is not None]
        else:
            values = WRONG_TYPES[hint]
        cases += [(path, value) for value in values]
    return cases


def refusal(path: str, value: Any, **beside: Any) -> str:
    table, _, name = path.rpartition(".")
    with pytest.raises(LabError) as error:
        RunSpec.from_dict({table: beside | {name: value}} if table else {name: value})
    return str(error.value)


@pytest.mark.parametrize(("path", "value"), wrong_types())
def test_a_wrong_type_is_one_line_with_field_value_and_rule(path: str, value: Any) -> None:
    message = refusal(path, value)
    assert "\n" not in message
    assert path.rpartition(".")[2] in message
    assert f"(={value!r})" in message
    assert " must be " in message


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in OUT_OF_RANGE.items() for value in values])
def test_a_value_out_of_range_is_one_line_with_field_value_and_rule(path: str, value: Any) -> None:
    message = refusal(path, value)
    assert "\n" not in message
    assert path.rpartition(".")[2] in message
    shown = {repr(value), str(value), reprlib.repr(value)}
    assert any(f"(={text})" in message for text in shown) or "leaves no training pair" in message
    assert " must " in message or "raise it" in message


def test_the_tables_above_know_every_field() -> None:
    ranged = {path for path, hint in fields().items() if hint not in (bool,) and typing.get_origin(hint) is not typing.Literal}
    assert ranged - {"origin"} == set(OUT_OF_RANGE)


TWO_LAYER_BAD: dict[str, list[Any]] = {
    "model.kind": ["three-layer", 3, None, ["two-layer"]],
    "model.d_mlp": [0, -1, 2**20 + 1, 1.5, "many", None, True],
    "model.activation": ["tanh", None, 3],
    "model.d_model": [0, -1, 8193, 1.5, "none", True],
    "model.init": ["zeros", "normal", None],
    "model.init_scale": [0.0, -0.1, 101.0, math.nan, math.inf, None, "0.1", True],
}


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in TWO_LAYER_BAD.items() for value in values])
def test_a_bad_value_of_the_two_layer_network_is_one_line(path: str, value: Any) -> None:
    message = refusal(path, value, kind="two-layer")
    assert "\n" not in message
    assert path.rpartition(".")[2] in message
    assert f"(={value!r})" in message or f"(={value})" in message
    assert " must " in message


def test_the_table_above_knows_every_field_of_the_two_layer_network() -> None:
    assert {f"model.{item.name}" for item in dataclasses.fields(TwoLayerSpec)} == set(TWO_LAYER_BAD)


def test_every_field_of_the_two_layer_network_changes_the_id() -> None:
    others = [
        TwoLayerSpec(d_mlp=64),
        TwoLayerSpec(activation="gelu"),
        TwoLayerSpec(d_model=64),
        TwoLayerSpec(init="single-frequency"),
        TwoLayerSpec(init_scale=0.2),
    ]
    ids = {RunSpec(model=model).run_id for model in (TransformerSpec(), TwoLayerSpec(), *others)}
    assert len(ids) == 2 + len(others)
    assert len(others) == len(dataclasses.fields(TwoLayerSpec)) - 1


def test_the_kind_of_a_network_is_written_down() -> None:
    assert RunSpec(model=TwoLayerSpec()).canonical_json() == '{"model.kind":"two-layer","train_version":2}'
    assert RunSpec.from_dict({"model": {"kind": "two-layer", "d_mlp": 7}}).model == TwoLayerSpec(d_mlp=7)
    assert RunSpec.from_dict({"model": {"kind": "transformer", "d_mlp": 7}}).model == TransformerSpec(d_mlp=7)
    assert "kind" not in RunSpec().to_dict()["model"]
    with pytest.raises(LabError, match=r"unknown field model\.n_layers; known: model\.kind, model\.d_mlp"):
        RunSpec.from_dict({"model": {"kind": "two-layer", "n_layers": 1}})
    with pytest.raises(LabError, match=r"unknown field model\.layer_norm"):
        RunSpec.from_dict({"model": {"kind": "two-layer", "layer_norm": False}})


def test_single_frequencies_need_an_odd_modulus_and_one_hot_vectors() -> None:
    single = TwoLayerSpec(init="single-frequency")
    assert RunSpec(task=TaskSpec(p=15), model=single).model == single
    with pytest.raises(LabError, match=r"task\.p \(=24\) must be odd for model\.init=single-frequency.*take an odd p"):
        RunSpec(task=TaskSpec(p=24), model=single)
    with pytest.raises(LabError, match=r"model\.d_model \(=64\) must be none"):
        TwoLayerSpec(init="single-frequency", d_model=64)


def test_a_number_beyond_every_float_is_refused() -> None:
    assert "must be a number" in refusal("optim.lr", 10**400)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"lr": 1}, "unknown field lr; known: name, task"),
        ({"optim": {"learning_rate": 1}}, "unknown field optim.learning_rate; known: optim.optimizer, optim.lr"),
        ({"optim": 3}, "optim (=3) must be a table of fields"),
        ([], "a run must be a table of fields"),
    ],
)
def test_unknown_fields_and_tables_are_named(content: Any, words: str) -> None:
    with pytest.raises(LabError) as error:
        RunSpec.from_dict(content)
    assert words in str(error.value)


def test_every_field_is_explained() -> None:
    for cls in (RunSpec, TaskSpec, *KINDS.values(), OptimSpec, RecordSpec):
        assert cls.__doc__
        for item in dataclasses.fields(cls):
            assert help_of(cls, item.name), item.name
            assert item.kw_only
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunSpec().seed = 1  # type: ignore[misc]
