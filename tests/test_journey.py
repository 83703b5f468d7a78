"""The whole road once, every step taking what the step before gave."""

import MDAnalysis as mda
import numpy as np
import pytest
from openmm import unit

from openmm_cgvae import Backmapper, coarse_grain, load_model, save_model, train
from openmm_cgvae.mapping.schemes import residues
from openmm_cgvae.testing import dipeptide

N_FRAMES = 400
N_SAMPLES = 3
BEADS_KEPT = 1e-4  # [A]
BEADS_HELD = 0.05  # [A]


@pytest.mark.filterwarnings("ignore::Warning:MDAnalysis")
def test_from_a_trajectory_to_a_simulation(tmp_path):
    atoms = dipeptide.atoms(N_FRAMES)
    mapping = residues(atoms)
    beads = coarse_grain(atoms, mapping)

    trained = train(
        atoms,
        mapping,
        model_options={"n_channels": 16, "prior_layers": 1, "decoder_layers": 1},
        training_options={"n_epochs": 2, "fine_tuning_epochs": 1},
        progress=False,
    )
    save_model(trained, tmp_path / "mine.cgvae")
    model = load_model(tmp_path / "mine.cgvae")

    beads.trajectory[17]
    ensemble = Backmapper(beads, model).sample(n=N_SAMPLES, seed=1)
    made = mapping.project(ensemble.positions_angstrom)
    wanted = np.broadcast_to(beads.atoms.positions, made.shape)
    np.testing.assert_allclose(made, wanted, atol=BEADS_KEPT)

    report = ensemble.report()
    assert len(report) == N_SAMPLES
    assert report.columns["frame"].tolist() == [17] * N_SAMPLES
    assert report.columns["bead_residual"].max() < BEADS_KEPT

    # After two epochs atoms lie on top of each other; relaxing mends that too.
    relaxation = ensemble.relax()
    assert (relaxation.energy_after < relaxation.energy_before).all()
    assert relaxation.bead_shift.max() < BEADS_HELD

    state = relaxation.ensemble[0]
    simulation = state.simulation(platform="Reference")
    simulation.step(50)
    after = simulation.context.getState(energy=True, positions=True)
    energy = after.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    assert np.isfinite(energy)

    relaxation.ensemble.write(tmp_path / "relaxed.pdb")
    state.write(tmp_path / "first.xtc")
    written = mda.Universe(str(tmp_path / "relaxed.pdb"))
    assert written.atoms.names.tolist() == atoms.atoms.names.tolist()
    assert len(written.bonds) == len(atoms.bonds)
    assert len(written.trajectory) == N_SAMPLES
    again = mda.Universe(dipeptide.TOPOLOGY, str(tmp_path / "first.xtc"))
    np.testing.assert_allclose(
        again.atoms.positions, written.atoms.positions, atol=0.006
    )
