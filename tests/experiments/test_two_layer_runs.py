"""The runs of the two-layer network: the published table, any modulus, and the lists made of them."""

from __future__ import annotations

import pytest

from modaddlab.errors import LabError
from modaddlab.experiments import catalogue, cost
from modaddlab.experiments.overrides import with_overrides
from modaddlab.experiments.spec import OptimSpec, RunSpec, TaskSpec
from modaddlab.experiments.sweeps import SWEEPS, sweep
from modaddlab.experiments.two_layer import CONFIGURATIONS, FAMILY, check_test_pairs, d_mlp_rule
from modaddlab.models.registry import TransformerSpec, TwoLayerSpec

PUBLISHED = {
    "mlp-standard": ("relu", "adamw", 5e-5, 0, 1, 5_000, "random", 0.1),
    "mlp-grokking": ("relu", "adamw", 1e-4, 2, 0.75, 50_000, "random", 0.1),
    "mlp-quad-random": ("quad", "adamw", 5e-5, 0, 1, 5_000, "random", 0.1),
    "mlp-quad-single-freq": ("quad", "sgd", 0.1, 0, 1, 10_000, "single-frequency", 0.02),
    "mlp-relu-single-freq": ("relu", "sgd", 0.01, 0, 1, 10_000, "single-frequency", 0.002),
}
"""He et al. 2026: activation, optimizer, rate, decay, share of the pairs, epochs, initial weights and their scale."""


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("p", [3, 23, 31])
def test_the_configurations_are_the_published_ones(name: str, p: int) -> None:
    spec = catalogue.named(name, p=p)
    model, optim = spec.model, spec.optim
    assert isinstance(model, TwoLayerSpec)
    found = (model.activation, optim.optimizer, optim.lr, optim.weight_decay, spec.task.train_frac, spec.steps)
    assert (*found, model.init, model.init_scale) == PUBLISHED[name]
    assert (optim.beta1, optim.beta2, optim.warmup_steps, optim.batch_size) == (0.9, 0.98, 10, None)
    assert (spec.task.p, spec.task.operation, spec.seed, spec.loss_dtype) == (p, "add", 42, "float64")
    assert (model.embedding, model.d_mlp) == ("one-hot", d_mlp_rule(p))
    assert set(PUBLISHED) == set(CONFIGURATIONS)


@pytest.mark.parametrize(
    ("p", "d_mlp"), [(3, 512), (15, 512), (23, 512), (25, 605), (29, 814), (31, 931), (97, 9107), (199, 38329), (1009, 985364)]
)
def test_the_width_rule_is_exact(p: int, d_mlp: int) -> None:
    assert d_mlp_rule(p) == d_mlp
    assert d_mlp == 512 or (d_mlp - 1) * 529 < 512 * p * p <= d_mlp * 529


@pytest.mark.parametrize("name", FAMILY)
def test_only_the_run_that_the_book_follows_keeps_its_weights(name: str) -> None:
    assert catalogue.named(name) == catalogue.named(name, p=23, seed=42) == catalogue.RUNS[name]
    assert (catalogue.RUNS[name].record.snapshots > 0) == (name in CONFIGURATIONS)
    assert catalogue.named(name, p=31).record.snapshots == catalogue.named(name, seed=43).record.snapshots == 0
    assert catalogue.named(name, seed=43).record.metrics_every == catalogue.RUNS[name].record.metrics_every


def test_every_odd_modulus_has_all_configurations() -> None:
    for p in (3, 5, 199, 1009):
        assert {catalogue.named(name, p=p).task.p for name in FAMILY} == {p}
    assert catalogue.named("mlp-standard", p=24).task.p == 24
    with pytest.raises(LabError, match=r"task\.p \(=24\) must be odd"):
        catalogue.named("mlp-relu-single-freq", p=24)
    with pytest.raises(LabError, match=r"task\.p \(=1\) must be at least 2"):
        catalogue.named("mlp-standard", p=1)


