"""A run of a network so small that its record is written in milliseconds; its weights are exact in float16."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modaddlab.experiments.spec import RecordSpec, RunSpec, TaskSpec
from modaddlab.models.registry import TransformerSpec
from modaddlab.store import Record, Store


@dataclass(frozen=True)
class TinyRun:
    """What a training of the tiny network would hand to the store."""

    spec: RunSpec
    provenance: dict[str, Any]
    metrics: dict[str, np.ndarray]
    final: dict[str, np.ndarray]
    snapshots: dict[int, dict[str, np.ndarray]]


def tiny_run(name: str = "tiny", seed: int = 0) -> TinyRun:
    """The same content for the same arguments; shapes written down here, not taken from the code."""
    spec = RunSpec(
        name=name,
        task=TaskSpec(p=5, train_frac=0.5),
        model=TransformerSpec(d_model=4, n_heads=2, d_head=2, d_mlp=3),
        record=RecordSpec(metrics_every=10, snapshots=2, snapshot_dtype="float16"),
        steps=20,
        seed=seed,
    )
    shapes = {
        "embed.W_E": (6, 4),
        "pos_embed.W_pos": (3, 4),
        "blocks.0.attn.W_Q": (2, 4, 2),
        "blocks.0.attn.W_K": (2, 4, 2),
        "blocks.0.attn.W_V": (2, 4, 2),
        "blocks.0.attn.W_O": (2, 2, 4),
        "blocks.0.mlp.W_in": (4, 3),
        "blocks.0.mlp.b_in": (3,),
        "blocks.0.mlp.W_out": (3, 4),
        "blocks.0.mlp.b_out": (4,),
        "unembed.W_U": (4, 6),
    }

    def params(step: int) -> dict[str, np.ndarray]:
        return {
            key: ((np.arange(np.prod(shape)) * 7 + index + step + seed) % 31 / 16 - 1).reshape(shape).astype("f4")
            for index, (key, shape) in enumerate(shapes.items())
        }

    step = np.array([0, 10, 20], np.int64)
    metrics = {
        "step": step,
        "train_loss": np.array([1.5, 0.75, 0.125]) + seed,
        "test_loss": np.array([1.5, 2.5, 0.25]),
        "train_accuracy": np.array([0.25, 0.5, 1.0]),
        "test_accuracy": np.array([0.25, 0.25, 1.0]),
        "energy_W_E": np.arange(6, dtype=np.float32).reshape(3, 2),
        "norm/embed.W_E": np.array([1.0, 2.0, 3.0]),
    }
    provenance = {"threads": 1, "torch": "2.13.0", "wall_seconds": 0.5}
    return TinyRun(spec, provenance, metrics, params(20), {at: params(at) for at in (0, 5, 20)})


def publish(store: Store, run: TinyRun, *, replace: bool = False) -> Record:
    """What training does at its end."""
    partial = store.partial(run.spec)
    with partial.lock():
        partial.clear()
        for step, params in run.snapshots.items():
            partial.save_snapshot(step, params, run.spec.record.snapshot_dtype)
        files = partial.snapshot_files()
        record = store.publish(run.spec, run.provenance, run.metrics, run.final, files, replace=replace)
        partial.clear()
    return record


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every path under a folder with its bytes (None for folders); lock files are left out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if path.suffix != ".lock"
    }


@pytest.fixture
def make_tiny() -> Callable[..., TinyRun]:
    return tiny_run


@pytest.fixture
def tiny() -> TinyRun:
    return tiny_run()


@pytest.fixture
def put() -> Callable[..., Record]:
    return publish


@pytest.fixture
def list_tree() -> Callable[[Path], dict[str, bytes | None]]:
    return tree


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Record:
    return publish(Store(tmp_path_factory.mktemp("published")), tiny_run())


@pytest.fixture
def record(store: Store, published: Record) -> Record:
    """The tiny run, in the test's own store."""
    shutil.copytree(published.path, store.folder / published.run_id)
    return store.open(published.run_id)
