"""Where a network can be trained: on the CPU, or on a GPU with CUDA."""

from __future__ import annotations

from modaddlab.errors import LabError

DEVICES = ("cpu", "cuda")

_WHY_NOT = {"mps": "Apple's GPUs have no float64, in which losses are computed", "xpu": "only NVIDIA's GPUs have been tried"}


def check(name: str) -> str:
    """The name of a device, when it is one that we train on; it need not be there.

    Raises:
        LabError: it is none.
    """
    if name not in DEVICES:
        why = f" ({_WHY_NOT[name]})" if name in _WHY_NOT else ""
        raise LabError(f"--device {name} must be one of {', '.join(DEVICES)}{why}; the CPU is enough for every run of the book")
    return name


def require(name: str) -> None:
    """Refuse a device that is not there.

    Raises:
        LabError: the name is none of ours, or there is no GPU for "cuda".
    """
    if check(name) == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise LabError("no CUDA device was found; leave --device away to train on the CPU")
