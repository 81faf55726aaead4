"""Figures: arrays in, a matplotlib Figure out; nothing is loaded, trained or saved here.

One module per chapter's subject; `theme` holds the look, `display` brings a figure onto a page in both themes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modaddlab import lazy

if TYPE_CHECKING:
    from modaddlab.analysis.scaling import Timed, Times
    from modaddlab.figures.ablation import ablation_losses, ablations_over_seeds
    from modaddlab.figures.algorithm import (
        amplitude_by_difference,
        correct_logit_margin,
        embedding_circles,
        logits_as_waves,
        sum_circles,
        trigonometric_identity,
    )
    from modaddlab.figures.animation import Story, story_strip
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
    from modaddlab.figures.complexity import chains, circuit_complexities, complexity_by_modulus, complexity_paths, valleys
    from modaddlab.figures.curves import grokking_panels, training_curves, until, weight_norms
    from modaddlab.figures.display import png, show, svg
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
    from modaddlab.figures.kernel import accuracy_by_share, answer_energies, feature_matrices, kernel_fits
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
    from modaddlab.figures.networks import matrix_columns, transformer, two_layer_network
    from modaddlab.figures.neurons import (
        activation_grids,
        cluster_sizes,
        fve_by_frequency,
        fve_histogram,
        neuron_gallery,
        neuron_spectra,
    )
    from modaddlab.figures.operations import two_orders, wave_shares
    from modaddlab.figures.pizza import attention_rates, clock_against_pizza, clock_and_pizza, one_circle_alone
    from modaddlab.figures.progress import excluded_by_key, key_share, progress_measures, sparsity_and_norm
    from modaddlab.figures.proof import proven_over_training, proven_shares
    from modaddlab.figures.scorecard import verdicts
    from modaddlab.figures.sizes import frequencies_by_modulus, times_by_size
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
        grokking_laws,
        outcome_grid,
        seed_strips,
        steps_to_grok,
        sweep_outcomes,
        two_bases,
        update_rules,
    )
    from modaddlab.figures.task import addition_on_a_circle, answers_film, operation_table
    from modaddlab.figures.theme import frequency_colors
    from modaddlab.figures.two_layer import (
        magnitudes,
        margin_over_training,
        neuron_waves,
        participation,
        phase_alignment,
        phase_rings,
        ring_balance,
        weight_components,
    )
    from modaddlab.shapes import table_columns

__getattr__, __dir__, __all__ = lazy.names(__name__, __file__)
