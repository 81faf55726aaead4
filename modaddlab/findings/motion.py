"""How a network moves while it is trained: spectra, the embedding's plane, neurons, attention, one answer, all weights together.

Everything is measured at a record's snapshots. What needs the network on all pairs, or all weights of all snapshots, is computed
once per record and kept. Memorization ends here where the excluded loss turns, for from then on the network relies on its keys
(`modaddlab.findings.progress`). A network without keys is shown with the strongest frequency of its embedding in their place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from modaddlab.analysis import attention, spectra, trajectory
from modaddlab.analysis.fourier import energy_per_frequency, transform_1d
from modaddlab.analysis.neurons import EXPLAINED, fit_neurons
from modaddlab.findings import progress
from modaddlab.findings.networks import (
    ADDITION,
    ALL_WEIGHTS,
    EMBEDDING,
    ENERGIES,
    NO_LAYER_NORM,
    PATH,
    SNAPSHOTS,
    TEST_PAIRS,
    TRANSFORMER,
    for_networks,
    transformer,
)
from modaddlab.findings.progress import ProgressHistory
from modaddlab.findings.sweep import Columns
from modaddlab.findings.value import Group, Value, count, factor, number, pooled, share, steps, total, words
from modaddlab.models.grid import run_grid
from modaddlab.models.token_tables import pair_neurons, token_tables
from modaddlab.study import Study

UNSEEN = 4321
"""The place, among the test pairs, of the question in the film: one whose two numbers are neither small nor alike."""

Matrices = dict[int, np.ndarray]
"""A matrix at some steps."""


@dataclass(frozen=True, kw_only=True)
class Film(Group):
    """What the film shows of the network besides its curves."""

    key: Value
    """The key with the most energy in the embedding, whose circle is shown."""
    head: Value
    """The head whose attention follows one frequency best, and that frequency."""
    head_key: Value
    numbers: Value
    """How many numbers there are, p."""
    a: Value
    b: Value
    """A question that is not among the training questions."""
    story: dict[str, Any] = field(repr=False)
    """The film, as `figures.Story` takes it."""


@dataclass(frozen=True, kw_only=True)
class Floor(Group):
    """The energy in a matrix at the end, over that at the start of the cleanup."""

    keys: Value
    """Of all keys together."""
    others: Value
    """The median of all other frequencies."""


@dataclass(frozen=True, kw_only=True)
class Stripes(Group):
    """The waves in the dimensions of the embedding."""

    share: Value
    """What its strongest key holds of a dimension's energy, the mean; the null is that of the start."""
    embedding: tuple[Matrices, Matrices] = field(repr=False)
    """At four snapshots, the dimensions in the order of their final waves; and the Fourier transforms of these."""
    unembedding: tuple[Matrices, Matrices] = field(repr=False)
    """The same of the unembedding, turned so that answers run down."""


@dataclass(frozen=True, kw_only=True)
class Ring(Group):
    """The final embedding along the two axes in which it spreads most."""

    first: Value
    """The strongest frequency of the first axis, and what it holds of the axis."""
    first_purity: Value
    second: Value
    second_purity: Value
    purity: Value
    """The mean of the two."""
    held: Value
    """The share of the variance that both hold; the null, where it is measured, is that of the start along its own two axes."""
    axes: trajectory.PrincipalAxes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Choice(Group):
    """When the neurons that end in a key's cluster chose their frequency: how many have it as their strongest one already."""

    neurons: Value
    at_start: Value
    """The null is a choice among all frequencies."""
    at_turn: Value
    """At the end of memorization; the null is a choice among the keys."""
    at_cleanup: Value
    """At the start of the cleanup."""
    none_until: Value
    """The last snapshot at which no cluster has a neuron."""
    followers_TK: np.ndarray = field(repr=False)
    """How many neurons are in the cluster of each key at each snapshot."""


@dataclass(frozen=True, kw_only=True)
class Way(Group):
    """The path of all weights together; a null is that of a random walk with steps of the same lengths."""

    two_axes: Value
    """The share of the path that two axes hold."""
    equal_steps: Value
    """The same of a random walk with steps of one length."""
    moved: Value
    """How far it is from the start at the end."""
    farthest: Value
    farthest_in: Value
    """The largest distance from the start, and the phase."""
    drawn: tuple[np.ndarray, ...] = field(repr=False)
    """Both in the plane, as `figures.weight_path` takes them."""


