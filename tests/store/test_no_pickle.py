"""No pickle is ever loaded: neither named in our source, nor run when records, states and kept results are read.

Whoever opens a pickle runs the code of whoever wrote it. Arrays are safetensors here and everything else is JSON. Other people's
checkpoints come as PyTorch wrote them: the one module that reads those takes tensors and plain containers alone.
"""

from __future__ import annotations

import ast
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [*sorted((ROOT / "modaddlab").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
MODULES = {"pickle", "_pickle", "cPickle", "pickletools", "cloudpickle", "dill", "shelve", "marshal", "joblib"}
LOADERS = {"torch.load", "torch.save", "torch.jit.load", "numpy.load", "numpy.lib.format.read_array", "pandas.read_pickle"}
OF_OTHERS = ["torch.load", "weights_only=True"]
"""What the module that reads other people's checkpoints names."""
SHORT = {"np": "numpy", "pd": "pandas"}


def loaders(source: str) -> list[str]:
    """What in a module's source could load a pickle."""
    found, known = [], dict(SHORT)
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {alias.asname: alias.name for alias in node.names if alias.asname}
            found += [alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [name for name in names if name.partition(".")[0] in MODULES or name in LOADERS]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            head, _, rest = ast.unparse(node).partition(".")
            name = f"{known.get(head, head)}.{rest}"
            found += [name] if name in LOADERS else []
        elif isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "weights_only"):
            found.append(f"{node.arg}={ast.unparse(node.value)}")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("__import__", "eval", "exec"):
            found.append(ast.unparse(node))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found += [name for name in MODULES if any(name in ast.unparse(argument) for argument in node.args)]
    return found


def test_our_source_loads_no_pickle() -> None:
    found = {path.relative_to(ROOT): loaders(path.read_text(encoding="utf-8")) for path in SOURCES}
    for_others = {"modaddlab/read.py": OF_OTHERS, "modaddlab/write.py": ["torch.save"]}
    assert {path.as_posix(): names for path, names in found.items() if names} == for_others


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "def f():\n    import pickle as harmless",
        "from pickle import loads",
        "import joblib",
        "from cloudpickle import load",
        "import shelve",
        "import marshal",
        "import torch\ntorch.load('x')",
        "import torch as t\nf = t.load",
        "from torch import load",
        "import numpy as np\nnp.load('x')",
        "import numpy\nnumpy.load('x', allow_pickle=True)",
        "from numpy import load as harmless",
        "import numpy as n\nn.load('x')",
        "read(path, allow_pickle=True)",
        "__import__('pick' + 'le')",
        "importlib.import_module('pickle')",
    ],
)
def test_a_pickle_in_the_source_would_be_found(source: str) -> None:
    assert loaders(source)


READ_EVERYTHING = """
import pickle, _pickle, runpy, sys
from pathlib import Path
import numpy as np

from modaddlab.store import Store, derived
from modaddlab.store.record import inspect
folder, root, conftest = map(Path, sys.argv[1:])
helpers = runpy.run_path(str(conftest))

loaded = []
def refuse(*arguments, **options):
    loaded.append(arguments)
    raise RuntimeError("a pickle was loaded")
class Unpickler:
    def __init__(self, *arguments, **options):
        refuse(*arguments)
for module in (pickle, _pickle):
    module.load = module.loads = refuse
    module.Unpickler = Unpickler
sys.addaudithook(lambda event, arguments: loaded.append(arguments) if event == "pickle.find_class" else None)

def read_all(data):
    store, n = Store(data), 0
    for run_id in store.runs()[::4]:
        assert all(problem is None for _, problem in inspect(data, run_id)), run_id
        record = store.open(run_id)
        n += len(record.metrics) + len(record.kept) + sum(len(record.snapshot(step)) for step in record.snapshot_steps[:2])
    return n

tiny, store = helpers["tiny_run"](), Store(folder / "data")
helpers["publish"](store, tiny)
assert read_all(store.data) and read_all(root / "tests" / "golden" / "store")
assert not (root / "data" / "runs").is_dir() or read_all(root / "data") > 100
partial = store.partial(tiny.spec)
for attempt in range(2):
    with partial.lock():
        partial.load_state()
        partial.save_snapshot(5, tiny.final, "float32")
        partial.save_state(7, tiny.final, {"a": [1]})
for attempt in range(2):
    kept = derived.remember("d" * 64, "f", {"n": 1}, lambda: tiny.final, lambda: "a", folder / "cache")
    assert kept.keys() == tiny.final.keys()

bomb = Path(sys.argv[1], "bomb").read_bytes()
record = store.open(tiny.spec)
for path in [*(record.path / name for name in (*record.files, "manifest.json")), *partial.folder.rglob("*.safetensors"),
             *(folder / "cache").rglob("*.safetensors")]:
    good = path.read_bytes()
    path.write_bytes(bomb)
    if record.path in path.parents:
        assert any(problem is not None for _, problem in inspect(store.data, record.run_id)), path
        path.write_bytes(good)
with partial.lock():
    assert partial.load_state() is None
derived.remember("d" * 64, "f", {"n": 1}, lambda: tiny.final, lambda: "a", folder / "cache")
assert loaded == [], loaded
print("read")
"""


class _Bomb:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


def test_nothing_is_unpickled_when_everything_is_read(tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(pickle.dumps(_Bomb(str(tmp_path / "exploded"))))
    arguments = [str(tmp_path), str(ROOT), str(Path(__file__).with_name("conftest.py"))]
    done = subprocess.run([sys.executable, "-c", READ_EVERYTHING, *arguments], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "read\n"
    assert not (tmp_path / "exploded").exists()
