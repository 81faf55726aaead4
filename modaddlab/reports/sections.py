"""What a report holds: for each section a finding, its values as sentences, its figures.

To put a finding into every report, add a section. It is for the networks that its finding is for; of all others the report says
why it is left out. A value that a network does not have (NaN) has no sentence.
"""

from __future__ import annotations

from modaddlab import figures
from modaddlab.analysis import spectra

from modaddlab.findings import (  # isort: skip
    ablation, circuit, clocks, concentration, curves, growth, parts, pizza, progress, proof, spectrum, stages, structure, waves,
)  # fmt: skip
from modaddlab.findings.networks import TEST_PAIRS
from modaddlab.reports import drawings
from modaddlab.reports.section import ATTENDS, EXPLAINED, KEYS, TRAINED, Drawing, Section, first_weights

SECTIONS = (
    Section(
        "How it learned",
        curves.of,
        {
            "memorized": "It had 99 % of its training pairs right at step {}.",
            "grokked": "It had 95 % of the test pairs right at step {}: it grokked.",
            "times_later": "That is {} times as many steps.",
            "quiet_accuracy": "Between the two it had {} of the test pairs right, in the median.",
            "cleanup_end": "Its cleanup was over at step {}.",
            "collapsed": "It fell back below half of the test pairs at step {}.",
        },
        (
            Drawing(
                "training-curves",
                "Loss and accuracy while it was trained, with the phases that it went through.",
                "Two panels over training steps: loss on a logarithmic axis, and accuracy, for training and test pairs.",
                drawings.training_curves,
            ),
        ),
        needs=(TRAINED,),
    ),
    Section(
        "How well it answers",
        curves.of,
        {
            "train_loss": "Its loss on the training pairs is {}.",
            "test_loss": "Its loss on the test pairs is {}.",
            "test_accuracy": "It has {} of the test pairs right.",
        },
        null=curves.null,
        opening="The null finds every answer as likely as every other.",
    ),
    Section(
        "Three stages",
        stages.of,
        {
            "memorized": "The first stage, memory, ended at step {}.",
            "generalized": "The second stage ended at step {}.",
        },
        opening="The stages of He et al. 2026, from the recorded curves.",
        needs=(TRAINED,),
    ),
    Section(
        "Waves and key frequencies",
        concentration.of,
        {
            "effective": "The energy of its embedding is that of {} equal frequencies; the null renames the residues.",
            "frequencies": "Frequencies whose norms are above the largest gap, the strongest first: {}.",
        },
        (
            Drawing(
                "embedding-spectrum",
                "The spectrum of what stands for the residues, frequencies above the largest gap in colour.",
                "A bar for each Fourier component of the embedding.",
                lambda found, null, study: (
                    (figures.component_spectrum, (spectra.spectrum(study.embedding_PD).norms_P, found.strongest), {})
                    if study.spec.record.weights == "embedding"  # of others the next but one has more
                    else None
                ),
            ),
        ),
    ),
    Section(
        "Waves and key frequencies",
        concentration.of_characters,
        {
            "effective": "In waves of the logarithm, which its operation adds or subtracts, it is that of {} equal frequencies.",
            "top_share": "The five strongest of these hold {} of the energy.",
            "frequencies": "Those whose norms are above the largest gap, the strongest first, the base being the smallest "
            "primitive root: {}.",
        },
        (
            Drawing(
                "logarithm-spectrum",
                "The energy of the embedding in the waves of the residue and in those of its logarithm.",
                "Two bar charts of energy per frequency; only in the right one a network that has grokked has tall bars.",
                drawings.two_bases,
            ),
        ),
    ),
    Section(
        "Waves and key frequencies",
        structure.of,
        {"n_keys": "Key frequencies, which at least two of three rules find: {}."},
        null=first_weights,
    ),
    Section(
        "Waves and key frequencies",
        spectrum.of,
        {
            "key_list": "The keys: {}.",
            "embedding.share": "The components of the keys hold {} of the embedding's energy; the null renames the residues.",
            "output.share": "They hold {} of the energy of the map from neurons to answers.",
            "disputed": "Frequencies that one or two of the rules find, but not all three: {}.",
        },
        null=spectrum.null,
        needs=(KEYS,),
    ),
    Section(
        "Waves and key frequencies",
        spectrum.of,
        {
            "embedding.gini": "The Gini coefficient of the embedding's spectrum is {}.",
            "output.gini": "That of the map from neurons to answers is {}.",
        },
        (
            Drawing(
                "embedding-spectrum",
                "The spectrum of what stands for the residues, key frequencies in colour[; dashed, of an untrained network].",
                "A bar for each Fourier component of the embedding, a few of them tall in a network that has grokked.",
                drawings.components("embedding", "$W_E$"),
            ),
            Drawing(
                "output-spectrum",
                "The spectrum of the map from neurons to answers.",
                "A bar for each Fourier component of the neuron-logit map.",
                drawings.components("output", "$W_L$"),
            ),
            Drawing(
                "key-rules",
                "What each of the three rules looks at, and where it cuts.",
                "Three panels of bars over the frequencies, one for each rule, with a line where the rule cuts.",
                lambda found, null, study: (figures.key_rules, found.by_rule, {}),
            ),
            Drawing(
                "embedding-circles",
                "The residues in the plane of each key frequency.",
                "A panel for each key frequency with a dot for each residue, on a circle in a network that has grokked.",
                lambda found, null, study: (figures.embedding_circles, (found.planes,), {}) if found.planes else None,
            ),
        ),
        null=spectrum.null,
    ),
    Section(
        "Waves and key frequencies",
        growth.of,
        {
            "at_start": "At the start the keys have {} times an equal share of the embedding's energy.",
            "before_jump": "At the last step with less than 5 % of the test pairs right they have {} times an equal share.",
        },
        needs=(TRAINED, KEYS),
    ),
    Section(
        "Turning the clocks",
        clocks.of,
        {
            "follows": "When the circles of all keys are turned by d residues it answers a + b + 2d to {} of the pairs; "
            "the null turns as many other frequencies.",
            "stays": "It still answers a + b to {} of them.",
        },
        opening="If the circles are what it adds with, it must follow when they are turned.",
    ),
    Section(
        "Clock or pizza",
        pizza.of,
        {
            "symmetricity": "The cosine of the directions in which a and b move a logit fastest is {} (gradient symmetricity).",
            "irrelevance": "Among pairs with one difference of a and b a share of {} is left of the spread of the right answer's "
            "logit (distance irrelevance).",
            "circularity": "On average {} of a principal component of its embedding is a wave of one frequency (circularity); "
            "circles of one size mix in it.",
            "answering": "Circles of its embedding that answer as a clock or a pizza when it has them alone: {}.",
            "by_clock": "A clock explains a share of {} of their logits, on average.",
            "by_pizza": "A pizza explains a share of {} of them.",
            "accompanying": "Circles that answer where one of half their frequency cannot: {}.",
        },
        (
            Drawing(
                "clock-against-pizza",
                "How much of the logits of each circle alone a clock explains, and how much a pizza. A circle that accompanies "
                "another is hollow; on the line both explain as much.",
                "A dot for each circle of the embedding; those of a pizza lie above the diagonal, those of a clock below it.",
                drawings.circles,
            ),
        ),
        opening="A pizza has a symmetricity near 1 and a distance irrelevance near 0, a clock an irrelevance near 1. That means "
        "something only where the embedding is circular and the answers are right. The null has random weights.",
    ),
    Section(
        "Neurons",
        structure.of,
        {
            "explained_neurons": "A polynomial in the waves of one key explains more than 85 % of the variance of {} of the "
            "neurons.",
            "n_neuron_keys": "Frequencies that some neuron follows best: {}.",
        },
        null=first_weights,
        needs=(KEYS,),
    ),
    Section(
        "Neurons",
        structure.of,
        {
            "smallest_cluster": "The smallest cluster of a key has {} of the neurons.",
            "largest_cluster": "The largest cluster of a key has {} of them.",
        },
        null=first_weights,
        needs=(KEYS, EXPLAINED),
    ),
    Section(
        "Neurons",
        circuit.of_neurons,
        {},
        (
            Drawing(
                "neuron-shares",
                "How much of each neuron its best frequency explains[; the outline is that of an untrained network].",
                "A histogram over the neurons of the share of variance explained, coloured by frequency.",
                drawings.neuron_shares,
            ),
            Drawing(
                "neurons",
                "Neurons over all pairs, above, and their polynomials, below.",
                "Two rows of square heatmaps over a and b, the lower ones fitted to the upper ones.",
                drawings.neurons,
            ),
        ),
        null=circuit.null_of_neurons,
    ),
    Section(
        "Neurons",
        waves.of,
        {
            "alive": "Of the neurons {} are alive.",
            "same_frequency": "Input and output of {} of them have the same best frequency.",
            "input_fve": "One wave explains {} of an input vector on average.",
            "output_fve": "The wave of the input's frequency explains {} of an output vector.",
            "misalignment": "Output phase and twice the input phase are {} radians apart on average.",
            "imbalance_2": "The phases on the second ring are uneven by {}, where the null has random phases.",
            "main_fve": "The answer alone explains {} of the logits.",
            "least_probability": "The least sure answer has the probability {}.",
        },
        (
            Drawing(
                "phase-alignment",
                "The phase of each neuron's output against twice that of its input, and with random weights.",
                "Dots for the neurons in two square panels, on the diagonal in a trained network.",
                drawings.phase_alignment,
            ),
            Drawing(
                "weight-components",
                "The Fourier components of every neuron's input and output vector, neurons sorted by frequency.",
                "Two heatmaps, a row for each neuron and a column for each component, with one bright step along the diagonal.",
                lambda found, null, study: (figures.weight_components, waves.neurons(study).components, {}),
            ),
        ),
        null=waves.null,
    ),
    Section("Neurons", waves.of, {"ghosts": "A ghost of the answer stands {} times as high as the answer."}),
    Section(
        "Attention",
        structure.of,
        {
            "head_fve_mean": "One frequency explains {} of a head's mean attention to a, in the mean of the heads.",
            "head_fve_low": "Of the head that it explains least, it explains {}.",
            "head_pair_fve_mean": "A wave in a minus a wave in b explains {} of the attention over all pairs.",
            "attention_to_equals": "The attention from “=” to itself is {} of all.",
        },
        null=first_weights,
        needs=(ATTENDS,),
    ),
    Section(
        "Attention",
        parts.of,
        {
            "patterns": "The softmax of the scores' waves explains {} of all attention.",
            "products": "Of what heads write {} lies along products of two waves of their own frequency.",
        },
        needs=(ATTENDS,),
    ),
    Section("Attention", parts.of, {"headless": "Keys that no head follows: {}."}, needs=(ATTENDS, KEYS)),
    Section(
        "Attention",
        circuit.of,
        {},
        (
            Drawing(
                "attention",
                "Each head's mean attention to a, over a and over the angle of its frequency.",
                "A row for each head: attention to a against a, and against the angle of a on the circle of one frequency.",
                drawings.attention,
            ),
        ),
        needs=(ATTENDS,),
    ),
    Section(
        "Circuit and closed form",
        structure.of,
        {
            "wave_fve": "A wave in a + b − c for each key explains {} of the logits.",  # noqa: RUF001 (a true minus sign)
            "wave_loss": "That sum of waves in place of the network has the test loss {}.",
            "W_L_rank": "Singular values of the map from neurons to answers above the largest gap: {}.",
            "W_L_residual": "Of its norm {} lies outside the waves of the keys.",
            "direction_fve_mean": "What it reads of the neurons is the cosine and the sine of the sum to {} on average.",
        },
        null=first_weights,
        needs=(KEYS,),
    ),
    Section(
        "Circuit and closed form",
        circuit.of,
        {},
        (
            Drawing(
                "product-of-waves",
                "The product of the cosines less that of the sines, and what the network holds in its place.",
                "Four heatmaps over a and b: two products, their sum, and the network's values.",
                lambda found, null, study: (
                    (figures.trigonometric_identity, found.directions.identity, drawings.unwrapped(study.p, found.keys))
                    if found.directions.fits
                    else None
                ),
            ),
            Drawing(
                "answer-as-waves",
                "One question: a wave for each key, and their sum beside the network's logits.",
                "A row of one cosine wave over the answers for each key, and below their sum beside the logits.",
                drawings.answer_as_waves,
            ),
        ),
    ),
    Section(
        "Logits",
        spectrum.of,
        {
            "logits.counted": "Components of the logits above the largest gap: {}.",
        },
        (
            Drawing(
                "logit-spectrum",
                "The Fourier components of the logits over a and b.",
                "A square heatmap of components of a and of b, bright at pairs of one key in a network that has grokked.",
                lambda found, null, study: (
                    figures.logit_spectrum,
                    (found.logits.norms_PP, found.keys, found.logits.counted.value),
                    {},
                ),
            ),
        ),
        null=spectrum.null,
    ),
    Section(
        "Logits",
        spectrum.of,
        {"logits.share": "The products of waves of one key hold {} of the logits' energy."},
        null=spectrum.null,
        needs=(KEYS,),
    ),
    Section(
        "Logits",
        circuit.of,
        {},
        (
            Drawing(
                "margin",
                "By how much the right answer's logit is above that of the answer that is off by d.",
                "A bar for each d but 0, that of the smallest margin dark.",
                lambda found, null, study: (figures.correct_logit_margin, (found.answer.margin_P,), {}),
            ),
        ),
    ),
    Section(
        "A short proof",
        proof.of,
        {
            "bound": "Of all pairs {} can be proven right without the product of neurons and outputs.",
            "cost": "The check takes {} of the operations of trying all pairs.",
            "accuracy": "By trying, {} of all pairs are right.",
            "left_in": "Waves leave {} of the neurons' variance.",
            "left_out": "One wave for each neuron leaves {} of the outputs' energy.",
        },
        opening="A lower bound on the accuracy from waves into the neurons and out of them, and the size of what is left.",
    ),
    Section(
        "Ablations with random controls",
        ablation.of,
        {
            "full.accuracy": "As it is, it has {} of the test pairs right.",
            "skip.loss": "With the path past the MLP cut the test loss is {}.",
            "heads.accuracy": "Without all heads it has {} of the test pairs right.",
            "mlp.accuracy": "Without the MLP it has {}.",
        },
        (drawings.ablation_figure("paths", "with heads and paths cut"),),
        needs=(TEST_PAIRS,),
        opening="What it cannot do without; every null is that of random parts of the same size.",
    ),
    Section(
        "Ablations with random controls",
        ablation.of,
        {
            "logits_off.loss": "Without the waves of all keys in its logits the test loss is {}.",
            "logits_only.loss": "With these waves alone it is {}.",
            "embedding_off.accuracy": "Without the keys in the embedding it has {} of the test pairs right.",
            "embedding_only.accuracy": "With the keys alone in the embedding it has {}.",
            "strongest.accuracy": "Without the strongest frequencies of the embedding, as many as there are keys, it has {}.",
            "directions_only.loss": "With the MLP on the keys' directions only the test loss is {}.",
            "directions_off.loss": "With the MLP off these directions it is {}.",
        },
        (drawings.ablation_figure("logits", "with waves of the logits removed or kept alone"),),
        needs=(TEST_PAIRS, KEYS),
    ),
    Section(
        "Ablations with random controls",
        ablation.of,
        {
            "polynomials.loss": "With polynomials in place of the explained neurons the test loss is {}.",
            "explained_zero.accuracy": "With the explained neurons at zero it has {} of the test pairs right.",
        },
        (drawings.ablation_figure("neurons", "with neurons replaced or removed"),),
        needs=(TEST_PAIRS, KEYS, EXPLAINED),
    ),
    Section(
        "Progress before it shows",
        structure.of,
        {
            "restricted_loss": "With the waves of the keys alone the loss over all pairs is {}.",
            "excluded_loss": "Without them the loss on the training pairs is {}.",
        },
        null=first_weights,
        needs=(KEYS,),
    ),
    Section(
        "Progress before it shows",
        structure.of,
        {"sum_of_squares": "The sum of its squared weights is {}."},
        null=first_weights,
    ),
    Section(
        "Progress before it shows",
        progress.gathering,
        {
            "quarter": "A quarter of the rise of the keys' share was made at step {}.",
            "half_right": "Half of the test pairs were right at step {}.",
            "share": "At the end the keys hold {} of the embedding's energy; the null is an equal share.",
        },
        needs=(TRAINED, KEYS),
    ),
    Section(
        "Progress before it shows",
        progress.of,
        {
            "turn": "Memorization ended, by the excluded loss, at step {}.",
            "waves_answer": "The waves alone had half the loss of blind guessing at step {}.",
            "network_answers": "The network itself had it at step {}.",
        },
        (
            Drawing(
                "progress",
                "The progress measures of Nanda et al. 2023 at its snapshots.",
                "Four curves of loss over training steps: train, test, restricted to the keys, and without them.",
                lambda found, null, study: (figures.progress_measures, (found.step_T, found.losses), {"phases": found.spans}),
            ),
            Drawing(
                "key-share",
                "The keys' share of the energy while it was trained.",
                "Curves of the share of energy in the embedding and in the neuron-logit map, above a dashed line of chance.",
                lambda found, null, study: (
                    figures.key_share,
                    (found.shares["W_E"][0], {name: share_T for name, (_, share_T) in found.shares.items()}),
                    {"chance": found.gathering.share.null, "phases": found.spans},
                ),
            ),
        ),
        needs=(TRAINED, KEYS),
    ),
)
"""Every section, in order."""
