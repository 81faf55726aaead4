"""Ablations: what the network still does when a part of it is removed, kept alone, or replaced, beside random controls.

`Ablations` holds a network and how it is scored; each of its methods makes the rows of one table, and each row has a control of
the same size (see `modaddlab.analysis.controls`).

    frequencies       at the logits, or in the neurons' part of the logits: each key frequency removed, all of them removed, only
                      they kept; control: as many frequencies that are not keys
    embedding         the same in the embedding W_E, and the network run again; its strongest frequencies removed
    neurons           replaced by their polynomials, or removed; control: as many neurons of any kind
    directions        the neurons projected on the directions u_k, v_k in which W_L reads them, or on what is orthogonal to these;
                      control: as many random directions
    paths             the skip connection past the MLP, each head, all heads, the MLP; control: a part of the same size at every
                      pair, turned by one random rotation of the residual stream

The neurons' part of the logits is neurons W_L. It is linear in the neurons, so a projection of every neuron along (a, b) is
the same projection of that part, and removing neurons leaves out their rows of W_L: nothing here runs the network again, except
where the embedding or a head changes. Removed neurons and paths are either set to zero or to their mean over all pairs: zero also
takes a constant away, which is not information about (a, b).

After Nanda et al. 2023, section 4.4, as reported: one key, all keys, the components kept alone, polynomials for neurons, the
directions of W_L, the skip connection, the heads. The random controls were not part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from modaddlab.analysis.controls import Ablation, Control, Table
from modaddlab.analysis.fourier import (
    Terms,
    energy_per_frequency,
    fourier_basis,
    inverse_1d,
    inverse_2d,
    project,
    rows_of,
    transform_1d,
)
from modaddlab.analysis.neurons import clusters, explained_neurons, fit_neurons, frequency_blocks
from modaddlab.analysis.progress import Scores, score
from modaddlab.models.transformer import TransformerGrid

Baseline = Literal["zero", "mean"]

FrequencyAblation = Callable[[Sequence[int]], np.ndarray]
"""From frequencies to the logits that are left."""

TOP_FREQUENCIES_DROP = 0.30
"""The fall in accuracy that counts as a sign of the algorithm when the strongest frequencies of W_E are removed."""

ROWS = 5
"""Residues a whose pairs are computed at once; their activations fit a processor's cache."""


