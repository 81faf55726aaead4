"""Where a network can be trained: on the CPU, on a GPU with CUDA, or on Apple's, which has no float64."""

from __future__ import annotations

from modaddlab.errors import LabError

DEVICES = ("cpu", "cuda", "mps")


def check(name: str) -> str:
    """The name of a device, when it is one that we train on; it need not be there.

    Raises:
        LabError: it is none.
    """
    if name not in DEVICES:
        raise LabError(f"--device {name} must be one of {', '.join(DEVICES)}; the CPU is enough for every run of the book")
    return name


def require(name: str) -> None:
    """Refuse a device that is not there.

    Raises:
        LabError: the name is none of ours, or there is no such GPU.
    """
    if check(name) == "cpu":
        return
    import torch

    there = torch.cuda.is_available() if name == "cuda" else torch.backends.mps.is_available()
    if not there:
        raise LabError(f"no {name.upper()} device was found; leave --device away to train on the CPU")


def require_precision(name: str, loss_dtype: str) -> None:
    """Refuse a loss that a device cannot compute.

    Raises:
        LabError: it asks for float64, and the device has none.
    """
    if name == "mps" and loss_dtype == "float64":
        raise LabError("--device mps has no float64; take --set loss_dtype=log1p, whose float32 is as precise, or the CPU")
