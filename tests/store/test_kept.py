"""Records that keep less: without the energies, with a part of the final weights or none of them."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from modaddlab import verify
from modaddlab.errors import LabError
from modaddlab.experiments.overrides import with_overrides
from modaddlab.experiments.spec import RecordSpec, RunSpec, TaskSpec
from modaddlab.models.registry import TransformerSpec, TwoLayerSpec
from modaddlab.store import Record, Store, files
from modaddlab.store.record import inspect, manifest_json, training_command, unlisted
from modaddlab.training import loop

Weights = Literal["all", "embedding", "none"]
FINAL = "final.safetensors"
NETWORKS = {
    "transformer": TransformerSpec(d_model=4, n_heads=2, d_head=2, d_mlp=3),
    "one-hot": TwoLayerSpec(d_mlp=3),
    "learned": TwoLayerSpec(d_mlp=3, d_model=4),
}
EMBEDDING = {
    "transformer": {"embed.W_E": (6, 4)},
    "one-hot": {"mlp.W_in": (5, 3)},
    "learned": {"embed.W_E": (5, 4), "mlp.W_in": (4, 3)},
}
"""What "embedding" keeps at p = 5, written down here and not taken from the code."""
CASES: list[tuple[str, Weights, bool]] = list(itertools.product(NETWORKS, ("all", "embedding", "none"), (True, False)))


def spec_of(network: str, weights: Weights = "all", energies: bool = True) -> RunSpec:
    return RunSpec(
        name="kept",
        task=TaskSpec(p=5, train_frac=0.5),
        model=NETWORKS[network],
        record=RecordSpec(metrics_every=10, energies=energies, weights=weights, snapshots=2, snapshot_dtype="float32"),
        steps=20,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Record]:
    """A record of each kind, trained once."""
    store = Store(tmp_path_factory.mktemp("kept"))
    return lambda *case: loop.train(spec_of(*case), store, threads=1)


def problems(record: Record) -> dict[str, str]:
    return {name: str(problem) for name, problem in inspect(record.data, record.run_id) if problem is not None}


@pytest.mark.parametrize(("network", "weights", "energies"), CASES)
def test_a_record_keeps_what_its_specification_says(
    trained: Callable[..., Record], network: str, weights: Weights, energies: bool
) -> None:
    record, whole = trained(network, weights, energies), trained(network)
    expected = {"all": set(whole.final), "embedding": set(EMBEDDING[network]), "none": set()}[weights]
    assert set(record.kept) == expected
    for name, array in record.kept.items():  # what is kept changes no bit of the training
        assert array.dtype == np.float32
        assert not array.flags.writeable
        np.testing.assert_array_equal(array, whole.final[name])
        assert weights == "all" or array.shape == EMBEDDING[network][name]
    assert (FINAL in record.files) == (record.path / FINAL).exists() == (weights != "none")
    named = {name for name in whole.metrics if name.startswith("energy_")}
    assert named
    assert set(record.metrics) == set(whole.metrics) - (set() if energies else named)
    for name, values in record.metrics.items():
        np.testing.assert_array_equal(values, whole.metrics[name])
    assert record.snapshot_steps.tolist() == whole.snapshot_steps.tolist()
    for step in record.snapshot_steps:
        assert set(record.snapshot(step)) == set(whole.final)
    assert problems(record) == {}
    assert unlisted(record.data, record.run_id) == []
    assert Store(record.data).open(record.run_id).digest == record.digest
    assert (record.run_id == whole.run_id) == (record.digest == whole.digest) == (weights == "all" and energies)


@pytest.mark.parametrize(("network", "weights"), list(itertools.product(NETWORKS, ("embedding", "none"))))
def test_all_the_weights_of_a_run_that_keeps_less_are_refused_with_the_way_to_them(
    trained: Callable[..., Record], network: str, weights: Weights
) -> None:
    record = trained(network, weights)
    with pytest.raises(LabError) as caught:
        _ = record.final
    message = str(caught.value)
    assert f"does not keep all its final weights (record.weights={weights})" in message
    assert "\n" not in message
    command = message[message.index("python -m modaddlab.train") :]
    assert command == training_command(record.data, spec_of(network))
    assert "record.weights" not in command  # all is the default


@pytest.mark.parametrize("weights", ["all", "embedding", "none"])
@pytest.mark.parametrize("network", NETWORKS)
def test_an_interrupted_run_ends_with_the_same_record(
    trained: Callable[..., Record], tmp_path: Path, network: str, weights: Weights
) -> None:
    store, spec = Store(tmp_path), spec_of(network, weights, energies=False)
    with pytest.raises(loop.Interrupted):
        loop.train(spec, store, threads=1, should_stop=lambda: True)
    assert loop.train(spec, store, threads=1).digest == trained(network, weights, False).digest


def copy(record: Record, store: Store) -> Record:
    """The same record in the test's own store."""
    for name in (*record.files, "manifest.json"):
        target = store.folder / record.run_id / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((record.path / name).read_bytes())
    return store.open(record.run_id)


def rewrite(record: Record, **changes: bytes | None) -> None:
    """Files replaced or removed, with a manifest that agrees; the keyword "final" stands for final.safetensors."""
    entries = dict(record.files)
    for name, content in changes.items():
        path = record.path / f"{name}.safetensors"
        entries.pop(path.name, None)
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
            entries[path.name] = files.FileEntry.of(content)
    (record.path / "manifest.json").write_bytes(manifest_json(record.run_id, entries))