@dataclass(frozen=True, kw_only=True)
class Motion:
    """One network in motion."""

    film: Film
    cleanup: Value
    """The snapshot at which the cleanup starts."""
    embedding: Floor
    neuron_logit_map: Floor
    stripes: Stripes
    ring: Ring
    choice: Choice
    way: Way
    keys: tuple[int, ...] = field(repr=False)
    n_neurons: int = field(repr=False)
    step_T: np.ndarray = field(repr=False)
    n_shown: int = field(repr=False)
    """So many snapshots are in the figures of the making."""
    spans: list[tuple[str, float, float]] = field(repr=False)
    """The phases, as figures mark them."""
    six: list[int] = field(repr=False)
    """Six snapshots on the way."""
    strip: Matrices = field(repr=False)
    """The embedding's spectrum at these."""
    energies: dict[str, np.ndarray] = field(repr=False)
    """The energy of every frequency in the two matrices, as far as it is shown."""
    points: Matrices = field(repr=False)
    """The residues along the final two axes, at four snapshots."""
    place_P: np.ndarray = field(repr=False)
    """Where on the circle of the first axis's frequency each residue belongs."""
    shares: dict[str, np.ndarray] = field(repr=False)
    """What the final axes, and each snapshot's own, hold of the embedding's variance, as far as it is shown."""
    ahead: float
    """The weakest key over the median of the others, the lesser of both matrices, with less than 5 % of the test pairs right."""
    columns: dict[str, Columns] = field(repr=False)
    """What the figures are drawn from."""

    @property
    def shown_T(self) -> np.ndarray:
        """The steps of the making."""
        return self.step_T[: self.n_shown]


@dataclass(frozen=True, kw_only=True)
class Family:
    """The mainline in motion, and its ring over the seeds."""

    mainline: Motion
    seeds: Ring
    n_seeds: Value


def measure() -> Family:
    """The book's."""
    mainline = Study.open("mainline")
    rings = [ring(study) for study in (mainline, *Study.seeds("mainline-25k"))]
    return Family(mainline=of(mainline, until=progress.SHOWN), seeds=pooled(rings), n_seeds=count(len(rings)))


@for_networks(EMBEDDING)
def ring(study: Study) -> Ring:
    """The final embedding along its first two axes."""
    table_PD = study.embedding_PD
    axes = trajectory.principal_axes(table_PD)
    energies = [energy_per_frequency(table_PD @ axis_D) for axis_D in axes.axes_ND]
    purities = [float(energy_K.max() / energy_K.sum()) for energy_K in energies]
    first, second = (int(energy_K.argmax()) + 1 for energy_K in energies)
    return Ring(
        first=total(first),
        first_purity=share(purities[0]),
        second=total(second),
        second_purity=share(purities[1]),
        purity=share(float(np.mean(purities))),
        held=share(axes.share_N.sum()),
        axes=axes,
    )