@dataclass(frozen=True, kw_only=True)
class Ablations:
    """A network to be taken apart; each method makes the rows of one table.

    Attributes:
        grid: the network on every pair; what takes time is computed in its precision.
        labels_PP: right answers, (P, P).
        train_mask_PP: which pairs are trained on, (P, P) bool.
        keys: key frequencies in 1..p//2.
        n_draws: random choices for each control; 0 for none.
        seed: of the random choices, which are the same in every call of a method.

    Raises:
        ValueError: n_draws is negative, or a frequency is not in 1..p//2.
    """

    grid: TransformerGrid = field(repr=False)
    labels_PP: np.ndarray = field(repr=False)
    train_mask_PP: np.ndarray = field(repr=False)
    keys: Sequence[int]
    n_draws: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", tuple(sorted(set(self.keys))))
        for key in self.keys:
            rows_of(self.grid.p, key)
        if self.n_draws < 0:
            raise ValueError(f"n_draws (={self.n_draws}) must be 0, for no control, or more")

    def full(self) -> Scores:
        """The scores of the network as it is."""
        return score(self.grid.logits_PPC, self.labels_PP, self.train_mask_PP)

    def frequencies(self, at: Literal["logits", "neurons"] = "logits", terms: Terms = "sum") -> tuple[Ablation, ...]:
        """Key frequencies removed from functions of (a, b), or kept alone.

        Args:
            at: project the logits, or every neuron's activation and with it the neurons' part of the logits.
            terms: which components of a frequency go or stay (see `fourier.Terms`). "sum" removed at the logits are the
                excluded losses and kept alone the restricted loss; "polynomial" kept alone leaves the 8 components a key of the
                published "113^2 - 40 non-key components ablated". The constant always stays.

        Returns:
            a row per key (kind "removed"), then "all removed" and "only kept". Controls: as many other frequencies below p/2.

        Raises:
            ValueError: `at` or `terms` is another word, or the neurons' part of a network with LayerNorm is asked for.
        """
        if at not in ("logits", "neurons"):
            raise ValueError(f"at (={at!r}) must be 'logits' or 'neurons'")
        if at == "neurons":
            self._require_sum_over_neurons()
        logits_PPC = self.grid.logits_PPC
        part_PPC = logits_PPC if at == "logits" else self.grid.neurons_PPH @ self.grid.W_L_HC
        flat_PPC = logits_PPC - (part_PPC - part_PPC.mean(axis=(0, 1), dtype=np.float64))
        return self._frequency_rows(
            lambda frequencies: logits_PPC - project(part_PPC, frequencies, terms),
            lambda frequencies: flat_PPC + project(part_PPC, frequencies, terms),
        )

    def embedding(self) -> tuple[Ablation, ...]:
        """Key frequencies removed from the embedding, or kept alone, and the network run again; rows as in `frequencies`."""
        return self._frequency_rows(
            lambda frequencies: self._with_embedding(frequencies, keep=False),
            lambda frequencies: self._with_embedding(frequencies, keep=True),
        )

    def top_frequencies(self, n_top: int = 5) -> Ablation:
        """The strongest frequencies of W_E removed from it, whatever the logits use: a criterion of success without any key.

        Args:
            n_top: how many frequencies count as strongest. Control: as many of the weaker ones.
        """
        table = self._table()
        order = np.argsort(-energy_per_frequency(self.grid.W_E_PD), kind="stable") + 1
        top = sorted(int(k) for k in order[:n_top])

        def removed(frequencies: Sequence[int]) -> np.ndarray:
            return self._with_embedding(frequencies, keep=False)

        label = f"the {len(top)} strongest frequencies of W_E removed"
        table.add(label, "top removed", None, removed(top), self._others(table, top, removed, len(top)))
        return table.rows[0]

    def neurons(self, threshold: float = 0.85) -> tuple[Ablation, ...]:
        """Neurons of the last layer replaced by their polynomials, or removed.

        Args:
            threshold: the FVE above which a neuron counts as explained; 0.85 in Nanda et al. 2023.

        Returns:
            "polynomials": the explained neurons replaced by their polynomials; control: the same neurons, each by its polynomial
            in a random other frequency. Then, set to their mean over all pairs, "explained removed", "unexplained removed" and
            per key "cluster removed", and after the first "explained zeroed", the same set to zero; controls: as many neurons
            chosen at random among all.

        Raises:
            ValueError: the network has a LayerNorm before the unembedding.
        """
        self._require_sum_over_neurons()
        grid, table = self.grid, self._table()
        p, n_neurons = grid.p, grid.neurons_PPH.shape[2]
        fits = fit_neurons(grid.neurons_PPH, self.keys)
        explained = explained_neurons(fits, threshold)
        blocks_K33H, _ = frequency_blocks(grid.neurons_PPH)
        mean_H = grid.neurons_PPH.mean(axis=(0, 1), dtype=np.float64)

        direct_PPC = grid.logits_PPC - grid.neurons_PPH @ grid.W_L_HC

        def without(neurons: np.ndarray) -> np.ndarray:
            W_L_HC = grid.W_L_HC.copy()
            W_L_HC[neurons] = 0
            return direct_PPC + grid.neurons_PPH @ W_L_HC

        def at_mean(neurons: np.ndarray) -> np.ndarray:
            return (mean_H[neurons] @ grid.W_L_HC[neurons]).astype(grid.W_L_HC.dtype)

        def add_removed(label: str, neurons: np.ndarray, key: int | None, *kinds: str) -> None:
            """A row for neurons at their mean and, where there are two kinds, one for the same at zero."""
            n_draws = self.n_draws if 0 < len(neurons) < n_neurons else 0  # none or all of them leave nothing to chance
            chosen = [neurons, *(table.choice(n_neurons, len(neurons)) for _ in range(n_draws))]
            left = [(without(some), at_mean(some)) for some in chosen]
            for kind, constant in zip(kinds, (1, 0), strict=False):
                own, *random = (table.score(zeroed_PPC + constant * mean_C) for zeroed_PPC, mean_C in left)
                table.rows.append(Ablation(label, kind, key, own, Control(tuple(random)) if random else None))

        emptied_PPC = without(explained) + at_mean(explained)

        def polynomials(frequency_N: np.ndarray) -> np.ndarray:
            return emptied_PPC + _polynomial_logits(blocks_K33H, grid.W_L_HC, explained, frequency_N, p)

        def other_frequencies() -> np.ndarray:
            # uniform among all frequencies but the neuron's own
            shift_N = table.generator.integers(1, p // 2, size=len(explained))
            return (fits.frequency_H[explained] - 1 + shift_N) % (p // 2) + 1

        table.add(
            f"{len(explained)} explained neurons by their polynomials",
            "polynomials",
            None,
            polynomials(fits.frequency_H[explained]),
            table.control(lambda: polynomials(other_frequencies())) if len(explained) and p // 2 > 1 else None,
        )
        rest = np.setdiff1d(np.arange(n_neurons), explained)
        add_removed(f"{len(explained)} explained neurons removed", explained, None, "explained removed", "explained zeroed")
        add_removed(f"{len(rest)} unexplained neurons removed", rest, None, "unexplained removed")
        for cluster in clusters(fits, threshold)[:-1]:
            label = f"{len(cluster.neurons)} neurons of frequency {cluster.frequency} removed"
            add_removed(label, cluster.neurons, cluster.frequency, "cluster removed")
        return tuple(table.rows)

    def directions(self) -> tuple[Ablation, ...]:
        """The neurons projected on the directions u_k and v_k in which W_L reads the key frequencies, or off them.

        Returns:
            "only kept": the neurons on the 2K directions; "all removed": on what is orthogonal to them; per key "removed":
            without its two; controls: as many random orthonormal directions. "only waves": on the directions, and there only
            the terms cos and sin of omega_k (a+b) of the keys; control: those of as many other frequencies. What the residual
            stream adds past the MLP, and b_out, stay.

        Raises:
            ValueError: the network has a LayerNorm.
        """
        self._require_sum_over_neurons()
        grid, table, keys = self.grid, self._table(), self.keys
        p, n_neurons = grid.p, grid.neurons_PPH.shape[2]
        directions = {key: _orthonormal(fourier_basis(p)[rows_of(p, key)] @ grid.W_L_HC.T) for key in keys}
        span_RH = _orthonormal(np.concatenate([np.empty((0, n_neurons)), *directions.values()]))
        direct_PPC = grid.logits_PPC - grid.neurons_PPH @ grid.W_L_HC

        def along(span_RH: np.ndarray) -> np.ndarray:
            """The part of the logits that neurons on these directions add."""
            span_RH = span_RH.astype(grid.neurons_PPH.dtype)
            return (grid.neurons_PPH @ span_RH.T) @ (span_RH @ grid.W_L_HC)

        def random(size: int) -> np.ndarray:
            return _orthonormal(table.generator.standard_normal((size, n_neurons)))

        def kept(span_RH: np.ndarray) -> np.ndarray:
            return direct_PPC + along(span_RH)

        def removed(span_RH: np.ndarray) -> np.ndarray:
            return grid.logits_PPC - along(span_RH)

        size = len(span_RH)
        label = f"neurons on the {size} directions of W_L"
        table.add(label, "only kept", None, kept(span_RH), table.control(lambda: kept(random(size))))
        on_PPC = along(span_RH)

        def waves(frequencies: Sequence[int]) -> np.ndarray:
            return direct_PPC + on_PPC.mean(axis=(0, 1), dtype=np.float64) + project(on_PPC, frequencies, "sum")

        label = "of these, only waves in a + b of the keys"
        table.add(label, "only waves", None, waves(keys), self._others(table, keys, waves, len(keys)))
        label = f"neurons orthogonal to the {size} directions"
        table.add(label, "all removed", None, removed(span_RH), table.control(lambda: removed(random(size))))
        sizes = sorted({len(span_RH) for span_RH in directions.values()})
        singles = {size: table.control(lambda size=size: removed(random(size))) for size in sizes}
        for key, span_RH in directions.items():
            label = f"without the directions of frequency {key}"
            table.add(label, "removed", key, removed(span_RH), singles[len(span_RH)])
        return tuple(table.rows)

    def paths(self, baseline: Baseline = "zero") -> tuple[Ablation, ...]:
        """Paths through the last layer cut: past the MLP, through each head, all heads, or the MLP.

        Args:
            baseline: what the path then carries: zero, or its mean over all pairs.

        Returns:
            rows of the kinds "skip" (the residual stream into the unembedding past the MLP, which still reads it), "head" for
            each head, "heads" for all together, and "mlp" (its output with b_out). Control: what the cut takes away is
            turned by a random rotation of the residual stream first, so that at every pair as much is taken away in
            a direction that means nothing.

        Raises:
            ValueError: the network has a LayerNorm.
        """
        self._require_sum_over_neurons()
        grid, table = self.grid, self._table()
        n_heads, d_model = grid.heads_PPnD.shape[2:]
        block = f"blocks.{grid.model.n_layers - 1}.mlp"
        mlp_PPD = grid.neurons_PPH @ grid.params[f"{block}.W_out"]
        if grid.model.mlp_biases:
            mlp_PPD = mlp_PPD + grid.params[f"{block}.b_out"]

        def past_the_neurons(lost_RPD: np.ndarray, rows: slice) -> np.ndarray:
            return grid.logits_PPC[rows] - lost_RPD @ grid.W_U_DC

        def before_the_neurons(lost_RPD: np.ndarray, rows: slice) -> np.ndarray:
            resid_mid_RPD = grid.resid_mid_PPD[rows] - lost_RPD
            return grid.logits_from(grid.neurons_from(resid_mid_RPD), resid_mid_RPD)

        def add(label: str, kind: str, part_PPD: np.ndarray, cut: Callable[[np.ndarray, slice], np.ndarray]) -> None:
            lost_PPD = part_PPD - part_PPD.mean(axis=(0, 1), dtype=np.float64) if baseline == "mean" else part_PPD

            def turned() -> np.ndarray:
                rotation_DD = _orthonormal(table.generator.standard_normal((d_model, d_model))).astype(lost_PPD.dtype)
                return _by_rows(grid.p, lambda rows: cut(lost_PPD[rows] @ rotation_DD, rows))

            control = table.control(turned)
            table.add(label, kind, None, _by_rows(grid.p, lambda rows: cut(lost_PPD[rows], rows)), control)

        add("skip connection past the MLP cut", "skip", grid.resid_mid_PPD, past_the_neurons)
        for head in range(n_heads):
            add(f"head {head} cut", "head", grid.heads_PPnD[:, :, head], before_the_neurons)
        add("all heads cut", "heads", grid.heads_PPnD.sum(axis=2), before_the_neurons)
        add("MLP cut", "mlp", mlp_PPD, past_the_neurons)
        return tuple(table.rows)

    def _table(self) -> Table:
        return Table(self.labels_PP, self.train_mask_PP, self.n_draws, self.seed)

    def _require_sum_over_neurons(self) -> None:
        if self.grid.model.layer_norm:
            raise ValueError("with LayerNorm the logits are not a sum over neurons and residual stream; ablate at the logits")

    def _others(self, table: Table, chosen: Sequence[int], ablate: FrequencyAblation, size: int) -> Control | None:
        """Random other frequencies; p/2 has half the components of the others and is none of them."""
        pool = [k for k in range(1, (self.grid.p - 1) // 2 + 1) if k not in chosen]
        return table.control(lambda: ablate(table.choice(pool, size).tolist())) if size <= len(pool) else None

    def _frequency_rows(self, removed: FrequencyAblation, kept: FrequencyAblation) -> tuple[Ablation, ...]:
        """Each key removed, all removed, only they kept."""
        table, keys = self._table(), self.keys

        def others(ablate: FrequencyAblation, size: int) -> Control | None:
            return self._others(table, keys, ablate, size)

        single = others(removed, 1) if keys else None
        for key in keys:
            table.add(f"frequency {key} removed", "removed", key, removed([key]), single)
        table.add("all key frequencies removed", "all removed", None, removed(keys), others(removed, len(keys)))
        table.add("only the key frequencies kept", "only kept", None, kept(keys), others(kept, len(keys)))
        return tuple(table.rows)

    def _with_embedding(self, frequencies: Sequence[int], keep: bool) -> np.ndarray:
        """The logits after the frequencies of W_E were removed, or all others; its constant and the row of "=" stay."""
        components_PD = transform_1d(self.grid.W_E_PD)
        chosen_P = np.zeros(self.grid.p, dtype=bool)
        chosen_P[[row for frequency in frequencies for row in rows_of(self.grid.p, frequency)]] = True
        lost_P = ~chosen_P if keep else chosen_P
        lost_P[0] = False
        components_PD[lost_P] = 0
        changed = np.array(self.grid.params["embed.W_E"])
        changed[: self.grid.p] = inverse_1d(components_PD)
        return self.grid.model.pair_logits({**self.grid.params, "embed.W_E": changed}, self.grid.p)


def _by_rows(p: int, logits: Callable[[slice], np.ndarray]) -> np.ndarray:
    """The logits (P, P, P), computed for a few rows a at a time."""
    return np.concatenate([logits(slice(start, start + ROWS)) for start in range(0, p, ROWS)])


def _polynomial_logits(
    blocks_K33H: np.ndarray, W_L_HC: np.ndarray, neurons: np.ndarray, frequency_N: np.ndarray, p: int
) -> np.ndarray:
    """What polynomials without their constants, one frequency a neuron, add to the logits: summed as Fourier components."""
    components_PPC = np.zeros((p, p, W_L_HC.shape[1]))
    for frequency in np.unique(frequency_N):
        rows = [0, *rows_of(p, int(frequency))]
        members = neurons[frequency_N == frequency]
        block_33H = blocks_K33H[frequency - 1][: len(rows), : len(rows), members]
        components_PPC[np.ix_(rows, rows)] += block_33H @ W_L_HC[members]
    return inverse_2d(components_PPC)


def _orthonormal(directions_RH: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the span of rows, dependent ones left out."""
    _, values, rows = np.linalg.svd(directions_RH, full_matrices=False)
    return rows[values > 1e-9 * values.max(initial=0)]