@pytest.mark.parametrize("network", NETWORKS)
def test_final_weights_that_the_run_does_not_keep_are_refused(trained: Callable[..., Record], store: Store, network: str) -> None:
    record = copy(trained(network, "none"), store)
    rewrite(record, final=files.to_safetensors(trained(network).final))
    with pytest.raises(LabError, match=r"manifest\.json: key 'files' must not list final\.safetensors: the run keeps none of"):
        store.open(record.run_id)
    assert set(problems(record)) == {"manifest.json"}


@pytest.mark.parametrize("weights", ["all", "embedding"])
@pytest.mark.parametrize("network", NETWORKS)
def test_final_weights_that_the_run_keeps_must_be_listed(
    trained: Callable[..., Record], store: Store, network: str, weights: Weights
) -> None:
    record = copy(trained(network, weights), store)
    rewrite(record, final=None)
    with pytest.raises(
        LabError, match=rf"'files' must list final\.safetensors: the run keeps {weights} of its weights"
    ) as caught:
        store.open(record.run_id)
    assert str(caught.value).count("train it again") == 1
    assert set(problems(record)) == {"manifest.json"}


@pytest.mark.parametrize("network", NETWORKS)
def test_an_unlisted_file_of_weights_is_not_read(trained: Callable[..., Record], store: Store, network: str) -> None:
    record = copy(trained(network, "none"), store)
    (record.path / FINAL).write_bytes(files.to_safetensors(trained(network).final))
    assert store.open(record.run_id).kept == {}
    assert unlisted(store.data, record.run_id) == [record.path / FINAL]
    assert verify.main(["--data", str(store.data)]) == 1


@pytest.mark.parametrize("network", NETWORKS)
def test_more_or_fewer_weights_than_are_kept_are_refused(trained: Callable[..., Record], store: Store, network: str) -> None:
    record, whole = copy(trained(network, "embedding"), store), trained(network).final
    rewrite(record, final=files.to_safetensors(whole))
    with pytest.raises(LabError, match=r"final\.safetensors: key '.*' is unknown; expected"):
        _ = store.open(record.run_id).kept
    assert set(problems(record)) == {FINAL}
    last = sorted(EMBEDDING[network])[-1]
    rewrite(record, final=files.to_safetensors({name: whole[name] for name in EMBEDDING[network] if name != last}))
    with pytest.raises(LabError, match=rf"key '{last}' is missing"):
        _ = store.open(record.run_id).kept


@pytest.mark.parametrize("network", NETWORKS)
def test_energies_that_the_run_does_not_keep_are_refused(trained: Callable[..., Record], store: Store, network: str) -> None:
    record = copy(trained(network, "all", False), store)
    with_energies = trained(network).metrics
    rewrite(record, metrics=files.to_safetensors(with_energies))
    with pytest.raises(LabError, match=r"key 'energy_.*' is unknown: the specification says record\.energies=False"):
        _ = store.open(record.run_id).metrics
    assert set(problems(record)) == {"metrics.safetensors"}
    with pytest.raises(LabError, match=r"cannot be recorded: key 'energy_.*' is unknown"):
        store.publish(record.spec, {}, with_energies, record.final, replace=True)


@pytest.mark.parametrize("network", NETWORKS)
def test_all_the_weights_have_to_be_given_whatever_is_kept(trained: Callable[..., Record], store: Store, network: str) -> None:
    whole = trained(network)
    for weights in ("embedding", "none"):
        spec = spec_of(network, weights)
        final = {name: whole.final[name] for name in EMBEDDING[network]}
        with pytest.raises(LabError, match=r"cannot be recorded: key .* is missing"):
            store.publish(spec, {}, whole.metrics, final)
        infinite = {name: np.full_like(array, np.inf) for name, array in whole.final.items()}
        with pytest.raises(LabError, match="must have finite values"):
            store.publish(spec, {}, whole.metrics, infinite)
    assert store.runs() == []


@pytest.mark.parametrize(("network", "weights", "energies"), CASES)
def test_records_are_compared_by_what_they_keep(
    trained: Callable[..., Record], store: Store, network: str, weights: Weights, energies: bool
) -> None:
    record = trained(network, weights, energies)
    metrics = {**record.metrics, "train_loss": record.metrics["train_loss"] + 0.5}
    other = store.publish(record.spec, record.provenance, metrics, trained(network).final)
    assert verify.compare(record, record) == []
    expected = [("metrics", "train_loss"), *((f"snapshot {step}", "(all)") for step in record.snapshot_steps)]
    assert [(found.file, found.key) for found in verify.compare(record, other)] == expected
    if weights != "none":
        name = sorted(record.kept)[0]
        final = {**trained(network).final, name: record.kept[name] + 1}
        other = store.publish(record.spec, record.provenance, record.metrics, final, replace=True)
        assert ("final", name) in [(found.file, found.key) for found in verify.compare(record, other)]


def test_every_kind_survives_text(tmp_path: Path) -> None:
    for network, weights, energies in CASES:
        spec = spec_of(network, weights, energies)
        assert RunSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
        assert with_overrides(spec_of(network), [f"record.weights={weights}", f"record.energies={energies}"]) == spec
    base: Any = spec_of("one-hot")
    for bad in ("record.weights=some", "record.energies=1", "record.weights=None", "record.energies="):
        with pytest.raises(LabError, match="must be"):
            with_overrides(base, [bad])
    assert len({dataclasses.replace(spec_of(*case), name="x").run_id for case in CASES}) == len(CASES)
