"""`python -m modaddlab.write RUN FILE`: a transformer as TransformerLens's state dict; `modaddlab.read` is the way back."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modaddlab import command
from modaddlab.checkpoints import LAYOUTS, lens_config
from modaddlab.errors import LabError
from modaddlab.store.files import disk_errors, write_atomic
from modaddlab.store.named import open_record
from modaddlab.store.record import Record


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return command.run(lambda: _run(_parser().parse_args(arguments)), name="modaddlab.write")


def _parser() -> argparse.ArgumentParser:
    parser = command.Parser(prog="python -m modaddlab.write", description="Write a transformer's weights for TransformerLens.")
    parser.add_argument("run", metavar="RUN", help="the name or the id of a run")
    parser.add_argument("file", metavar="FILE", help="the PyTorch checkpoint to write; an existing one is never written over")
    parser.add_argument("--data", metavar="DIR", help="the data folder (default: the book's, or $MODADDLAB_DATA)")
    return parser


def _run(options: argparse.Namespace) -> int:
    config = write(open_record(options.run, data=options.data), options.file)
    fields = ", ".join(f"{name}={value!r}" for name, value in config.items())
    print(f"network = HookedTransformer(HookedTransformerConfig({fields}))  # TransformerLens 2 and 3")
    print(f"network.load_state_dict(torch.load({options.file!r}))  # logits at the last of [a, b, {config['d_vocab'] - 1}]")
    print(f"config = TransformerBridgeConfig({fields})  # TransformerLens 4")
    print("network = TransformerBridge.boot_native(config)")
    print(f"network.load_state_dict(convert_tl_checkpoint(torch.load({options.file!r}), config))")
    return 0


def write(record: Record, file: str | os.PathLike[str]) -> dict[str, Any]:
    """Write a record's final weights as the state dict of TransformerLens's HookedTransformer.

    Args:
        record: the run.
        file: where; there must be no file yet.

    Returns:
        the arguments of the HookedTransformerConfig that takes them.

    Raises:
        LabError: TransformerLens has no such network, there is such a file already, or it cannot be written.
    """
    import torch

    path, model, p = Path(file), record.spec.model, record.spec.task.p
    is_there = LabError(f"{path} is there already and is not written over; name another file")
    if os.path.lexists(path):
        raise is_there
    if not path.parent.is_dir():
        raise LabError(f"{path} lies in no folder; name another file")
    arrays, content = LAYOUTS["transformer-lens"].write(model, record.final, p), io.BytesIO()
    torch.save({name: torch.tensor(value) for name, value in arrays.items()}, content)
    with disk_errors(path):
        try:
            path.touch(exist_ok=False)  # whoever makes it has the name, also of two who write at once
        except FileExistsError:
            raise is_there from None
    try:
        write_atomic(path, content.getvalue())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return lens_config(model, p)


if __name__ == "__main__":
    sys.exit(main())
