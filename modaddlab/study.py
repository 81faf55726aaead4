"""A record together with what the analyses need of it: the one object that a chapter opens.

    study = Study.open("mainline")
    study.grid                      the network on every pair (a, b)
    study.keys                      its key frequencies
    Study.seeds("mainline-25k")     the studies of every seed of a run that has been trained
    Study.from_weights(...)         that of weights which were trained elsewhere
    study.report()                  its standard report
    study.figure("neurons")         one figure of it
    study.by_logarithm              of one that multiplies or divides: the same network as one that adds or subtracts logarithms

Everything is computed when it is first asked for, and kept. What is slow and follows from the record alone is computed once and
kept on disk (`Study.remember`; `modaddlab.findings` has such computations). The key frequencies are those that at least two
of the three published rules find (`modaddlab.analysis.keys`), taken from the final weights and applied to all snapshots.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from modaddlab import card, lazy, source, tasks, weights
from modaddlab.analysis import characters, keys, phases, progress
from modaddlab.errors import LabError
from modaddlab.experiments.spec import RunSpec
from modaddlab.models.grid import Grid, run_grid
from modaddlab.models.network import Network
from modaddlab.rows import contradictions
from modaddlab.store import derived
from modaddlab.store.named import open_record, trained_seeds
from modaddlab.store.record import Record
from modaddlab.store.store import Store


class Study:
    """A finished run of one network, ready for analysis.

    Args:
        record: the run.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.spec, self.p = record.spec, record.spec.task.p

    def __repr__(self) -> str:
        return card.line(self.record)

    def _repr_html_(self) -> str:
        return card.card(self.record, self.phases)

    @classmethod
    def open(
        cls,
        name: str | RunSpec,
        changes: Mapping[str, Any] | None = None,
        *,
        seed: int | None = None,
        p: int | None = None,
        data: str | os.PathLike[str] | None = None,
    ) -> Study:
        """The study of a run by its name, its id or its specification; see `open_record` for the arguments and errors."""
        return cls(open_record(name, changes, seed=seed, p=p, data=data))

    @classmethod
    def from_weights(
        cls,
        params: Mapping[str, np.ndarray],
        model: Network,
        p: int,
        *,
        operation: tasks.Operation = "add",
        train_mask_PP: np.ndarray | None = None,
        name: str = "weights",
        source: str = "weights",
        data: str | os.PathLike[str] | None = None,
    ) -> Study:
        """The study of weights that were trained elsewhere.

        Args:
            params: the weights by our names, any float type.
            model: the network, such as `modaddlab.KINDS["transformer"](d_mlp=256)`.
            p: the modulus.
            operation: what it was trained on.
            train_mask_PP: the pairs that it was trained on, (P, P) bool; none: not known, losses are over all pairs.
            name: of the record.
            source: where they come from, in a few words, as its report says it.
            data: the data folder that keeps it; none: it is gone when this process ends.

        Raises:
            LabError: the weights are not those of the network, or not finite.
        """
        task = tasks.TaskSpec(operation=operation, p=p, train_frac=1.0)
        if train_mask_PP is not None:
            task = tasks.with_mask(task, np.asarray(train_mask_PP, dtype=bool))
        store = Store(_folder_of_this_process() if data is None else data)
        return cls(weights.publish(store, name, model, task, params, told={"source": source}))

    @functools.cached_property
    def by_logarithm(self) -> Study:
        """The same network with each residue named by its logarithm, zero left out: one that adds modulo p - 1 where this one
        multiplies modulo p, or subtracts where it divides. All that is known of such networks can be asked of it.

        Its weights are those of this one in another order, so that it computes the same logits but that of zero, and it was
        trained on the same pairs but those with zero. The base of the logarithms is the smallest primitive root.

        Raises:
            LabError: it neither multiplies nor divides modulo an odd prime, or its record keeps too few weights.
        """
        task, model, p = self.spec.task, self.spec.model, self.p
        if task.of_logarithms is None:
            raise LabError(
                f"{self.record.run_id} has no logarithms: it must multiply or divide modulo an odd prime, found {task.operation} "
                f"modulo {p}"
            )
        residue_Q = characters.by_logarithm(p)
        within = tasks.TaskSpec(operation=task.of_logarithms, p=p - 1, train_frac=1.0)
        if task.n_train < task.n_pairs:
            within = tasks.with_mask(within, self.train_mask_PP[np.ix_(residue_Q, residue_Q)])
        began = {}
        with contextlib.suppress(LabError):  # the weights that it began with may be unknown
            began = {"initial": model.renamed(self.initial, residue_Q, p), "steps": self.spec.steps} if self.spec.steps else {}
        return Study(
            weights.publish(
                Store(_folder_of_this_process()),
                f"{self.spec.name[:47]}-by-logarithm",
                model,
                within,
                model.renamed(self.record.final, residue_Q, p),
                **began,
            )
        )

    @classmethod
    def seeds(cls, name: str, *, p: int | None = None, data: str | os.PathLike[str] | None = None) -> list[Study]:
        """The studies of every seed of a named run that has been trained, by seed; see `trained_seeds` for the arguments.

        Raises:
            LabError: the name is unknown, or a record is damaged.
        """
        return [cls.open(name, seed=seed, p=p, data=data) for seed in trained_seeds(name, p=p, data=data)]

    def report(self, against: str = "mainline") -> Any:
        """The standard report, which a notebook shows and `save(path)` writes (`modaddlab.reports`).

        Args:
            against: the run beside whose seeds every number stands.

        Raises:
            LabError: there is no such run, or a package of the extra `book` is missing.
        """
        return lazy.load_from("modaddlab.reports.report", "Report")(self, against=against)

    def figure(self, name: str) -> Any:
        """One figure of the standard report, drawn anew: a matplotlib Figure, which a notebook shows.

        Args:
            name: "training-curves", "embedding-spectrum", "embedding-circles", "neurons", "attention", "margin", ...; the error
                for a name that is none lists all.

        Raises:
            LabError: there is no figure of that name, or this network has none, with the reason.
        """
        return lazy.load_from("modaddlab.reports.measured", "figure")(self, name)

    def to_transformer_lens(self, file: str | os.PathLike[str]) -> dict[str, Any]:
        """Write the weights as TransformerLens's state dict; returns the arguments of its `HookedTransformerConfig`.

        Raises:
            LabError: TransformerLens has no such network, there is such a file already, or it cannot be written.
        """
        from modaddlab.write import write

        return write(self.record, file)

    @property
    def metrics(self) -> dict[str, np.ndarray]:
        """What was recorded while it trained; see `modaddlab.training.measures`."""
        return self.record.metrics

    def curve(self, name: str) -> np.ndarray:
        """One of the metrics, (T,), or (T, K) for energies.

        Raises:
            LabError: the record has none of that name.
        """
        if name not in self.metrics:
            raise LabError(f"{self.record.run_id} has no metric {name!r}; it has {', '.join(self.metrics)}")
        return self.metrics[name]

    @functools.cached_property
    def phases(self) -> phases.Phases:
        """When it memorized, generalized and cleaned up, from its recorded curves."""
        names = ("train_accuracy", "test_accuracy", "test_loss")
        curves = {f"{name}_T": self.metrics[name] for name in names}
        by_grokking = self.spec.grokked_for is not None
        return phases.find_phases(step_T=self.metrics["step"], **curves, ended_by_grokking=by_grokking)

    @functools.cached_property
    def initial(self) -> dict[str, np.ndarray]:
        """The weights that it began with, float32 by name: those of its seed where the record shows that it began with them,
        otherwise its snapshot of step 0.

        Raises:
            LabError: it has no such snapshot, and its first row of metrics is not that of its seed's weights.
        """
        drawn, kept = self.spec.model.init_params(self.p, self.spec.seed), None
        if 0 in self.record.snapshot_steps:
            kept = self.record.snapshot(0)
            dtype = self.spec.record.snapshot_dtype
            is_own = all(np.array_equal(drawn[name].astype(dtype), kept[name].astype(dtype)) for name in kept)
        elif self.spec.origin is not None:
            raise LabError(
                f"the initial weights of {self.record.run_id} are unknown: it was not trained here; where its step 0 is "
                "known, read it with python -m modaddlab.read FILE --initial FILE"
            )
        else:
            self._require_our_draw("initial weights")
            is_own = not contradictions(self.spec, self.metrics, 0, drawn)
        if is_own:
            return drawn
        if kept is None:
            raise LabError(
                f"the initial weights of {self.record.run_id} are unknown: it did not begin with those of seed {self.spec.seed} "
                "and keeps no snapshot of step 0; take a run with record.snapshots"
            )
        return kept

    @functools.cached_property
    def labels_PP(self) -> np.ndarray:
        """The right answers, (P, P) over (a, b).

        Raises:
            LabError: they are random, and the record is not of our training, so that they cannot be drawn again.
        """
        if self.spec.task.operation == "random":
            self._require_our_draw("labels")
        return tasks.labels(self.spec.task, self.spec.seed).reshape(self.p, self.p)

    @functools.cached_property
    def train_mask_PP(self) -> np.ndarray:
        """Which pairs it was trained on, (P, P) bool.

        Raises:
            LabError: the record is not of our training, so that its split cannot be drawn again.
        """
        if self.spec.origin is None:  # of another's network the specification names the pairs
            self._require_our_draw("split")
        return tasks.train_mask(self.spec.task, self.spec.seed)

    @functools.cached_property
    def test_mask_PP(self) -> np.ndarray:
        """The other pairs, as far as they have an answer, (P, P) bool; raises as `train_mask_PP`."""
        return tasks.asked(self.spec.task).reshape(self.p, self.p) & ~self.train_mask_PP

    @functools.cached_property
    def embedding_PD(self) -> np.ndarray:
        """What stands for each residue at the end, (P, D) float64: `Grid.W_E_PD`, of a record that keeps no more.

        Raises:
            LabError: the record keeps no final weights.
        """
        kept = self.record.kept
        if not kept:
            raise LabError(f"{self.record.run_id} keeps none of its final weights (record.weights=none)")
        return np.asarray(self.spec.model.maps(kept, self.p)["W_E"], dtype=np.float64)

    @functools.cached_property
    def grid(self) -> Any:
        """The final network on every pair: the `Grid` of its family."""
        return run_grid(self.record.final, self.spec.model, self.p)

    def snapshot_grid(self, step: int) -> Any:
        """The network at a snapshot's step on every pair; not kept, it is large."""
        return run_grid(self.record.snapshot(step), self.spec.model, self.p)

    @functools.cached_property
    def key_rules(self) -> keys.RuleComparison:
        """The key frequencies by each published rule."""
        return keys.compare_rules(self.grid.W_E_PD, self.grid.W_L_HC, self.grid.neurons_PPH)

    @functools.cached_property
    def keys(self) -> tuple[int, ...]:
        """The key frequencies: those that at least two of the three rules find, ascending."""
        return tuple(int(key) for key in self.remember(measure_keys)["keys"])

    @functools.cached_property
    def scores(self) -> progress.Scores:
        """Loss and accuracy of the final network on the training, the test and all pairs."""
        return progress.score(self.grid.logits_PPC, self.labels_PP, self.train_mask_PP, self.test_mask_PP)

    def progress_of(self, grid: Grid, keys: Sequence[int] | None = None) -> progress.ProgressMeasures:
        """The progress measures of one snapshot's grid, with the final network's key frequencies or others."""
        return progress.progress_measures(
            logits_PPC=grid.logits_PPC,
            W_E_PD=grid.W_E_PD,
            W_L_HC=grid.W_L_HC,
            params=grid.params,
            labels_PP=self.labels_PP,
            train_mask_PP=self.train_mask_PP,
            keys=self.keys if keys is None else keys,
        )

    def _require_our_draw(self, what: str) -> None:
        """Raise unless our training made the record, whose split and labels then follow from its seed."""
        if self.record.provenance.get("train_version") != self.spec.train_version:
            raise LabError(
                f"the {what} of {self.record.run_id} cannot be drawn again from its seed: its provenance.json does not say that "
                f"our training made it (train_version {self.spec.train_version}); use its weights and its recorded curves alone"
            )

    def remember(self, function: Callable[..., Mapping[str, np.ndarray]], **arguments: object) -> dict[str, np.ndarray]:
        """The arrays `function(self, **arguments)`, computed once for this record and kept on disk.

        Args:
            function: of a module of the package, so that a change of whatever it depends on is noticed (`modaddlab.closure`).
            arguments: values that JSON can hold.

        Returns:
            read-only arrays by name.

        Raises:
            TypeError: the function is of no module of the package, or an argument is no JSON.
        """
        module, name = function.__module__, function.__qualname__
        try:
            source.IMPORTED.digest(module, name)
        except LookupError:
            what = f"{name} must be a function of a module of modaddlab"
            raise TypeError(f"{what}: a change of what it depends on would go unnoticed") from None
        return derived.remember(
            self.record.digest,
            f"{module.removeprefix('modaddlab.')}.{name}",
            arguments,
            lambda: function(self, **arguments),
            version=lambda: source.IMPORTED.digest(module, name),
        )


def remember(function: Callable[..., Mapping[str, np.ndarray]], **arguments: object) -> dict[str, np.ndarray]:
    """The arrays `function(**arguments)`, which follow from no record, computed once and kept on disk; as `Study.remember`."""
    module, name = function.__module__, function.__qualname__
    return derived.remember(
        "",
        f"{module.removeprefix('modaddlab.')}.{name}",
        arguments,
        functools.partial(function, **arguments),
        version=functools.partial(source.IMPORTED.digest, module, name),
    )


@functools.cache
def _folder_of_this_process() -> str:
    folder = tempfile.TemporaryDirectory(prefix="modaddlab-")
    atexit.register(folder.cleanup)
    return folder.name


def measure_keys(study: Study) -> dict[str, np.ndarray]:
    """A study's key frequencies, (K,) int64."""
    return {"keys": np.array(study.key_rules.majority, dtype=np.int64)}
