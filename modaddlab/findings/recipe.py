"""How a transformer was built and trained, as a table of its setup has it."""

from __future__ import annotations

from dataclasses import dataclass

from modaddlab.findings.networks import TRANSFORMER, for_networks, transformer
from modaddlab.findings.value import Group, Value, chosen, count, setting, steps, total, words
from modaddlab.study import Study


@dataclass(frozen=True, kw_only=True)
class Recipe(Group):
    """One run's."""

    share: Value
    """Of all pairs that are trained on."""
    seed: Value
    layers: Value
    heads: Value
    d_head: Value
    d_model: Value
    neurons: Value
    outputs: Value
    """Of the training loss."""
    beta1: Value
    beta2: Value
    rate: Value
    warmup: Value
    decay: Value
    steps: Value
    loss_dtype: Value


@for_networks(TRANSFORMER)
def of(study: Study) -> Recipe:
    """How a transformer was built and trained."""
    spec, model, optim = study.spec, transformer(study), study.spec.optim
    return Recipe(
        share=chosen(spec.task.train_frac),
        seed=total(spec.seed),
        layers=total(model.n_layers),
        heads=total(model.n_heads),
        d_head=total(model.d_head),
        d_model=total(model.d_model),
        neurons=total(model.d_mlp),
        outputs=total(spec.task.p + model.predict_equals),
        beta1=setting(optim.beta1),
        beta2=setting(optim.beta2),
        rate=setting(optim.lr),
        warmup=count(optim.warmup_steps),
        decay=setting(optim.weight_decay),
        steps=steps(spec.steps),
        loss_dtype=words(spec.loss_dtype),
    )


def measure() -> Recipe:
    """The mainline's."""
    return of(Study.open("mainline"))
