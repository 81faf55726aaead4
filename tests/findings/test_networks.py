"""Every finding and measurement on every kind of network: numbers of the documented shape, or one line that refuses."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modaddlab import LabError, Store, Study, findings, source
from modaddlab.claims import ledger
from modaddlab.closure import KEEPING, Package
from modaddlab.experiments.spec import OptimSpec, RecordSpec, RunSpec, TaskSpec
from modaddlab.findings import complexity, outcomes, stages, structure
from modaddlab.findings.networks import SNAPSHOTS, for_networks, needs_of
from modaddlab.findings.value import Value
from modaddlab.models.registry import AttentionRateSpec, TransformerSpec, TwoEmbeddingsSpec, TwoLayerSpec
from modaddlab.rows import contradictions
from modaddlab.store import derived

SMALL: dict[str, Any] = {"d_model": 8, "n_heads": 2, "d_head": 4, "d_mlp": 12}
KEEPS = RecordSpec(metrics_every=3, snapshots=4)
TASK = TaskSpec(p=7, train_frac=0.6)

NETWORKS: dict[str, dict[str, Any]] = {
    "one layer": {"model": TransformerSpec(**SMALL)},
    "two layers": {"model": TransformerSpec(**SMALL, n_layers=2)},
    "layer norm": {"model": TransformerSpec(**SMALL, layer_norm=True)},
    "gelu without biases": {"model": TransformerSpec(**SMALL, activation="gelu", mlp_biases=False, predict_equals=False)},
    "even modulus": {"model": TransformerSpec(**SMALL), "task": TaskSpec(p=10)},
    "multiplication": {"model": TransformerSpec(**SMALL), "task": TaskSpec(p=7, operation="multiply")},
    "random labels": {"model": TransformerSpec(**SMALL), "task": TaskSpec(p=7, operation="random")},
    "two-layer relu": {"model": TwoLayerSpec(d_mlp=12)},
    "two-layer quad": {"model": TwoLayerSpec(d_mlp=12, activation="quad")},
    "two-layer gelu": {"model": TwoLayerSpec(d_mlp=12, activation="gelu")},
    "two-layer even": {"model": TwoLayerSpec(d_mlp=12), "task": TaskSpec(p=10)},
    "two-layer subtraction": {"model": TwoLayerSpec(d_mlp=12), "task": TaskSpec(p=7, operation="subtract")},
    "learned embedding": {"model": TwoLayerSpec(d_mlp=12, d_model=8)},
    "all pairs": {"model": TwoLayerSpec(d_mlp=12), "task": TaskSpec(p=7, train_frac=1.0)},
    "single frequency": {
        "model": TwoLayerSpec(d_mlp=12, activation="quad", init="single-frequency", init_scale=0.02),
        "optim": OptimSpec(optimizer="sgd", lr=0.1, weight_decay=0.0),
    },
    "no snapshots": {"model": TransformerSpec(**SMALL), "record": RecordSpec(metrics_every=3)},
    "no energies": {"model": TransformerSpec(**SMALL), "record": RecordSpec(metrics_every=3, energies=False)},
    "embedding alone": {"model": TransformerSpec(**SMALL), "record": RecordSpec(metrics_every=3, weights="embedding")},
    "two-layer embedding alone": {"model": TwoLayerSpec(d_mlp=12), "record": RecordSpec(metrics_every=3, weights="embedding")},
    "no weights": {"model": TwoLayerSpec(d_mlp=12), "record": RecordSpec(metrics_every=3, weights="none", energies=False)},
    "attention rate": {"model": AttentionRateSpec(**SMALL, attention_rate=0.5)},
    "two embeddings": {"model": TwoEmbeddingsSpec(d_mlp=12, d_model=8)},
    "no step": {"model": TransformerSpec(**SMALL), "steps": 0, "record": RecordSpec()},
}

ANSWERED = {
    "ablation": {
        "one layer",
        "two layers",
        "gelu without biases",
        "even modulus",
        "by logarithm",
        "no snapshots",
        "no energies",
        "no step",
    },
    "single_frequency": {"single frequency"},
    "overtones": {"one layer", "gelu without biases", "no snapshots", "no energies", "no step"},
    "waves": {"two-layer relu", "two-layer quad", "learned embedding", "all pairs", "single frequency"},
}
"""The networks on which all public functions of a module answer, and they alone."""

MAY_BE_NAN = {
    "ablation": {"loss", "accuracy", "lost", "beyond"},  # no neuron is explained; nothing is drawn
    "curves": {"memorized", "grokked", "cleanup_start", "cleanup_end", "quiet_accuracy", "times_later", "lowest_after",
               "collapsed"},
    "circuit": {"last", "next"},
    "composite": {"time", "sign", "coarse_share"},
    "single_frequency": {"input_ratio_TRH", "output_ratio_TRH", "input_elsewhere_TH", "output_elsewhere_TH", "third", "fifth",
                         "late_weight"},  # few frequencies modulo 7
    "growth": {"at_start", "before_jump"},
    "overtones": {"loss_control", "norm_ratio_K", "pattern_fve_n"},
    "parts": {"patterns"},
    "motion": {"at_start", "at_turn", "at_cleanup", "none_until"},  # no neuron follows a key
    "lottery": {"run_by", "loss_then"},  # the race is not run
    "progress": {"turn", "waves_answer", "network_answers", "quarter", "half_right", "test"},
    "stages": {"memorized", "generalized", "lowest", "complete", "flat", "half_doubled", "half_single",
               "half_diagonal", "half_unseen"},  # memory is not complete
    "structure": {"components_per_key", "rank_per_key", "smallest_cluster", "largest_cluster", "direction_fve_low",
                  "direction_fve_mean", "direction_fve_high", "head_fve_low", "head_fve_mean", "head_pair_fve_mean",
                  "attention_to_equals", "attention_to_equals_high"},
    "pizza": {"by_clock", "by_pizza", "by_accompanying"},  # no circle is one
    "spectrum": {"threshold"},
    "walk": {"silent"},
    "waves": {"overtone_R", "at_limit", "third"},
}  # fmt: skip
MAY_BE_NAN["failures"] = MAY_BE_NAN["curves"] | MAY_BE_NAN["structure"]
MAY_BE_NAN["progress"] |= MAY_BE_NAN["curves"]
"""Numbers that do not exist in every network, as their documentation says."""


def measures() -> dict[str, Callable[..., Any]]:
    """Every public function of findings whose first argument is a study, by module and name."""
    found = {}
    places = [f"findings.{name}" for name in findings.SUBJECTS]
    for place in places:
        module, module_name = importlib.import_module(f"modaddlab.{place}"), place.partition(".")[2]
        for name, function in vars(module).items():
            if name[0] == "_" or not inspect.isfunction(function) or function.__module__ != module.__name__:
                continue
            first = next(iter(inspect.signature(function).parameters.values()), None)
            if first is not None and first.annotation == "Study":
                found[f"{module_name}.{name}"] = function
    return found


MEASURES = measures()

ARGUMENTS: dict[str, dict[str, Any]] = {
    "complexity.measure_chains": {"saved": [], "gamma": 5.0, "step": 1e-2, "n_steps": 4, "batch": 0, "seeds": [0]},
    "ablation.measure_tables": {"keys": [1, 2], "n_draws": 1},
    "ablation.tables": {"n_draws": 1},
    "questions.measure_questions": {"steps": [0], "a": 1},
    "gradients.history": {"steps": [0]},
    "gradients.measure_final": {"n_differences": 2},
    "gradients.measure_snapshots": {"steps": [0], "n_differences": 2},
    "concentration.measure_concentration": {"basis": "additive"},
    "structure.measure_structure": {"keys": [1, 2], "start": False},
}


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Study]:
    import torch

    from modaddlab.training.loop import train

    threads, store = torch.get_num_threads(), Store(tmp_path_factory.mktemp("networks"))
    specs = {
        name: RunSpec(**({"name": name.replace(" ", "-"), "task": TASK, "record": KEEPS, "steps": 12} | fields))
        for name, fields in NETWORKS.items()
    }
    found = {name: Study(train(spec, store, threads=1)) for name, spec in specs.items()}
    found["by logarithm"] = found["multiplication"].by_logarithm
    torch.set_num_threads(threads)
    return found


def numbers(result: Any) -> Iterator[tuple[str, np.ndarray]]:
    """All numbers in a result, with their names."""
    if isinstance(result, Value):
        yield from numbers(result.value)
    elif dataclasses.is_dataclass(result) and not isinstance(result, type):
        for field in dataclasses.fields(result):
            for name, value in numbers(getattr(result, field.name)):
                yield f"{field.name}.{name}".rstrip("."), value
    elif isinstance(result, Mapping):
        for key, item in result.items():
            for name, value in numbers(item):
                yield f"{key}.{name}".rstrip("."), value
    elif isinstance(result, tuple | list):
        for item in result:
            yield from numbers(item)
    elif result is not None and not isinstance(result, str):
        yield "", np.asarray(result)


def asked(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What a function gives; None when it refuses in one line."""
    try:
        return function(*arguments, **options)
    except LabError as error:
        message = str(error)
    assert "\n" not in message
    return None


