"""Clock or pizza: a network whose hidden layer adds and takes absolute values is a pizza, whatever it learned."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modaddlab import RunSpec, tasks
from modaddlab.experiments.spec import TaskSpec
from modaddlab.findings import pizza
from modaddlab.models.registry import LinearLayersSpec

P, FREQUENCIES, SLICES = 11, (2, 4), 22


def by_hand() -> Any:
    """A linear model A: circles of two frequencies, four neurons to a slice and frequency, |x| = relu(x) + relu(-x)."""
    w = 2 * np.pi * np.outer(np.arange(P), FREQUENCIES) / P
    width = 4 * SLICES * len(FREQUENCIES) // 2
    W_E, L1, W_U = np.zeros((P, width)), np.zeros((width, width)), np.zeros((width, P))
    for i, k in enumerate(FREQUENCIES):
        size = 1.0 + i
        W_E[:, 2 * i], W_E[:, 2 * i + 1] = size * np.cos(w[:, i]), size * np.sin(w[:, i])
        half = np.pi * k * np.arange(P) / P
        for c in range(P):
            first = (i * P + c) * 4
            for j, (x, y, sign) in enumerate([(np.cos(half[c]), np.sin(half[c]), 1), (-np.sin(half[c]), np.cos(half[c]), -1)]):
                for turn in (0, 1):
                    L1[2 * i : 2 * i + 2, first + 2 * j + turn] = (1 - 2 * turn) * np.array([x, y])
                    W_U[first + 2 * j + turn, c] = sign
    params = {"embed.W_E": W_E, "l1.W": L1, "l1.b": np.zeros(width), "unembed.W_U": W_U}
    spec = RunSpec(name="made", task=TaskSpec(p=P, train_frac=0.8), model=LinearLayersSpec(d_mlp=width))
    study = SimpleNamespace(
        p=P,
        spec=spec,
        labels_PP=tasks.labels(spec.task, 0).reshape(P, P),
        record=SimpleNamespace(run_id="made", final={name: value.astype(np.float32) for name, value in params.items()}),
    )
    study.remember = lambda function, **arguments: function(study, **arguments)
    return study


def test_a_pizza_made_by_hand_is_one() -> None:
    found = pizza.of(by_hand())
    assert found.symmetricity.value == pytest.approx(1)
    assert found.irrelevance.value == pytest.approx(0, abs=1e-5)
    assert found.circularity.value == pytest.approx(1, abs=1e-5)
    larger, smaller = found.alone[:2]
    assert (larger.frequency.value, smaller.frequency.value) == (4, 2)
    assert [circle.pizza.value for circle in (larger, smaller)] == pytest.approx([1, 1], abs=1e-5)
    assert {larger.form, smaller.form} == {"pizza"}
    assert found.explained_X3[0].tolist() == [larger.clock.value, larger.pizza.value, larger.accompanying.value]
    assert larger.pizza.value > larger.clock.value + 0.1
    assert larger.by_difference_P.argmax() == 0
    assert found.irrelevance.null is not None
    assert found.irrelevance.null > 0.5  # untrained: the right logit does not know the distance


def test_the_rate_from_which_on_a_measure_is_half_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    values = {0.0: (1.0, 0.0), 0.1: (0.9, 0.7), 0.2: (1.0, 0.4), 0.4: (0.9, 0.6), 1.0: (0.0, 1.0)}
    later = {0.0: (1.0, 0.0), 0.1: (1.0, 0.1), 0.2: (0.9, 0.2), 0.4: (0.6, 0.3), 1.0: (0.0, 1.0)}

    def point(rate: float) -> Any:
        def row(seed: int, found: tuple[float, float]) -> Any:
            spec = SimpleNamespace(steps=20_000, seed=seed)
            return SimpleNamespace(study=SimpleNamespace(found=found), spec=spec)

        return SimpleNamespace(rows=[row(0, values[rate]), row(1, later[rate])])

    def stand(study: Any) -> pizza.Stand:
        symmetric, irrelevant = (pizza.number(x, null=0.5) for x in study.found)
        return pizza.Stand(symmetricity=symmetric, irrelevance=irrelevant, circularity=pizza.share(1, null=0.1))

    monkeypatch.setattr(pizza.outcomes, "sweep", lambda name: SimpleNamespace(points={rate: point(rate) for rate in values}))
    monkeypatch.setattr(pizza, "stand", stand)
    found = pizza._transition()
    irrelevant, symmetric = (
        np.array([0.2 + 0.2 * 0.1 / 0.2, 0.4 + 0.6 * 0.2 / 0.7]),
        np.array([0.4 + 0.6 * 0.4 / 0.9, 0.4 + 0.6 * 0.1 / 0.6]),
    )
    assert found.irrelevant.value == pytest.approx(irrelevant.mean())
    assert found.symmetric.value == pytest.approx(symmetric.mean())
    assert found.apart.value == pytest.approx((symmetric - irrelevant).mean())
    assert found.apart.low is not None
    assert found.apart.low < (symmetric - irrelevant).min()
    assert (found.constant.symmetricity.value, found.usual.irrelevance.value) == (1, 1)
    assert found.null("symmetricity") == dict.fromkeys(values, 0.5)
    assert (found.networks.value, found.seeds.value) == (10, 2)


@pytest.mark.parametrize(("turns", "uneven"), [([0, 0, 0, 0], 1.0), ([0, 1, 2, 3], 0.0), ([0, 0, 1, 1], 2**-0.5)])
def test_turns_between_the_waves_of_a_and_b(turns: list[int], uneven: float) -> None:
    """Neurons of one frequency whose wave of b is a number of quarter turns off that of a."""
    angle_P = 2 * np.pi * 2 * np.arange(P) / P
    W_E = np.stack([np.cos(angle_P), np.sin(angle_P)], axis=1)
    phase_H = np.linspace(0, 5, len(turns))
    layers = [np.stack([np.cos(x_H), np.sin(x_H)]) for x_H in (phase_H, phase_H + np.pi / 2 * np.array(turns))]
    study = SimpleNamespace(p=P, keys=(2,), record=SimpleNamespace(final={"embed.W_E": W_E, "l1.W": np.concatenate(layers)}))
    assert pizza._turned(study).value == pytest.approx(uneven, abs=1e-9)  # type: ignore[arg-type]