@for_networks(TRANSFORMER, NO_LAYER_NORM, ADDITION, ALL_WEIGHTS, PATH, ENERGIES, TEST_PAIRS)
def of(study: Study, until: float | None = None) -> Motion:
    """A network in motion.

    Args:
        study: the network.
        until: the last step in the figures of the making; by default the last one.
    """
    quiet, history = progress.of(study), progress.history(study)
    step_T, last = history.step_T, float(history.step_T[-1])
    until = last if until is None else until
    energies = {name: history.curve(f"energy_{name}_K") for name in ("W_E", "W_L")}
    keys = study.keys or (int(energies["W_E"][-1].argmax()) + 1,)
    moments = (quiet.turn.value, quiet.curves.cleanup_start.value, quiet.curves.cleanup_end.value)
    turn, start, end = (last if np.isnan(moment) else moment for moment in moments)

    def nearest(step: float) -> int:
        return int(np.abs(step_T - step).argmin())

    six = [nearest(step) for step in (0, turn, (turn + start) / 2, start, (start + end) / 2, until)]
    four, n_shown = [six[0], six[2], six[3], len(step_T) - 1], int(np.sum(step_T <= until))
    W_E_TPD = _weights(study, "embed.W_E")[:, : study.p]
    W_U_TPD = _weights(study, "unembed.W_U")[:, :, : study.p].transpose(0, 2, 1)
    first_PD = np.asarray(study.initial["embed.W_E"], np.float64)[: study.p]
    activity, plane = study.remember(measure_activity), ring(study)
    stripes = Stripes(
        share=share(_striped(W_E_TPD[-1], keys), null=_striped(first_PD, keys)),
        embedding=_matrices(W_E_TPD, step_T, four, keys),
        unembedding=_matrices(W_U_TPD, step_T, four, keys),
    )
    choice = _choice(activity, keys, study.p, step_T, [0, nearest(turn), nearest(start)])
    shares = {
        "final axes": np.array([plane.axes.share_of(W_E_PD) for W_E_PD in W_E_TPD]),
        "own axes": np.array([trajectory.principal_axes(W_E_PD).share_N.sum() for W_E_PD in W_E_TPD]),
    }
    way, path_columns = _way(study, [*quiet.spans, ("the time after it", end, last)])
    film = _film(study, history, activity["attention_TnP"], W_E_TPD, quiet.spans)
    norm_TK, shown = np.sqrt(energies["W_E"]), slice(n_shown)
    return Motion(
        film=film,
        cleanup=steps(step_T[nearest(start)]),
        embedding=_floor(energies["W_E"], keys, nearest(start)),
        neuron_logit_map=_floor(energies["W_L"], keys, nearest(start)),
        stripes=stripes,
        ring=replace(plane, held=share(plane.held.value, null=trajectory.principal_axes(first_PD).share_N.sum())),
        choice=choice,
        way=way,
        keys=keys,
        n_neurons=transformer(study).d_mlp,
        step_T=step_T,
        n_shown=n_shown,
        spans=quiet.spans,
        six=six,
        strip={int(step_T[i]): spectra.spectrum(W_E_TPD[i]).norms_P for i in six},
        energies={name: energy_TK[shown] for name, energy_TK in energies.items()},
        points={int(step_T[i]): plane.axes.coordinates(W_E_TPD[i]) for i in four},
        place_P=np.arange(study.p) * plane.first.value % study.p,
        shares={name: share_T[shown] for name, share_T in shares.items()},
        ahead=min(_ahead(energy_TK, keys, history.curve("test_accuracy", of="scores")) for energy_TK in energies.values()),
        columns={
            "film": _film_columns(film.story, study.p),
            "strip": {"frequency": np.arange(1, norm_TK.shape[1] + 1), **{f"step {step_T[i]}": norm_TK[i] for i in six}},
            "energies": {"step": step_T} | _energy_columns(energies, keys),
            "map": {"step": step_T[shown]} | {f"k={k}": np.round(e_T, 4) for k, e_T in enumerate(energies["W_L"][shown].T, 1)},
            "embedding": _stripe_columns(stripes.embedding[0]),
            "unembedding": _stripe_columns(stripes.unembedding[0]),
            "plane": {"step": step_T, **shares},
            "choice": {"step": step_T, **{f"k={key}": n_T for key, n_T in zip(keys, choice.followers_TK.T, strict=True)}},
            "path": {"step": step_T, **path_columns},
        },
    )


def _film(
    study: Study, history: ProgressHistory, attention_TnP: np.ndarray, W_E_TPD: np.ndarray, spans: list[tuple[str, float, float]]
) -> Film:
    energy_TK, curve = history.curve("energy_W_E_K"), history.curve
    key = max(study.keys or range(1, energy_TK.shape[1] + 1), key=lambda k: energy_TK[-1, k - 1])
    fits = attention.head_fits(study.grid.pattern_PPn3)
    head = max(range(len(fits)), key=lambda n: fits[n].fve)
    unseen = np.argwhere(~study.train_mask_PP)
    a, b = map(int, unseen[UNSEEN % len(unseen)])
    story = {
        "step_T": history.step_T,
        "losses": {
            "train": curve("train_loss", of="scores"),
            "test": curve("test_loss", of="scores"),
            "restricted": curve("all_loss", of="restricted"),
            "excluded": curve("excluded_loss"),
        },
        "accuracies": {part: curve(f"{part}_accuracy", of="scores") for part in ("train", "test")},
        "norm_TK": np.sqrt(energy_TK),
        "keys": study.keys or (key,),
        "key": key,
        "point_TP2": W_E_TPD @ spectra.circle_directions(W_E_TPD[-1], key).T,
        "head": head,
        "head_key": fits[head].frequency,
        "attention_TP": attention_TnP[:, head],
        "pair": (a, b),
        "logits_TC": _answers(study, a, b),
        "phases": spans,
    }
    numbers = {"key": key, "head": head, "head_key": fits[head].frequency, "numbers": study.p, "a": a, "b": b}
    return Film(**{name: total(value) for name, value in numbers.items()}, story=story)


