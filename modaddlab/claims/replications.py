"""The claims of public replications and studies of the same transformer: their outcomes, measured on ours."""

from __future__ import annotations

import math

from modaddlab import published, tables
from modaddlab.claims import quantities as q
from modaddlab.claims.claim import ACCURACY, COUNT, DROP, EXACT, LOSS, STEPS, YES_NO, Band, Claim, exactly

REPLICATION = "grokkingfourier2025"
STUDY = "grokverse2026"
CRITERIA = "grokkingreproduction2025"


def _fails(p: int, accuracy: float, undecided: str = "") -> Claim:
    epochs = published.REPLICATION_STOPPED[p]
    return Claim(
        id=f"replication-p{p}",
        source=REPLICATION,
        place="README, failed runs",
        statement=f"p = {p} with weight decay 1 has not grokked by epoch {epochs:,} (theirs stays at chance).",
        published=exactly(0),
        details={"test accuracy": (accuracy,)},
        trained_for=epochs,
        measure=q.finding("curves.grokked"),
        runs=f"p{p}-wd1",
        tolerance=YES_NO,
        undecided=undecided,
        evidence="@fig-failures",
    )


REPLICATION_SETUP = (
    Claim(
        id="replication-accuracy",
        source=REPLICATION,
        place="README, results",
        statement="With its own setup (PyTorch's initial weights and betas, float32 loss) p = 113 groks: final test accuracy.",
        published=exactly(0.999),
        details={"modulus": (113,), "training questions": (3830,), "steps": (25_000,)},
        measure=q.finding("curves.test_accuracy"),
        runs="layer-defaults",
        tolerance=ACCURACY,
        holds=Band(0.95, 1),
        form=lambda value: tables.percent(value, 2),
        evidence="@fig-controls",
    ),
    Claim(
        id="replication-loss",
        source=REPLICATION,
        place="README, results",
        statement="With a float32 loss the final test loss stays far above what a float64 loss reaches.",
        published=exactly(0.0345),
        measure=q.finding("curves.test_loss"),
        null=lambda _: q.finding("curves.test_loss")(q.reference(q.MAINLINE)),
        null_is="float64 loss",
        runs="layer-defaults",
        tolerance=LOSS,
        holds=Band(1e-5, 1),
        evidence="@fig-controls",
    ),
    Claim(
        id="replication-keys",
        source=REPLICATION,
        place="README, results",
        statement="With the replication's setup there are five key frequencies (4, 11, 14, 26, 35; which ones is chance).",
        published=exactly(len(published.REPLICATION_KEYS)),
        details={"frequencies": published.REPLICATION_KEYS},
        measure=q.finding("structure.n_keys"),
        runs="layer-defaults",
        tolerance=COUNT,
        holds=Band(2, 8),
        evidence="@fig-controls",
    ),
    Claim(
        id="replication-components",
        source=REPLICATION,
        place="README, results",
        statement="With the replication's setup the logits have nine significant components in two dimensions.",
        published=exactly(9),
        measure=q.finding("structure.n_logit_components"),
        runs="layer-defaults",
        tolerance=COUNT,
        holds=Band(4, 36),
        evidence="@fig-logits",
    ),
)

MODULI = (
    _fails(53, 0.013),
    _fails(71, 0.005, "theirs begins from other weights, with which ours grok later modulo 113; not trained at 71"),
)

TRAINING = (
    Claim(
        id="study-memorizes",
        source=STUDY,
        place="transformer, ten seeds",
        statement="The transformer knows its training pairs by heart within some hundred steps (median over seeds).",
        published=exactly(140),
        measure=q.finding("curves.memorized"),
        tolerance=STEPS,
        holds=Band(0, 1000),
        evidence="@fig-curves",
    ),
    Claim(
        id="study-generalizes",
        source=STUDY,
        place="transformer, ten seeds",
        statement="The transformer generalizes thousands of steps later (theirs: median, and the range of the seeds).",
        published=Band(5625, 10_275),
        typical=7588,
        measure=q.finding("curves.grokked"),
        tolerance=STEPS,
        repeats="nanda-decay-1",
        holds=Band(2000, 25_000),
        evidence="@fig-curves",
    ),
    Claim(
        id="study-final",
        source=STUDY,
        place="transformer, ten seeds",
        statement="The transformer ends with almost all test pairs right: final test accuracy.",
        published=exactly(0.99966),
        measure=q.finding("structure.test_accuracy"),
        tolerance=ACCURACY,
        holds=Band(0.99, 1),
        form=lambda value: tables.percent(value, 2),
        evidence="@fig-curves",
    ),
    Claim(
        id="study-structure-first",
        source=STUDY,
        place="transformer, ten seeds",
        statement="Structure rises before accuracy: the keys' energy in equal shares, with under 5 % of the test right.",
        says="before, in all seeds",
        measure=q.finding("growth.before_jump"),
        null=q.finding("growth.at_start"),
        null_is="at step 0",
        holds=Band(1.5, math.inf),
        evidence="@fig-sparsity",
    ),
)

