"""The authors' own weights: which of their public checkpoints settles which claim, and what the claim's measure gives on it.

The files are not part of the project. Their numbers are, in `released.json`, under the sha256 of the file that they follow from;
`python -m modaddlab.claims.checkpoints FOLDER` makes them again from the files.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

VALUES = "released.json"


@dataclass(frozen=True, kw_only=True)
class Released:
    """A checkpoint that the authors of claims have published.

    Attributes:
        file: its name; several of one name differ in their sha256.
        sha256: of the file.
        repository: the public repository that it is from, owner and name.
        initial: the checkpoint of its step 0 and that file's sha256, where there is one.
        options: what `modaddlab.read` is told besides.
        claims: the ids of the claims that it settles.
    """

    file: str
    sha256: str
    repository: str
    initial: tuple[str, str] | None = None
    options: Mapping[str, str | float]
    claims: tuple[str, ...]


_HE = "Y-Agent/modular-addition-feature-learning"

FILES = (
    Released(
        file="embedmlp-p23-relu-step4800.pth",
        sha256="0f0b26b18695b55035aba51e894ad16e933c3af12cb9b67f077de98f2cd9636e",
        repository=_HE,
        initial=("embedmlp-p23-relu-step0.pth", "3f6ea08737dbb079231952a4fd72945f2e9866594f9c591f8d124e93c310538d"),
        options={"activation": "relu"},
        claims=(
            "he-one-frequency-in", "he-one-frequency-out", "he-alignment", "he-rings-2", "he-rings-4", "he-homogeneous",
        ),
    ),
    Released(
        file="final.pth",
        sha256="9cd6d34b1e76800e19acf2a02101c9037ddffbe3c39092c2553abc3db645a813",
        repository=_HE,
        initial=("embedmlp-p23-relu-step0.pth", "3f6ea08737dbb079231952a4fd72945f2e9866594f9c591f8d124e93c310538d"),
        options={"activation": "relu"},
        claims=tuple(f"he-swap-{name}" for name in ("|x|", "x²", "x⁴", "x⁸", "log(1+e²ˣ)", "eˣ", "x", "x³")),
    ),
    Released(
        file="embedmlp-p23-quad-step9800.pth",
        sha256="beac21b48745cb05c27681b439afbe7fb8d7600dae34908424eb4b3628f0684d",
        repository=_HE,
        initial=("embedmlp-p23-quad-step0.pth", "d5c35fc2e73e0e6faf75ae3cf23c98ae5d1899441ad6606967742f86b995ffc0"),
        options={"activation": "quad"},
        claims=("he-ghosts", "he-ghosts-waves", "he-lottery"),
    ),
    Released(
        file="pizza-model-A.pt",
        sha256="eb58a5a059f05f9f8a434f8f6d62405c6194dc353abf9843cb56382183820e25",
        repository="fjzzq2002/pizza",
        options={"attention_rate": 0.0},
        claims=(
            "zhong-pizza-symmetricity", "zhong-pizza-irrelevance", "zhong-pizza-circularity", "zhong-pizza-explained",
            "zhong-pizza-accompanying",
        ),
    ),
    Released(
        file="pizza-linear-beta.pt",
        sha256="6b80e9604e2ecbf1c27cb92c10b7a0999bd9492a2b3838d0673fbc72006a5b1e",
        repository="fjzzq2002/pizza",
        options={"arrangement": "B"},
        claims=("zhong-linear-irrelevance", "zhong-linear-circularity", "zhong-linear-explained"),
    ),
)  # fmt: skip
"""Those that were trained as long as our networks. A public file of Nanda et al.'s settles nothing of their paper: it is of
another network, trained with a loss in float32, which has not come to rest."""


@functools.cache
def values() -> dict[str, tuple[Released, float]]:
    """The checkpoint that settles each claim and what the claim's measure gives on it, by the claim's id."""
    kept = json.loads(resources.files("modaddlab.claims").joinpath(VALUES).read_text("utf-8"))
    return {name: (released, value) for released in FILES for name, value in kept[released.sha256].items()}
