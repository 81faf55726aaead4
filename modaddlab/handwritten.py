"""Networks written by hand, as studies: `modaddlab.closed_form("clock", p=113, frequencies=[14, 35, 41])`.

Their frequencies and phases are known, so that every finding and the report of a run show what a perfect network looks like
(`modaddlab.models.closed_form` has the weights and the formulae).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import NamedTuple

import numpy as np

from modaddlab import tasks
from modaddlab.errors import LabError
from modaddlab.models.closed_form import circle_transformer, clock_transformer
from modaddlab.models.network import Activation
from modaddlab.models.transformer import TransformerSpec
from modaddlab.study import Study


class Form(NamedTuple):
    """A way to add: its weights, its activation, and what it needs for each frequency."""

    weights: Callable[..., dict[str, np.ndarray]]
    activation: Activation
    width: int
    """Of the residual stream."""
    neurons: int
    """Neurons for each phase."""


FORMS = {
    "clock": Form(clock_transformer, "quad", 8, 2),
    "pizza": Form(circle_transformer, "relu", 4, 1),
    "quadratic": Form(circle_transformer, "quad", 4, 1),
}
"""Each algorithm by its name: the clock multiplies the circles of a and b; the others halve the angle between them, by ReLU as in
Zhong et al. 2023, or by squares."""


def closed_form(
    form: str,
    p: int = 113,
    *,
    frequencies: Sequence[int],
    phases: int | None = None,
    scale: float = 1.0,
    data: str | os.PathLike[str] | None = None,
) -> Study:
    """A transformer of one layer that adds modulo p by a formula. It was never trained; its pairs are split as the mainline's.

    Args:
        form: a name of `FORMS`.
        p: the modulus; an odd one, unless the form is "clock".
        frequencies: the key frequencies, in 1..p//2.
        phases: of the neurons of each frequency, odd and at least 5; none: as many as fill 512 neurons.
        scale: factor of the logits.
        data: the data folder that keeps it; none: it is gone when this process ends.

    Raises:
        LabError: there is no such form, a frequency is not in 1..p//2, there are too few phases, or p or the scale is none.
    """
    if form not in FORMS:
        raise LabError(f"form (={form!r}) must be one of {', '.join(FORMS)}")
    if not isinstance(p, Integral) or p < 2:
        raise LabError(f"p (={p}) must be a whole number of at least 2")
    p = int(p)
    if not 0 < scale < math.inf:
        raise LabError(f"scale (={scale}) must be a finite number above 0")
    if len(frequencies) == 0 or not all(frequency in range(1, p // 2 + 1) for frequency in frequencies):
        raise LabError(f"frequencies (={list(frequencies)}) must be one or more of 1 to {p // 2} for p = {p}")
    how, keys = FORMS[form], sorted({int(frequency) for frequency in frequencies})
    if p % 2 == 0 and form != "clock":
        raise LabError(f"p (={p}) must be odd for the form {form}, which cannot tell pairs of opposite residues apart")
    n = (512 // (how.neurons * len(keys)) - 1) // 2 * 2 + 1 if phases is None else phases
    if n < 5 or n % 2 == 0:
        step = f"choose fewer than {len(keys)} frequencies" if phases is None else "or leave them out"
        raise LabError(f"phases (={n}) of each frequency must be odd and at least 5; {step}")
    d_head = max(32, math.ceil((how.width * len(keys) + 3) / 4), 2 * len(keys))
    model = TransformerSpec(
        d_model=4 * d_head, n_heads=4, d_head=d_head, d_mlp=max(512, n * how.neurons * len(keys)), activation=how.activation
    )
    params = how.weights(model, p, dict.fromkeys(keys, n), scale)
    mask_PP = tasks.train_mask(tasks.TaskSpec(p=p), seed=0)
    source = f"written by hand, the {form} with the frequencies {', '.join(map(str, keys))}"
    return Study.from_weights(params, model, p, train_mask_PP=mask_PP, name=f"closed-form-{form}", source=source, data=data)