ABLATIONS = (
    Claim(
        id="study-embedding-removed",
        source=STUDY,
        place="transformer, ablations",
        statement="Removing the keys from the embedding costs almost all accuracy.",
        published=exactly(0.984),
        measure=q.finding("ablation.embedding_off.lost"),
        null=q.finding("ablation.embedding_off.lost", null=True),
        null_is="as many random frequencies",
        null_published=0.0005,
        tolerance=DROP,
        holds=Band(0.5, 1),
        form=lambda value: tables.percent(value, 2),
        evidence="@tbl-embedding",
    ),
    Claim(
        id="study-embedding-kept",
        source=STUDY,
        place="transformer, ablations",
        statement="Keeping only the keys in the embedding costs almost none.",
        published=exactly(0.004),
        measure=q.finding("ablation.embedding_only.lost"),
        null=q.finding("ablation.embedding_only.lost", null=True),
        null_is="as many random frequencies",
        null_published=0.990,
        tolerance=DROP,
        holds=Band(-1, 0.5),
        form=tables.percent,
        evidence="@tbl-embedding",
    ),
    Claim(
        id="study-neurons-removed",
        source=STUDY,
        place="transformer, ablations",
        statement="Removing the structured neurons (set to zero) costs almost all accuracy.",
        published=exactly(0.942),
        measure=q.finding("ablation.explained_zero.lost"),
        tolerance=DROP,
        holds=Band(0.5, 1),
        form=tables.percent,
        evidence="@fig-neurons-removed",
    ),
    Claim(
        id="study-neurons-random",
        source=STUDY,
        place="transformer, ablations",
        statement="Removing as many random neurons costs nearly the same, so that ablation shows nothing.",
        published=exactly(0.916),
        measure=q.random_neurons_lost,
        tolerance=DROP,
        holds=Band(0.5, 1),
        form=tables.percent,
        undecided="how theirs were chosen is not known; of our explained neurons, a random set of their number costs less",
        evidence="@fig-neurons-removed",
    ),
    Claim(
        id="criterion-top-frequencies",
        source=CRITERIA,
        place="README, success criteria",
        statement="Removing the strongest frequencies of the embedding costs at least 30 points of test accuracy.",
        published=Band(0.3, 1),
        measure=q.finding("ablation.strongest.lost"),
        null=q.finding("ablation.strongest.lost", null=True),
        null_is="as many weaker frequencies",
        tolerance=EXACT,
        repeats="study-embedding-removed",
        holds=Band(0.3, 1),
        form=tables.percent,
        evidence="@tbl-embedding",
    ),
)

TWO_LAYERS = (
    Claim(
        id="study-two-layers-generalize",
        source=STUDY,
        place="two-layer network, ten seeds",
        statement="A two-layer network on the same splits groks too (theirs: median, and the range of the seeds).",
        published=Band(8150, 10_075),
        typical=9250,
        measure=q.finding("curves.grokked"),
        runs="mlp-mainline",
        tolerance=STEPS,
        holds=Band(500, 25_000),
        evidence="@fig-side-curves",
    ),
    Claim(
        id="study-two-layers-agree",
        source=STUDY,
        place="two-layer network, ten seeds",
        statement="The transformer and the two-layer network give the same answer to nearly all questions.",
        published=exactly(0.9998),
        measure=q.agreement,
        runs="mlp-mainline",
        tolerance=ACCURACY,
        holds=Band(0.95, 1),
        form=lambda value: tables.percent(value, 2),
        evidence="@tbl-side-by-side",
    ),
)
