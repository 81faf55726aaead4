"""Figures: arrays in, a matplotlib Figure out; nothing is loaded, trained or saved here.

One module per chapter's subject; `theme` holds the look, `display` brings a figure onto a page in both themes.
"""

from modaddlab.analysis.scaling import Timed, Times
from modaddlab.figures.ablation import AblationRow, AblationSeeds, ablation_losses, ablations_over_seeds
from modaddlab.figures.algorithm import (
    amplitude_by_difference,
    correct_logit_margin,
    embedding_circles,
    logits_as_waves,
    sum_circles,
    trigonometric_identity,
)
from modaddlab.figures.animation import Story, player, player_html, story_json, story_strip
from modaddlab.figures.attention import attention_by_input, attention_by_token, attention_patterns, head_writing
from modaddlab.figures.by_hand import (
    walk_answer,
    walk_attention,
    walk_circles,
    walk_cluster,
    walk_neurons,
    walk_steps,
    walk_sum,
)
from modaddlab.figures.comparisons import (
    beside_one_more,
    curves_beside_seeds,
    interval_widths,
    key_counts,
    late_training,
    memory_level,
    steps_by_product,
)
from modaddlab.figures.curves import grokking_panels, training_curves, until, weight_norms
from modaddlab.figures.display import download_link, png, show, svg, table_columns
from modaddlab.figures.dynamics import (
    against_equations,
    conserved,
    energy_elsewhere,
    overtones,
    solved_waves,
    weights_over_training,
)
from modaddlab.figures.failures import final_accuracies, runs_grid
from modaddlab.figures.gradients import circulant_shares, leading_directions, outer_products
from modaddlab.figures.hero import Moment, hero
from modaddlab.figures.logits import (
    correct_logit_surface,
    logit_heatmaps,
    loss_distributions,
    margin_by_difference,
    pair_losses,
)
from modaddlab.figures.lottery import decision, frequency_race, growth_map, outcome_map, rule_hits
from modaddlab.figures.marks import Phase
from modaddlab.figures.mechanism import (
    accuracy_by_scale,
    cancellation,
    logit_strip,
    logits_by_ray,
    neuron_identity,
    overtones_and_ghosts,
    pair_logits,
    subset_losses,
    swap_accuracies,
)
from modaddlab.figures.motion import (
    embedding_plane,
    key_energies,
    neuron_followers,
    spectrum_strip,
    weight_path,
    weight_stripes,
)
from modaddlab.figures.neurons import (
    activation_grids,
    cluster_sizes,
    fve_by_frequency,
    fve_histogram,
    neuron_gallery,
    neuron_spectra,
)
from modaddlab.figures.operations import two_orders, wave_shares
from modaddlab.figures.progress import excluded_by_key, key_share, progress_measures, sparsity_and_norm
from modaddlab.figures.scorecard import verdicts
from modaddlab.figures.sizes import times_by_size
from modaddlab.figures.spectra import (
    component_spectrum,
    key_rules,
    logit_spectrum,
    sorted_components,
    spectra_side_by_side,
    spectrum_over_training,
)
from modaddlab.figures.stages import answers_over_training, common_to_rare, memory_maps, stage_curves, stage_weights
from modaddlab.figures.sweeps import (
    concentration_by_setting,
    curves_by_setting,
    outcome_grid,
    seed_strips,
    steps_to_grok,
    two_bases,
)
from modaddlab.figures.task import addition_on_a_circle, operation_table
from modaddlab.figures.theme import frequency_colors
from modaddlab.figures.two_layer import (
    magnitudes,
    neuron_waves,
    participation,
    phase_alignment,
    phase_rings,
    ring_balance,
    weight_components,
)

__all__ = [
    "AblationRow",
    "AblationSeeds",
    "Moment",
    "Phase",
    "Story",
    "Timed",
    "Times",
    "ablation_losses",
    "ablations_over_seeds",
    "accuracy_by_scale",
    "activation_grids",
    "addition_on_a_circle",
    "against_equations",
    "amplitude_by_difference",
    "answers_over_training",
    "attention_by_input",
    "attention_by_token",
    "attention_patterns",
    "beside_one_more",
    "cancellation",
    "circulant_shares",
    "cluster_sizes",
    "common_to_rare",
    "component_spectrum",
    "concentration_by_setting",
    "conserved",
    "correct_logit_margin",
    "correct_logit_surface",
    "curves_beside_seeds",
    "curves_by_setting",
    "decision",
    "download_link",
    "embedding_circles",
    "embedding_plane",
    "energy_elsewhere",
    "excluded_by_key",
    "final_accuracies",
    "frequency_colors",
    "frequency_race",
    "fve_by_frequency",
    "fve_histogram",
    "grokking_panels",
    "growth_map",
    "head_writing",
    "hero",
    "interval_widths",
    "key_counts",
    "key_energies",
    "key_rules",
    "key_share",
    "late_training",
    "leading_directions",
    "logit_heatmaps",
    "logit_spectrum",
    "logit_strip",
    "logits_as_waves",
    "logits_by_ray",
    "loss_distributions",
    "magnitudes",
    "margin_by_difference",
    "memory_level",
    "memory_maps",
    "neuron_followers",
    "neuron_gallery",
    "neuron_identity",
    "neuron_spectra",
    "neuron_waves",
    "operation_table",
    "outcome_grid",
    "outcome_map",
    "outer_products",
    "overtones",
    "overtones_and_ghosts",
    "pair_logits",
    "pair_losses",
    "participation",
    "phase_alignment",
    "phase_rings",
    "player",
    "player_html",
    "png",
    "progress_measures",
    "ring_balance",
    "rule_hits",
    "runs_grid",
    "seed_strips",
    "show",
    "solved_waves",
    "sorted_components",
    "sparsity_and_norm",
    "spectra_side_by_side",
    "spectrum_over_training",
    "spectrum_strip",
    "stage_curves",
    "stage_weights",
    "steps_by_product",
    "steps_to_grok",
    "story_json",
    "story_strip",
    "subset_losses",
    "sum_circles",
    "svg",
    "swap_accuracies",
    "table_columns",
    "times_by_size",
    "training_curves",
    "trigonometric_identity",
    "two_bases",
    "two_orders",
    "until",
    "verdicts",
    "walk_answer",
    "walk_attention",
    "walk_circles",
    "walk_cluster",
    "walk_neurons",
    "walk_steps",
    "walk_sum",
    "wave_shares",
    "weight_components",
    "weight_norms",
    "weight_path",
    "weight_stripes",
    "weights_over_training",
]
