"""`python -m modaddlab.read FILE`: another's checkpoint becomes a record, which every study and finding opens.

The file is read with PyTorch's `weights_only=True`: tensors and plain containers, and no code that a pickle could bring. What
it does not tell is asked for: how its pairs were split (`--split`), the activation, the attention rate. The layouts are those of
`modaddlab.checkpoints`. The record has the file's name and sha256, and never poses as a run of ours: it cannot be trained, and
its run id covers its weights.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import hashlib
import re
import sys
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modaddlab import command, weights
from modaddlab.checkpoints import LAYOUTS, recognized
from modaddlab.errors import LabError, disk_reason
from modaddlab.experiments.spec import OriginSpec
from modaddlab.store.record import Record
from modaddlab.store.store import Store
from modaddlab.tasks import TaskSpec, with_mask

INSIDE = ("model", "state_dict", "model_state_dict")
"""Where a file keeps its weights when they are not all that it holds."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return command.run(lambda: _run(_parser().parse_args(arguments)), name="modaddlab.read")


def _parser() -> argparse.ArgumentParser:
    parser = command.Parser(prog="python -m modaddlab.read", description="Read another's checkpoint and keep it as a record.")
    parser.add_argument("file", metavar="FILE", type=Path, help="a PyTorch checkpoint, or a file of safetensors")
    add_options(parser)
    parser.add_argument("--name", help="the record's name (default: the file's)")
    parser.add_argument("--data", metavar="DIR", help="the data folder (default: the book's, or $MODADDLAB_DATA)")
    return parser


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give a command what no file tells."""
    parser.add_argument("--layout", default="auto", choices=("auto", *LAYOUTS), help="how the weights lie in it (default: auto)")
    parser.add_argument("--p", type=int, metavar="P", help="the modulus, held against the file's shapes")
    parser.add_argument("--operation", default="add", help="what it was trained on (default: add)")
    parser.add_argument(
        "--split",
        default="none",
        metavar="none|seed:N|MASK.npy",
        help="which pairs were trained on: seed:N (or random-seed:N), as Python's random shuffles them in Nanda et al.'s code "
        "and here; a (P, P) mask; none (default): not known, loss and accuracy are over all pairs",
    )
    parser.add_argument("--train-frac", type=float, metavar="F", help="share of the pairs in seed:N (default: 0.3)")
    parser.add_argument("--activation", help="relu, gelu, quad or id (default: relu)")
    parser.add_argument("--attention-rate", type=float, metavar="A", help="of Zhong et al.'s transformer, 0 to 1")
    parser.add_argument("--arrangement", help="of Zhong et al.'s linear models: A, B, C or D")
    parser.add_argument("--initial", type=Path, metavar="FILE", help="the checkpoint that its training began with")
    parser.add_argument("--steps", type=int, metavar="N", help="steps between the two (default: the file's epoch)")


def read_as_asked(file: Path, store: Store, options: argparse.Namespace, name: str | None = None) -> Record:
    """`read` with the options of `add_options`."""
    if options.train_frac is not None and "seed:" not in options.split:
        raise LabError(f"--train-frac is the share of the pairs in --split seed:N, found --split {options.split}")
    if options.steps is not None and options.initial is None:
        raise LabError("--steps is counted from the weights of --initial FILE, which is not given; give both, or neither")
    chosen = {name: getattr(options, name) for name in ("train_frac", "activation", "attention_rate", "arrangement")}
    return read(
        file,
        store,
        layout=options.layout,
        p=options.p,
        operation=options.operation,
        split=options.split,
        initial=options.initial,
        steps=options.steps,
        name=name,
        **{name: value for name, value in chosen.items() if value is not None},
    )


def _run(options: argparse.Namespace) -> int:
    record = read_as_asked(options.file, Store(options.data), options, options.name)
    row = {name: float(record.metrics[name][-1]) for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy")}
    over = "all pairs" if record.spec.task.train_frac == 1 else "training pairs"
    print(f"{record.run_id}: {record.spec.model.phrase()}, p = {record.spec.task.p}; {record.path}")
    print(f"{over}: loss {row['train_loss']:.4e}, accuracy {row['train_accuracy']:.2%}", end="")
    print("" if np.isnan(row["test_loss"]) else f"; test pairs: loss {row['test_loss']:.4e}, accuracy {row['test_accuracy']:.2%}")
    if record.provenance["said"]:
        print("the file says: " + ", ".join(f"{name} {value:.6g}" for name, value in record.provenance["said"].items()))
    data = "" if options.data is None else f", data={options.data!r}"
    print(f"in Python: from modaddlab import Study; study = Study.open({record.run_id!r}{data})")
    return 0


def read(
    file: Path,
    store: Store,
    *,
    layout: str = "auto",
    p: int | None = None,
    operation: str = "add",
    split: str = "none",
    train_frac: float = 0.3,
    initial: Path | None = None,
    steps: int | None = None,
    name: str | None = None,
    **fields: Any,
) -> Record:
    """Keep another's checkpoint as a record.

    Args:
        file: a PyTorch checkpoint, or a file of safetensors.
        store: where the record goes.
        layout: a name of `LAYOUTS`, or "auto".
        p: the modulus, held against the file's shapes; none: theirs.
        operation: what the network was trained on.
        split: "none", "seed:N", "random-seed:N", or the path of a (P, P) mask in NumPy's format.
        train_frac: share of the pairs that a seed's split trains on.
        initial: the checkpoint that its training began with, of the same layout; it becomes the record's snapshot of step 0.
        steps: how many steps lie between the two; none: the epoch that the file tells.
        name: the record's name; none: the file's.
        fields: of the network, what no file tells, such as attention_rate.

    Raises:
        LabError: the file is no checkpoint of plain tensors, not of that layout, or what it does not tell is missing; one line
            that says what was expected and found.
    """
    if layout != "auto" and layout not in LAYOUTS:
        raise LabError(f"layout (={layout!r}) must be auto or one of {', '.join(LAYOUTS)}")
    first = None
    try:
        arrays, said = _arrays(file)
        found = recognized(arrays, layout)
        model, modulus, params = found.read(arrays, fields)
        if p not in (None, modulus):
            raise LabError(f"the modulus must be --p (={p}), by the file's shapes it is {modulus}")
        task, seed = _task(TaskSpec(p=modulus, operation=operation, train_frac=1.0), split, train_frac)  # type: ignore[arg-type]
        if initial is not None:
            try:
                first = found.read(_arrays(initial)[0], fields)
            except LabError as error:
                raise LabError(f"--initial {initial}: {error}") from None
            if first[:2] != (model, modulus):
                raise LabError(f"the initial weights must be of the same network, found {first[0]} modulo {first[1]}")
            apart = int(said.get("epoch", 0)) if steps is None else steps
            if apart < 1:
                raise LabError(f"steps (={apart}) between the initial weights and these must be at least 1; give --steps")
    except LabError as error:
        raise LabError(f"{file}: {error}") from None
    origin = OriginSpec(weights="0" * 64, file=file.name, sha256=hashlib.sha256(file.read_bytes()).hexdigest(), layout=found.name)
    began = {} if first is None else {"initial": first[2], "steps": apart}
    told = {"said": said}
    known = _slug(file) if name is None else name
    return weights.publish(store, known, model, task, params, seed=seed, origin=origin, told=told, **began)


@contextlib.contextmanager
def _reading(what: str) -> Iterator[None]:
    """What a disk refuses, in words."""
    try:
        yield
    except OSError as error:
        reason = disk_reason(error, "file")
        if reason is None:
            raise
        raise LabError(f"{what} cannot be read: {reason}") from error


def _content(file: Path) -> Any:
    """What a checkpoint holds, without running any code of it."""
    import safetensors.torch
    import torch

    if not file.is_file():
        found = "a folder" if file.is_dir() else "what is none" if file.exists() else "none of this name"
        raise LabError(f"it must be a file, a PyTorch checkpoint or safetensors, found {found}")
    with _reading("it"), file.open("rb") as opened, warnings.catch_warnings():
        start = opened.read(8)
        if file.suffix == ".safetensors":
            try:
                return safetensors.torch.load_file(file)
            except safetensors.SafetensorError as error:
                raise LabError(f"it must be a file of safetensors, found: {error}") from None
        warnings.simplefilter("ignore")  # about the pickle's protocol
        try:
            if zipfile.is_zipfile(file):
                _require_whole(file)
            return torch.load(file, map_location="cpu", weights_only=True)
        except (LabError, MemoryError):
            raise
        except Exception as error:  # its reader raises whatever the bytes lead it to, of the system also what no disk does
            if isinstance(error, OSError) and disk_reason(error) is not None:
                raise
            found = f"content that is damaged or of another kind (it begins with {start!r})" if start else "an empty file"
            if named := re.search(r"GLOBAL ([\w.]+)", str(error)):
                found = f"{named[1]}, and the code of a file is never run"
            raise LabError(f"it must be a PyTorch checkpoint of tensors and plain containers, found {found}") from None


def _require_whole(file: Path) -> None:
    """Refuse an archive whose parts are damaged, at which PyTorch does not look, or packed, as PyTorch never writes them."""
    with zipfile.ZipFile(file) as archive:
        packed = [part.filename for part in archive.infolist() if part.compress_type != zipfile.ZIP_STORED]
        if packed:
            raise LabError(f"it must be a PyTorch checkpoint, found an archive with the compressed part {packed[0]!r}")
        if part := archive.testzip():
            raise LabError(f"it is damaged: the checksum of {part!r} in it does not hold; get the file anew")


def _arrays(file: Path) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """The weights in a checkpoint, float32 or float64 by name, and the numbers that it has beside them (of lists the last)."""
    import torch

    content, said = _content(file), dict[str, float]()
    inside = next((name for name in INSIDE if isinstance(content, Mapping) and isinstance(content.get(name), Mapping)), None)
    if inside is not None:
        for name, value in content.items():
            last = value[-1] if isinstance(value, list) and value else value
            if isinstance(last, int | float) and abs(last) < 1e300:  # not NaN either
                said[str(name)] = float(last)
        content = content[inside]
    if not isinstance(content, Mapping):
        raise LabError(f"it must hold tensors by name, found one {type(content).__name__}")
    arrays = dict[str, np.ndarray]()
    for name, value in content.items():
        if not isinstance(value, torch.Tensor):
            raise LabError(f"key {name!r} must be a tensor, found one {type(value).__name__}")
        plain = not (value.is_complex() or value.is_quantized or value.is_meta) and value.layout == torch.strided
        if plain and value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise LabError(f"key {name!r} must hold as many numbers as its shape {tuple(value.shape)} says, found fewer")
        try:
            array = (value.detach().double() if value.is_floating_point() else value).numpy() if plain else None
        except (NotImplementedError, TypeError):  # a type that only few operations know
            array = None
        if array is None:
            found = "meta" if value.is_meta else f"{str(value.layout).removeprefix('torch.')} {value.dtype}"
            raise LabError(f"key {name!r} must be a plain tensor of real numbers, found a {found} one")
        arrays[str(name) if str(name).isprintable() else ascii(str(name))] = array
    return arrays, said


def _task(task: TaskSpec, split: str, train_frac: float) -> tuple[TaskSpec, int]:
    """The task with a split, and its seed."""
    if split == "none":
        return task, 0
    if match := re.fullmatch(r"(?:random-)?seed:(\d+)", split):
        return dataclasses.replace(task, train_frac=train_frac), int(match[1])
    file, p = Path(split), task.p
    if file.suffix != ".npy" or not file.is_file():
        raise LabError(f"--split (={split!r}) must be none, seed:N, random-seed:N or a mask's file MASK.npy")
    with _reading(f"--split {split}"):
        try:
            mask = np.lib.format.open_memmap(file, mode="r")  # never pickled objects, and no longer than the file
        except ValueError:
            raise LabError(f"--split {split} must be an array of numbers as np.save writes it, found other content") from None
    if mask.shape != (p, p) or not np.isin(mask, (0, 1)).all() or not mask.any():
        found = f"{mask.dtype} {mask.shape}"
        raise LabError(f"--split {split} must be a mask of the shape {(p, p)} of 0 and 1, not all 0; found {found}")
    return with_mask(task, mask.astype(bool)), 0


def _slug(file: Path) -> str:
    """A file's name as a run's."""
    words = re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-")
    return words[:60].strip("-") or "network"


if __name__ == "__main__":
    sys.exit(main())