def _film_columns(story: Mapping[str, Any], p: int) -> Columns:
    logits_TC = story["logits_TC"]
    terms_TC = np.exp(logits_TC - logits_TC.max(axis=1, keepdims=True))
    return {
        "step": story["step_T"],
        **{f"{name} loss": curve_T for name, curve_T in story["losses"].items()},
        **{f"{name} accuracy": curve_T for name, curve_T in story["accuracies"].items()},
        **{f"norm {key}": story["norm_TK"][:, key - 1] for key in story["keys"]},
        "probability of the right answer": terms_TC[:, sum(story["pair"]) % p] / terms_TC.sum(axis=1),
    }


def _floor(energy_TK: np.ndarray, keys: Sequence[int], start: int) -> Floor:
    of_keys_TK, of_others_TK = _divided(energy_TK, keys)
    medians = np.median(of_others_TK, axis=1)
    return Floor(keys=factor(of_keys_TK[-1].sum() / of_keys_TK[start].sum()), others=number(float(medians[-1] / medians[start])))


def _ahead(energy_TK: np.ndarray, keys: Sequence[int], accuracy_T: np.ndarray) -> float:
    before_T = np.flatnonzero(accuracy_T < 0.05)
    of_keys_TK, of_others_TK = _divided(energy_TK, keys)
    row = before_T[-1] if len(before_T) else 0
    return float(of_keys_TK[row].min() / np.median(of_others_TK[row]))