def test_a_run_with_one_modulus_says_so() -> None:
    words = r"mainline has the modulus 113; --p \(=31\) is for mlp-standard, .*--set task\.p=31"
    with pytest.raises(LabError, match=words) as error:
        catalogue.named("mainline", p=31)
    assert "\n" not in str(error.value)


def test_grokking_needs_test_pairs() -> None:
    check_test_pairs(catalogue.named("mlp-grokking"))
    check_test_pairs(catalogue.named("mlp-standard"))
    with pytest.raises(LabError, match=r"task\.train_frac \(=1\) leaves no test pair.*take less than 1, or train mlp-standard"):
        check_test_pairs(with_overrides(catalogue.named("mlp-grokking"), ["task.train_frac=1"]))


@pytest.mark.parametrize(
    ("spec", "base"),
    [
        (catalogue.named("mlp-grokking", p=31, seed=7), catalogue.named("mlp-grokking", p=31, seed=7)),
        (with_overrides(catalogue.named("mlp-grokking", p=31), ["name=mine"]), catalogue.named("mlp-standard", p=31)),
        (with_overrides(catalogue.named("debug"), ["seed=7"]), catalogue.named("debug", seed=7)),
        (RunSpec(name="mlp-standard", model=TransformerSpec()), catalogue.named("mainline")),
        (RunSpec(name="debug", model=TwoLayerSpec()), catalogue.named("mlp-standard", p=113, seed=0)),
        (
            RunSpec(name="mlp-quad-single-freq", task=TaskSpec(p=24), model=TwoLayerSpec(), seed=1),
            catalogue.named("mlp-quad-single-freq", seed=1),
        ),
    ],
)
def test_a_variation_is_told_from_the_nearest_named_run(spec: RunSpec, base: RunSpec) -> None:
    assert catalogue.nearest(spec) == base


def test_the_sweeps_hold_each_run_once() -> None:
    for item in SWEEPS.values():
        runs = item.runs()
        assert len({spec.run_id for spec in runs}) == len(runs) > 0
        assert item.purpose
        assert "\n" not in item.purpose
    book = sweep("two-layer").runs()
    for name in ("mlp-standard", "mlp-grokking"):
        assert sorted(spec.seed for spec in book if spec.name == name and spec.task.p == 23) == list(range(42, 52))
    for p in (15, 23, 29, 31):
        assert {spec.name for spec in book if spec.task.p == p and spec.seed == 42} >= set(CONFIGURATIONS)
    odd = sweep("two-layer-odd").runs()
    assert [spec.task.p for spec in odd[::5]] == list(range(3, 200, 2))
    assert len(odd) == 5 * 99


def test_an_unknown_sweep_lists_the_known_ones() -> None:
    with pytest.raises(LabError, match=r"unknown sweep 'two-layers'; did you mean two-layer\? known: .*, two-layer-odd"):
        sweep("two-layers")


def test_the_cost_grows_with_the_work() -> None:
    p23, p97 = catalogue.named("mlp-standard"), catalogue.named("mlp-standard", p=97)
    assert cost.seconds(p97) > 100 * cost.seconds(p23) > 0
    assert cost.seconds(p23, 2_500) == pytest.approx(cost.seconds(p23) / 2)
    assert cost.seconds(catalogue.named("mlp-untrained")) == 0
    mainline = catalogue.named("mainline")
    assert 500 < cost.seconds(mainline) < 5_000
    deeper = with_overrides(mainline, ["model.n_layers=2"])
    assert cost.seconds(deeper) > 2 * cost.seconds(mainline)
    small_batches = RunSpec(optim=OptimSpec(batch_size=64))
    assert cost.seconds_per_step(small_batches) < cost.seconds_per_step(RunSpec())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (90, "2 min"), (3_600, "1.0 h"), (36_000, "10 h"), (200_000, "2.3 days"), (9e6, "104 days")],
)
def test_a_duration_is_short(seconds: float, words: str) -> None:
    assert cost.duration(seconds) == words