def test_each_says_which_networks_it_is_for() -> None:
    assert len(MEASURES) >= 25
    assert [name for name, function in MEASURES.items() if needs_of(function) is None] == []


@pytest.mark.parametrize("measure", MEASURES)
def test_a_measurement_gives_numbers_or_refuses_in_one_line(
    studies: dict[str, Study], measure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(complexity.USUAL, "n_steps", 12)
    function, module, answered = MEASURES[measure], measure.partition(".")[0], set()
    for network, study in studies.items():
        result = asked(function, study, **ARGUMENTS.get(measure, {}))
        met = all(need.met_by(study) for need in needs_of(function) or ())
        if result is None:
            assert not met, network
            continue
        assert met, network
        answered.add(network)
        found = list(numbers(result))
        assert found, network
        for name, value in found:
            assert value.dtype.kind in "fiubc", (network, name)
            last = name.rpartition(".")[2]
            untested = network == "all pairs" and ("test_" in name or last == "wave_loss")
            assert last in MAY_BE_NAN.get(module, ()) or untested or np.isfinite(value).all(), (network, name)
        shapes = {name: value.shape for name, value in found}
        steps = 1 if measure.startswith(("gradients.", "questions.")) else len(study.record.snapshot_steps)  # asked for
        for name, shape in shapes.items():
            if "_T" in name.rpartition(".")[2]:
                assert shape[0] == steps, (network, name, shape)
    assert answered, "no network of the list suits it"
    if module in ANSWERED:
        assert answered == ANSWERED[module]


@pytest.mark.parametrize("network", ["one layer", "two-layer relu", "attention rate"])
@pytest.mark.parametrize("split", ["known", "unknown"])
def test_a_network_that_was_not_trained_here_is_measured_or_refused(
    studies: dict[str, Study], network: str, split: str, tmp_path: Path
) -> None:
    ours = studies[network]
    mask = ours.train_mask_PP if split == "known" else None
    read = Study.from_weights(ours.record.final, ours.spec.model, ours.p, train_mask_PP=mask, data=tmp_path)
    answered = {name for name, function in MEASURES.items() if asked(function, read, **ARGUMENTS.get(name, {})) is not None}
    assert {"structure.of", "spectrum.of"} <= answered or split == "unknown"
    assert not answered & {"lottery.of", "structure.null", "progress.history"}  # they need the initial weights, or snapshots


def test_what_runs_for_a_kept_result_is_what_it_is_found_to_depend_on(
    studies: dict[str, Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever function of the package is called belongs to its closure, so that a change of it is noticed."""
    ran: dict[str, set[tuple[str, str]]] = {}

    def remember(digest: str, what: str, arguments: Any, compute: Callable[[], Any], **_: Any) -> Any:
        seen, outer = ran.setdefault(what, set()), sys.getprofile()

        def note(frame: types.FrameType, event: str, argument: object) -> None:
            module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_qualname.partition(".<locals>")[0]
            if event == "call" and module.startswith("modaddlab.") and frame.f_code.co_filename[0] != "<" and name[0] != "<":
                seen.add((module, name))

        sys.setprofile(note)
        try:
            return compute()
        finally:
            sys.setprofile(outer)

    monkeypatch.setattr(derived, "remember", remember)
    for measure, function in MEASURES.items():
        for study in studies.values():
            if all(need.met_by(study) for need in needs_of(function) or ()):
                asked(function, Study(study.record), **ARGUMENTS.get(measure, {}))
    package = Package(source.PACKAGE)
    assert len(ran) >= 10
    for what, seen in ran.items():
        module, _, name = what.rpartition(".")
        depends = package.closure(f"modaddlab.{module}", name).definitions | {("modaddlab.study", "Study.remember")}
        assert {place for place in seen - depends if place[0] not in KEEPING} == set(), what


def test_a_refusal_names_the_run_its_network_and_what_the_measurement_is_for(studies: dict[str, Study]) -> None:
    study = studies["one layer"]
    with pytest.raises(LabError) as refused:
        stages.history(study)
    words = str(refused.value)
    assert words.startswith("findings.stages.history is for a two-layer network, addition,")
    assert f"{study.record.run_id} is a transformer of 1 layer" in words


def test_outcomes_of_every_network(studies: dict[str, Study]) -> None:
    for network, study in studies.items():
        row = outcomes.Outcome(study)
        for ask in (
            lambda row=row: row.concentration(),
            lambda row=row: row.concentration("multiplicative"),
            lambda row=row: row.final("gini_W_E"),
            lambda row=row: row.best("nothing"),
            lambda row=row: row.at(3, "test_loss"),
        ):
            asked(ask)
        assert row.norm_T.shape == study.metrics["step"].shape, network
        for value in (row.memorized, row.grokked):
            assert isinstance(value, float)


def test_keys_that_are_none_are_refused(studies: dict[str, Study]) -> None:
    for function in (structure.of, structure.null, findings.ablation.tables):
        with pytest.raises(LabError, match=r"4 is no frequency of one-layer-\w+: they are 1\.\.3"):
            function(studies["one layer"], keys=[1, 4])


def test_what_claims_are_about_is_measured_or_refused(studies: dict[str, Study]) -> None:
    seen = {claim.measure: claim.id for claim in ledger.CLAIMS if claim.measure is not None}
    for network, study in studies.items():
        for measure, claim in seen.items():
            value = asked(measure, study)
            assert value is None or isinstance(value, float), (network, claim)


def test_the_rows_of_every_network_are_those_of_its_weights(studies: dict[str, Study]) -> None:
    for network, study in studies.items():
        metrics, spec = study.metrics, study.spec
        assert contradictions(spec, metrics, -1, study.record.kept) == [], network
        assert contradictions(spec, metrics, 0, study.initial) == [], network
        if spec.record.weights != "none" and spec.steps:
            assert contradictions(spec, metrics, 0, study.record.kept), network


def test_a_need_is_asked_before_anything_is_computed(studies: dict[str, Study]) -> None:
    @for_networks(SNAPSHOTS)
    def measure(study: Study) -> str:
        """Documented."""
        return study.record.run_id

    assert measure(studies["one layer"]).startswith("one-layer-")
    assert measure.__doc__ == "Documented."
    with pytest.raises(LabError, match="is for snapshots"):
        measure(studies["no snapshots"])
