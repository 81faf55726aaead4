"""Nanda et al. 2023 on training: its phases, the controls, other weight decays and moduli (section 5 and appendices)."""

from __future__ import annotations

import math

from modaddlab.claims import quantities as q
from modaddlab.claims.claim import (
    LOSS,
    STEPS,
    YES_NO,
    Band,
    Claim,
    exactly,
)
from modaddlab.claims.nanda_circuit import TEST_LOSS

SOURCE = "nanda2023progress"
UNTRAINED = "untrained network, same keys"
BLIND = math.log(113)
"""The loss of answering every residue with the same probability."""

PHASES = (
    Claim(
        id="nanda-memorization-ends",
        source=SOURCE,
        place="section 5.2, figure 7",
        statement="Memorization ends where the excluded loss is lowest.",
        published=exactly(1400),
        measure=q.finding("progress.turn"),
        tolerance=STEPS,
        holds=Band(100, 5000),
        evidence="@tbl-phases",
        snapshots=True,
    ),
    Claim(
        id="nanda-cleanup-starts",
        source=SOURCE,
        place="section 5.2, figure 7",
        statement="Cleanup begins thousands of steps after memorization.",
        published=exactly(9400),
        measure=q.finding("curves.cleanup_start"),
        tolerance=STEPS,
        holds=Band(2000, math.inf),
        evidence="@tbl-phases",
    ),
    Claim(
        id="nanda-cleanup-ends",
        source=SOURCE,
        place="section 5.2, figure 7",
        statement="Cleanup ends thousands of steps after memorization.",
        published=exactly(14_000),
        measure=q.finding("curves.cleanup_end"),
        tolerance=STEPS,
        holds=Band(2000, math.inf),
        evidence="@tbl-phases",
    ),
)

CONTROLS = (
    Claim(
        id="nanda-no-decay",
        source=SOURCE,
        place="section 5.3",
        statement="Without weight decay the network never groks.",
        published=exactly(0),
        trained_for=40_000,
        measure=q.finding("curves.grokked"),
        runs="no-decay",
        tolerance=YES_NO,
        evidence="@fig-controls",
    ),
    Claim(
        id="nanda-no-decay-excluded",
        source=SOURCE,
        place="section 5.3",
        statement="Without weight decay the excluded loss never rises: no wave carries the memorized answers.",
        says="does not rise",
        trained_for=40_000,
        measure=q.excluded_loss,
        runs="no-decay",
        holds=Band(0, 0.1),
        evidence="@fig-controls",
    ),
    Claim(
        id="nanda-dropout-0.2",
        source=SOURCE,
        place="section 5.3",
        statement="Dropout of 0.2 in place of weight decay groks.",
        says="groks",
        evidence="@fig-controls",
        undecided="our run is 12,000 steps long and its test accuracy is still on the rise at the end",
    ),
    Claim(
        id="nanda-dropout-0.5",
        source=SOURCE,
        place="section 5.3",
        statement="Dropout of 0.5 in place of weight decay groks.",
        published=exactly(1),
        measure=q.finding("curves.grokked"),
        runs="dropout-0.5",
        tolerance=YES_NO,
        evidence="@fig-controls",
    ),
    Claim(
        id="nanda-l1",
        source=SOURCE,
        place="section 5.3",
        statement="An L1 penalty in place of weight decay never groks.",
        published=exactly(0),
        trained_for=40_000,
        measure=q.finding("curves.grokked"),
        runs="l1",
        tolerance=YES_NO,
        evidence="@fig-controls",
        undecided="the source does not give the strength of its penalty; with ours a network groks",
    ),
    Claim(
        id="nanda-outputs",
        source=SOURCE,
        place="paper (113 outputs) against code (114)",
        statement='It makes no difference whether "=" is among the outputs of the training loss: final test loss with 113.',
        published=exactly(TEST_LOSS),
        trained_for=40_000,
        measure=q.finding("curves.test_loss"),
        runs="p-outputs",
        tolerance=LOSS,
        holds=Band(0, 1e-4),
        evidence="@fig-controls",
    ),
)

DECAY = (
    Claim(
        id="nanda-decay-0.3",
        source=SOURCE,
        place="appendix D.1",
        statement="With weight decay 0.3 it groks at about 3,000 epochs (the epochs given contradict the sentence beside them).",
        published=exactly(3000),
        measure=q.finding("curves.grokked"),
        runs="decay-0.3",
        of_times=True,
        tolerance=STEPS,
        holds=Band(0, 5000),
        evidence="@fig-decay",
    ),
    Claim(
        id="nanda-decay-1",
        source=SOURCE,
        place="appendix D.1",
        statement="With weight decay 1 it groks at about 5,000 to 10,000 epochs.",
        published=Band(5000, 10_000),
        measure=q.finding("curves.grokked"),
        tolerance=STEPS,
        holds=Band(2000, 20_000),
        evidence="@fig-decay",
    ),
    Claim(
        id="nanda-decay-3",
        source=SOURCE,
        place="appendix D.1",
        statement="With weight decay 3 it groks at about 20,000 epochs: later than with less.",
        published=exactly(20_000),
        measure=q.finding("curves.grokked"),
        runs="decay-3",
        of_times=True,
        tolerance=STEPS,
        holds=Band(10_000, math.inf),
        evidence="@fig-decay",
    ),
)

MODULI = (
    Claim(
        id="nanda-p53",
        source=SOURCE,
        place="appendix D.3",
        statement="With weight decay 1, p = 53 does not grok.",
        published=exactly(0),
        trained_for=40_000,
        measure=q.finding("curves.grokked"),
        runs="p53-wd1",
        tolerance=YES_NO,
        evidence="@fig-failures",
    ),
    Claim(
        id="nanda-p53-cure",
        source=SOURCE,
        place="appendix D.3",
        statement="With weight decay 5, p = 53 groks.",
        published=exactly(1),
        measure=q.finding("curves.grokked"),
        runs="p53-wd5",
        tolerance=YES_NO,
        evidence="@fig-failures",
    ),
    Claim(
        id="nanda-p401",
        source=SOURCE,
        place="appendix D.3",
        statement="p = 401 generalizes at once.",
        says="at once",
        undecided="48,240 training pairs: about 12 core-hours here",
    ),
)
