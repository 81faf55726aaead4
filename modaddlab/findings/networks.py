"""Which networks a finding is for: said beside it, refused in one line everywhere else.

    @for_networks(TRANSFORMER, SNAPSHOTS)
    def of(study: Study) -> Finding: ...

Asked of another network it would fail somewhere inside, or give numbers that mean nothing. So each public function of
`modaddlab.findings` that takes a `Study` names what its network must be and its record must
hold; `needs_of` reads it back.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from modaddlab.analysis.activations import ACTIVATIONS
from modaddlab.errors import LabError
from modaddlab.experiments.spec import RunSpec
from modaddlab.models.transformer import TransformerSpec
from modaddlab.study import Study

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


UNTRAINED = "mlp-untrained"
"""The book's two-layer network before training."""


@dataclass(frozen=True)
class Need:
    """Something that a measurement asks of a network or its record.

    Attributes:
        words: completes "it is for ...".
        met_by: whether a study has it.
    """

    words: str
    met_by: Callable[[Study], bool]


def _of_spec(words: str, holds: Callable[[RunSpec], bool]) -> Need:
    return Need(words, lambda study: holds(study.spec))


TRANSFORMER = _of_spec("a transformer", lambda spec: spec.model.kind == "transformer")
ONE_LAYER = _of_spec("a single layer", lambda spec: spec.model.n_layers == 1)
NO_LAYER_NORM = _of_spec("no LayerNorm", lambda spec: not spec.model.layer_norm)
TWO_LAYER = _of_spec("a two-layer network", lambda spec: spec.model.kind == "two-layer")
KNOWN_HARMONICS = _of_spec(f"{' or '.join(ACTIVATIONS)}", lambda spec: spec.model.activation in ACTIVATIONS)
SQUARES = _of_spec("the quadratic activation", lambda spec: spec.model.activation == "quad")
RANDOM_START = _of_spec("random initial weights", lambda spec: spec.model.init != "single-frequency")
ONE_FREQUENCY_START = _of_spec("initial weights of a single frequency", lambda spec: spec.model.init == "single-frequency")
DESCENT = _of_spec("plain gradient descent (sgd)", lambda spec: spec.optim.optimizer == "sgd")
EMBEDS_BOTH = _of_spec("one table of embeddings for both residues", lambda spec: "token_gradients" in vars(type(spec.model)))
SAMPLED = _of_spec(
    "a kind of network that gives its loss's gradients in its weights", lambda spec: "weight_gradients" in vars(type(spec.model))
)
ADDITION = _of_spec("addition", lambda spec: spec.task.operation == "add")
SUMS = _of_spec("addition or subtraction", lambda spec: spec.task.operation in ("add", "subtract"))
COMMUTING = _of_spec(
    "an operation that does not ask which of a and b comes first", lambda spec: spec.task.operation in _SYMMETRIC
)
OF_LOGARITHMS = _of_spec("multiplication or division modulo an odd prime", lambda spec: spec.task.of_logarithms is not None)
ODD_MODULUS = _of_spec("an odd modulus of at least 5", lambda spec: spec.task.p % 2 == 1 and spec.task.p >= 5)
TEST_PAIRS = _of_spec("pairs left for the test", lambda spec: spec.task.n_train < spec.task.n_pairs)
ALL_WEIGHTS = _of_spec("a record of all final weights (record.weights=all)", lambda spec: spec.record.weights == "all")
EMBEDDING = _of_spec("a record of the embedding (record.weights=embedding or all)", lambda spec: spec.record.weights != "none")
ENERGIES = _of_spec("recorded energies (record.energies)", lambda spec: spec.record.energies)
SNAPSHOTS = Need("snapshots (record.snapshots)", lambda study: len(study.record.snapshot_steps) > 0)
CIRCLES = Need("key frequencies with a circle", lambda study: bool(study.keys) and study.p not in [2 * k for k in study.keys])
"""To be asked last: it looks into the network."""
PATH = Need("four snapshots or more (record.snapshots)", lambda study: len(study.record.snapshot_steps) >= 4)


_SYMMETRIC = ("add", "multiply", "a2+b2", "a2+ab+b2")


def for_networks(
    *needs: Need,
) -> Callable[[Callable[Concatenate[Study, Parameters], Result]], Callable[Concatenate[Study, Parameters], Result]]:
    """Make a function of a study refuse networks that it is not for.

    Args:
        needs: what the network must be and its record must hold, in the order in which it is told; none: it is for any.

    Returns:
        a decorator; the function then raises a `LabError` that names the run, its network and what the measurement is for.
    """

    def decorate(function: Callable[Concatenate[Study, Parameters], Result]) -> Callable[Concatenate[Study, Parameters], Result]:
        @functools.wraps(function)
        def guarded(study: Study, *arguments: Parameters.args, **options: Parameters.kwargs) -> Result:
            if not all(need.met_by(study) for need in needs):
                name = f"{function.__module__.removeprefix('modaddlab.')}.{function.__qualname__}"
                raise LabError(f"{name} is for {_listed(needs)}; {study.record.run_id} is {kind(study)}")
            return function(study, *arguments, **options)

        vars(guarded)["needs"] = needs
        return guarded

    return decorate


def transformer(study: Study) -> TransformerSpec:
    """The network of a study that was let through as a `TRANSFORMER`."""
    return cast(TransformerSpec, study.spec.model)


def keys_of(study: Study, keys: Sequence[int] | None) -> list[int]:
    """The key frequencies that a measurement is asked to use; none: the network's own.

    Raises:
        LabError: one of them is not in 1..p//2.
    """
    chosen = [int(key) for key in (study.keys if keys is None else keys)]
    wrong = [key for key in chosen if not 1 <= key <= study.p // 2]
    if wrong:
        raise LabError(f"{wrong[0]} is no frequency of {study.record.run_id}: they are 1..{study.p // 2} for p = {study.p}")
    return chosen


def needs_of(function: Callable[..., object]) -> tuple[Need, ...] | None:
    """What a measurement asks of a network; None for a function that says nothing about it."""
    return vars(function).get("needs")


def with_random_weights(study: Study) -> Study:
    """The same network with random weights: the book's where that is of its size, otherwise what its seed draws."""
    model, ours = study.spec.model, Study.open(UNTRAINED)
    if (model, study.p) == (ours.spec.model, ours.p):
        return ours
    return Study.from_weights(model.init_params(study.p, study.spec.seed), model, study.p, name="random-weights")


def initial_or_random(study: Study) -> dict[str, Any]:
    """The weights that a network began with, arrays by name; where nobody knows these, random ones."""
    try:
        return study.initial
    except LabError:
        return with_random_weights(study).record.final


def kind(study: Study) -> str:
    """A network and its record in a phrase, as far as measurements ask for it."""
    spec, model = study.spec, study.spec.model
    task = f"{spec.task.operation} modulo {spec.task.p}, {spec.task.train_frac:.0%} of the pairs trained"
    record = f"weights={spec.record.weights}, {len(study.record.snapshot_steps)} snapshots, energies={spec.record.energies}"
    way = spec.optim.optimizer if spec.origin is None else "not trained here"
    return f"{model.phrase()} ({model.activation}, {way}; {task}; {record})"


def _listed(needs: tuple[Need, ...]) -> str:
    words = [need.words for need in needs]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
