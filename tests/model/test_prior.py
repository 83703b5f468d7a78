import pytest
import torch
from reference import equations
from test_encoder import ASSIGNMENTS, CUTOFFS, SMALL, leaves_of

from openmm_cgvae.model.prior import Prior
from openmm_cgvae.testing import (
    as_edge_lists,
    assert_same,
    assert_same_with_gradients,
    toy_batch,
    toy_config,
    toy_molecule,
)

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.mark.parametrize("messages", ["product", "sender"])
@pytest.mark.parametrize("n_beads", list(ASSIGNMENTS))
def test_is_that_of_e1(n_beads, messages):
    config = toy_config(
        messages=messages, pool_degree=1.5, bead_degree=3.0, **SMALL, **CUTOFFS
    )
    module = Prior(config, n_types=4)
    batch, (_, beads) = leaves_of(toy_batch(toy_molecule(ASSIGNMENTS[n_beads])))
    mean, std = equations.prior(
        module, list(beads), batch.bead_of_atom.tolist(), batch.atom_types.tolist()
    )
    leaves = [beads, *module.parameters()]
    for layout in (batch, as_edge_lists(batch)):
        made = module(layout)
        assert_same_with_gradients(made.mean, mean, leaves)
        assert_same_with_gradients(made.std, std, leaves)


def test_does_not_look_at_atoms():
    module = Prior(toy_config(), n_types=4)
    batch = toy_batch(toy_molecule([0, 0, 1, 1]))
    without = batch.with_positions(batch.bead_positions)
    assert_same(module(without).mean, module(batch).mean)


def test_tells_beads_of_other_atoms_apart():
    module = Prior(toy_config(prior_layers=0), n_types=4)
    made = module(toy_batch(toy_molecule([0, 1, 2], elements=[6, 6, 8]))).mean
    assert_same(made[0], made[1])
    assert (made[0] - made[2]).abs().max() > 1e-6


def test_is_smooth_at_the_cutoff():
    module = Prior(toy_config(), n_types=4)
    batch = toy_batch(toy_molecule([0, 1, 2]))

    def latents(distance):
        positions = torch.tensor([[0.0, 0, 0], [-1, 1, 0], [distance, 0, 0]])
        return module(batch.with_positions(positions)).mean

    cutoff = module.config.bead_cutoff
    assert_same(latents(cutoff - 1e-4), latents(cutoff + 1e-4), 1e-6)
