"""The format is pinned: a record committed long ago is read, and the same content gives the same bytes.

When the format changes on purpose (a new `FORMAT`, or a new train_version, which renames a family's runs):

    python tests/store/test_golden.py

writes the golden record anew; old records on disk must then be trained again, or a reader for them kept.
"""

from __future__ import annotations

import hashlib
import json
import runpy
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from modaddlab.experiments.spec import flatten
from modaddlab.store import Record, Store, files
from modaddlab.store.content import metrics_sha256
from modaddlab.store.record import inspect, unlisted

GOLDEN = Path(__file__).parents[1] / "golden" / "store"

EXPECTED = {
    "final.safetensors": "30eb36763190d741fb6f73632483c37bab39a52993d28f3b5508d6dc73ea05b9",
    "manifest.json": "4b661244ccc50f2ec7184aca11613f60486cd74fa4401399d03b3896e14b3e89",
    "metrics.safetensors": "259906ec6b705ef9a7d2feccd777c8bd07cf80bb2c45bdf2fb3075a798641bbb",
    "provenance.json": "582e130808656d285e12e447d8c3c3db87f3852a9113a5c0fe58893af4930187",
    "snapshots/step-00000000.safetensors": "cf0fa1b0f5002b4e7746bc8bd7c2becda41bc3f13dd981b5f4a253364cbfc6ed",
    "snapshots/step-00000005.safetensors": "5c87cc40b6ee931339efaaa7c8b1d9d3a68d1da150f2467112205c132fabcbef",
    "snapshots/step-00000020.safetensors": "4da20041aa4fc725df93a0919f6d058e24f3092123076e418eeda999fefbca78",
    "spec.json": "744c5cb088c7dbd52f13a4288816c425599915b188bf8bc2377b8bbc81171d2c",
}


def test_today_s_code_reads_the_golden_record(tiny: Any) -> None:
    store = Store(GOLDEN)
    assert store.runs() == ["golden-e28974afda"]
    run_id = store.runs()[0]
    assert [problem for _, problem in inspect(GOLDEN, run_id) if problem] == []
    assert unlisted(GOLDEN, run_id) == []
    record = store.open(run_id)
    assert record.spec.task.p == 5
    assert record.provenance == tiny.provenance
    assert record.metrics["train_loss"].tolist() == [1.5, 0.75, 0.125]
    assert record.metrics["energy_W_E"].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert record.snapshot_steps.tolist() == [0, 5, 20]
    assert record.final["unembed.W_U"][0].tolist() == tiny.final["unembed.W_U"][0].tolist()
    for step, params in tiny.snapshots.items():
        for key, array in record.snapshot(step).items():
            np.testing.assert_array_equal(array, params[key], err_msg=f"{step} {key}")


def test_the_golden_files_are_those_that_were_committed() -> None:
    folder = next((GOLDEN / "runs").iterdir())
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert found == EXPECTED


def test_today_s_code_writes_the_golden_bytes(
    store: Store, make_tiny: Callable[..., Any], put: Callable[..., Record], list_tree: Callable[[Path], dict[str, bytes]]
) -> None:
    put(store, make_tiny("golden"))
    written, golden = list_tree(store.folder), list_tree(GOLDEN / "runs")
    assert written.keys() == golden.keys()
    (spec,) = (name for name in golden if name.endswith("/spec.json"))
    new, old = flatten(json.loads(written[spec])), flatten(json.loads(golden[spec]))
    assert {key: new.get(key) for key in old} == old  # fields may be added, with defaults that keep the run id
    provenance, manifest = (spec.replace("spec.json", name) for name in ("provenance.json", "manifest.json"))
    checksum = {"metrics_sha256": metrics_sha256(make_tiny("golden").metrics)}  # an older record has none
    assert json.loads(written[provenance]) == json.loads(golden[provenance]) | checksum
    expected = json.loads(golden[manifest])
    for name in ("spec.json", "provenance.json"):
        expected["files"][name] = json.loads(written[manifest])["files"][name]
    assert written[manifest] == files.to_json(expected)
    changed = (spec, provenance, manifest)
    assert {k: v for k, v in written.items() if k not in changed} == {k: v for k, v in golden.items() if k not in changed}


if __name__ == "__main__":
    helpers = runpy.run_path(str(Path(__file__).with_name("conftest.py")))
    with tempfile.TemporaryDirectory() as folder:
        written = helpers["publish"](Store(Path(folder)), helpers["tiny_run"]("golden"))
        shutil.rmtree(GOLDEN / "runs", ignore_errors=True)
        shutil.copytree(written.path.parent, GOLDEN / "runs")
    for name, content in sorted(helpers["tree"](GOLDEN / "runs" / written.run_id).items()):
        if content is not None:
            print(f'    "{name}": "{hashlib.sha256(content).hexdigest()}",')
    print(written.run_id)
