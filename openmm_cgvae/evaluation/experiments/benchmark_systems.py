"""Molecules of the paper's benchmark: default mappings, what differs in training."""

from dataclasses import dataclass, field
from typing import Any

__all__ = ["BENCHMARK_SYSTEMS", "BenchmarkSystem", "Options"]

Options = dict[str, Any]

# Random cuts leave beads of one atom beside beads of a dozen: more channels and steps.
_FINE_BEADS: Options = {"n_channels": 128, "n_epochs": 24, "refinement_steps": 60}


@dataclass(frozen=True, kw_only=True)
class BenchmarkSystem:
    """A molecule of the paper's benchmark and how it is run.

    Parameters
    ----------
    name : str
        Its name, also of its data files.
    mappings : dict of int to str
        For every number of beads the default mapping, as `make_mapping` spells it.
    model_options, training_options : dict of str to dict
        By preset, what differs from it for this molecule.
    options_of_beads : dict of (str, int) to dict
        By preset and number of beads, what differs in network or training.
    published_training : dict
        How the published recipe is trained beside the preset ``fast``.
    """

    name: str
    mappings: dict[int, str]
    model_options: dict[str, Options] = field(default_factory=dict)
    training_options: dict[str, Options] = field(default_factory=dict)
    options_of_beads: dict[tuple[str, int], Options] = field(default_factory=dict)
    published_training: Options = field(default_factory=dict)


BENCHMARK_SYSTEMS = {
    system.name: system
    for system in (
        BenchmarkSystem(
            name="alanine-dipeptide",
            mappings={3: "residues", 5: "peptide-units", 8: "peptide-units:split"},
            published_training={"n_epochs": 6},
            # A third of the epochs of the shipped models, and geometry refinement in
            # place of fine-tuning.
            model_options={"fast": {"refinement_steps": 30}},
            training_options={
                "fast": {
                    "n_epochs": 36,
                    "fine_tuning_epochs": 0,
                    "fits_prior_temperature": True,
                }
            },
            options_of_beads={
                ("fast", 5): {"kl_weight": 5e-4},
                ("fast", 8): {"kl_weight": 5e-4},
            },
        ),
        BenchmarkSystem(
            name="chignolin",
            mappings={
                6: "autograin",
                10: "joined-residues",
                20: "backbone",
                30: "backbone",
            },
            model_options={
                # Table 4; but the printed sums, not normalised, overflow at ten beads.
                "paper": {
                    "n_radial": 10,
                    "encoder_layers": 2,
                    "prior_layers": 2,
                    "decoder_layers": 9,
                    "atom_cutoff": 12.0,
                    "bead_cutoff": 25.0,
                    "normalises_sums": True,
                },
                "fast": {
                    "encoder": "bonded_frames",
                    "decoder": "bonded_frames",
                    "prior_input": "bonded_frames",
                    "refinement_steps": 30,
                },
            },
            training_options={
                "paper": {
                    "bond_weight": 50.0,
                    "batch_size": 2,
                    "learning_rate": 1e-4,
                    "n_epochs": 100,
                },
                "fast": {
                    "n_epochs": 16,
                    "fine_tuning_epochs": 0,
                    "batch_size": 32,
                    "kl_weight": 5e-3,
                    "fits_prior_temperature": True,
                },
            },
            published_training={"batch_size": 16, "n_epochs": 3},
            options_of_beads={
                # The largest of six beads may hold more than 64 atoms.
                ("fast", 6): {"n_channels": 96, "kl_weight": 1e-2},
                ("fast", 10): {"n_channels": 96},
                ("fast", 20): _FINE_BEADS,
                ("fast", 30): _FINE_BEADS,
            },
        ),
    )
}