def _divided(energy_TK: np.ndarray, keys: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The columns of the keys, and those of all other frequencies."""
    rows = np.array(keys) - 1
    return energy_TK[:, rows], np.delete(energy_TK, rows, axis=1)


def _energy_columns(energies: Mapping[str, np.ndarray], keys: Sequence[int]) -> dict[str, np.ndarray]:
    found = {}
    for name, energy_TK in energies.items():
        of_keys_TK, of_others_TK = _divided(energy_TK, keys)
        found |= {f"{name} k={key}": energy_T for key, energy_T in zip(keys, of_keys_TK.T, strict=True)}
        found[f"{name} median of the others"] = np.median(of_others_TK, axis=1)
    return found


def _striped(x_PD: np.ndarray, keys: Sequence[int]) -> float:
    return float(trajectory.wave_order(x_PD, keys).share_D.mean())


def _matrices(x_TPD: np.ndarray, step_T: np.ndarray, rows: Sequence[int], keys: Sequence[int]) -> tuple[Matrices, Matrices]:
    order_D = trajectory.wave_order(x_TPD[-1], keys).order_D
    natural = {int(step_T[i]): x_TPD[i][:, order_D] for i in rows}
    return natural, {step: transform_1d(x_PD) for step, x_PD in natural.items()}


def _stripe_columns(matrices: Matrices) -> Columns:
    """Matrices of residues by columns, one below the other."""
    p = len(next(iter(matrices.values())))
    rows = np.round(np.concatenate(list(matrices.values())), 4)
    at = {"step": np.repeat(list(matrices), p), "residue": np.tile(np.arange(p), len(matrices))}
    return at | {f"column {n}": column for n, column in enumerate(rows.T)}


def _choice(
    activity: Mapping[str, np.ndarray], keys: Sequence[int], p: int, step_T: np.ndarray, moments: Sequence[int]
) -> Choice:
    frequency_TH = activity["frequency_TH"]
    in_cluster_TH = activity["fve_TH"] > EXPLAINED
    followers_TK = np.stack([np.sum(in_cluster_TH & (frequency_TH == key), axis=1) for key in keys], axis=1)
    pure_H = in_cluster_TH[-1] & np.isin(frequency_TH[-1], keys)
    same_TH = frequency_TH[:, pure_H] == frequency_TH[-1, pure_H]
    at_start, at_turn, at_cleanup = (float(same_TH[i].mean()) if pure_H.any() else np.nan for i in moments)
    some_T = np.flatnonzero(followers_TK.sum(axis=1))
    return Choice(
        neurons=total(pure_H.sum()),
        at_start=share(at_start, null=1 / (p // 2)),
        at_turn=share(at_turn, null=1 / len(keys)),
        at_cleanup=share(at_cleanup),
        none_until=steps(int(step_T[some_T[0] - 1]) if len(some_T) and some_T[0] else None),
        followers_TK=followers_TK,
    )


def _way(study: Study, spans: Sequence[tuple[str, float, float]]) -> tuple[Way, Columns]:
    path = trajectory.Path(**study.remember(measure_path))
    walk, equal = trajectory.random_walk(path.length_S), trajectory.random_walk(np.ones(len(path.length_S)))
    far = study.record.snapshot_steps[path.from_start_T.argmax()]
    way = Way(
        two_axes=share(path.share_N[:2].sum(), null=walk.share_N[:2].sum()),
        equal_steps=share(equal.share_N[:2].sum()),
        moved=number(path.from_start_T[-1], null=walk.from_start_T[-1]),
        farthest=number(path.from_start_T.max()),
        farthest_in=words(next((name for name, first, last in spans if first <= far <= last), "training")),
        drawn=(path.point_TN[:, :2], path.share_N[:2], walk.point_TN[:, :2], walk.share_N[:2]),
    )
    both = {"network": path, "walk": walk}
    return way, {f"{name} {n + 1}": one.point_TN[:, n] for name, one in both.items() for n in range(3)}


@for_networks(PATH)
def measure_path(study: Study) -> dict[str, np.ndarray]:
    """The fields of a `Path` of all weights together; half a second for the mainline."""
    snapshots = [study.record.snapshot(int(step)) for step in study.record.snapshot_steps]
    weights_TW = np.stack([np.concatenate([snapshot[name].ravel() for name in sorted(snapshot)]) for snapshot in snapshots])
    return dict(vars(trajectory.path(weights_TW)))


@for_networks(TRANSFORMER, SNAPSHOTS)
def measure_activity(study: Study) -> dict[str, np.ndarray]:
    """What neurons and heads follow, at each snapshot; a quarter of a second a snapshot for the mainline.

    Returns:
        frequency_TH, the frequency that explains most of each neuron (0 for a constant one); fve_TH, the share of its variance
        that a polynomial of degree 2 in it explains; attention_TnP, each head's attention from "=" to a, averaged over b.
    """
    model = transformer(study)
    found: dict[str, list[np.ndarray]] = {"frequency_TH": [], "fve_TH": [], "attention_TnP": []}
    for step in study.record.snapshot_steps:
        params = _parameters(study, int(step))
        fits = fit_neurons(pair_neurons(params, model, study.p))
        found["frequency_TH"].append(fits.frequency_H.astype(np.int16))
        found["fve_TH"].append(fits.fve_H.astype(np.float32))
        found["attention_TnP"].append(_pattern(study, params)[..., 0].mean(axis=1).T.astype(np.float32))
    return {name: np.stack(rows) for name, rows in found.items()}


def _answers(study: Study, a: int, b: int) -> np.ndarray:
    """The logits of one pair at every snapshot, (T, P) float64."""
    model, pairs_12 = study.spec.model, np.array([[a, b]])
    parameters = (_parameters(study, int(step)) for step in study.record.snapshot_steps)
    return np.stack([np.asarray(model.logits(params, pairs_12, study.p))[0, : study.p] for params in parameters])


def _weights(study: Study, name: str) -> np.ndarray:
    """One parameter at every snapshot, (T, ...) float64."""
    return np.stack([_parameters(study, int(step))[name] for step in study.record.snapshot_steps])


def _parameters(study: Study, step: int) -> dict[str, np.ndarray]:
    return {name: np.asarray(value, np.float64) for name, value in study.record.snapshot(step).items()}


def _pattern(study: Study, params: Mapping[str, np.ndarray]) -> np.ndarray:
    """Attention from "=" on every pair, (P, P, n, 3)."""
    model, p = transformer(study), study.p
    if model.n_layers != 1 or model.layer_norm:
        return run_grid(params, model, p).pattern_PPn3
    return token_tables(params, model, p).pattern(np.arange(p)[:, None], np.arange(p))
