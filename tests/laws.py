"""Laws that hold for every form of the model and for any weights."""

import numpy as np
import pytest
import torch
from toys import (
    as_edge_lists,
    ragged_batch,
    toy_batch,
    toy_molecule,
    toy_noise,
    toy_positions,
    with_fields,
)

TIGHT = 1e-9  # float64; positions are of the order of 10 A

# Beads of unlike sizes, atoms of a bead not always side by side.
MOLECULE = toy_molecule([0, 0, 1, 0, 1, 2, 2, 2, 3, 2, 3])
SMALLER = toy_molecule([1, 0, 0, 0, 1], weights=[1.0, 0.0, 2.0, 0.5, 3.0])
SINGLE = toy_molecule([0, 0, 0])


def random_isometry(seed=0, *, reflects=False):
    """Give a random orthogonal matrix of the asked hand, and a translation."""
    rng = np.random.default_rng(seed)
    matrix, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    matrix *= np.sign(np.linalg.det(matrix)) * (-1 if reflects else 1)
    dtype = torch.get_default_dtype()
    return (
        torch.tensor(matrix, dtype=dtype),
        torch.tensor(rng.normal(scale=5.0, size=3), dtype=dtype),
    )


def moved(batch, isometry):
    """Move atoms and beads of a batch."""
    matrix, shift = isometry
    return batch.with_positions(
        batch.bead_positions @ matrix.T + shift,
        batch.atom_positions @ matrix.T + shift,
    )


def assert_same(made, expected, tolerance=TIGHT):
    torch.testing.assert_close(made, expected, rtol=0, atol=tolerance)


def assert_different(made, other, at_least=1e-4):
    assert (made - other).abs().max() > at_least


def assert_equivariant(function, batch, isometry, tolerance=TIGHT):
    """``function`` of a batch gives positions that move with the batch."""
    matrix, shift = isometry
    expected = function(batch) @ matrix.T + shift
    assert_same(function(moved(batch, isometry)), expected, tolerance)


def assert_invariant(function, batch, isometry, tolerance=TIGHT):
    assert_same(function(moved(batch, isometry)), function(batch), tolerance)


def assert_same_with_gradients(made, expected, leaves, tolerance=1e-10):
    """Two ways to the same tensor agree, and so do their slopes by every leaf."""
    assert_same(made, expected, tolerance)
    directions = torch.cos(torch.arange(made.numel(), dtype=made.dtype))
    slopes = [
        _slopes((v.reshape(-1) * directions).sum(), leaves) for v in (made, expected)
    ]
    for first, second in zip(*slopes, strict=True):
        scale = max([1.0, *second.abs().reshape(-1).tolist()])
        assert_same(first, second, tolerance * scale)


def _slopes(total, leaves):
    """Slopes by every leaf, zero where the total does not depend on it."""
    if not total.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    slopes = torch.autograd.grad(total, leaves, allow_unused=True, retain_graph=True)
    pairs = zip(leaves, slopes, strict=True)
    return [torch.zeros_like(leaf) if s is None else s for leaf, s in pairs]


def permuted_atoms(batch, order):
    """Put atom ``order[k]`` at place k; each keeps its bead and its channel."""
    place = torch.argsort(order)
    return with_fields(
        batch,
        atom_types=batch.atom_types[order],
        bead_of_atom=batch.bead_of_atom[order],
        channel_of_atom=batch.channel_of_atom[order],
        weights=batch.weights[order],
        close_pairs=place[batch.close_pairs],
        atom_positions=batch.atom_positions[order],
        pair_matrix=None,
    )


def permuted_beads(batch, order):
    """Give bead ``order[k]`` the number k."""
    return with_fields(
        batch,
        bead_of_atom=torch.argsort(order)[batch.bead_of_atom],
        bead_positions=batch.bead_positions[order],
        references=torch.argsort(order)[batch.references[order]],
        relations=batch.relations[order],
    )


def coordinates(made):
    """Everything a forward pass gives, by name."""
    return {
        "positions": made.positions,
        "posterior mean": made.posterior.mean,
        "posterior std": made.posterior.std,
        **prior_numbers(made.prior),
    }


def prior_numbers(prior):
    """What a prior draws and how dense it is there."""
    latents = prior.draw(torch.ones_like(getattr(prior, "base", prior).mean))
    return {"prior draw": latents, "prior density": prior.log_density(latents)}


@pytest.mark.usefixtures("double_precision")
class ModelLaws:
    """What every model has to obey; give a fixture ``model`` in float64."""

    @pytest.fixture
    def batch(self):
        return toy_batch(MOLECULE, n_frames=2)

    def test_what_is_made_maps_back_to_its_beads(self, model, batch):
        made = model.sample(batch, toy_noise(batch, model.n_latents)).detach().numpy()
        beads = MOLECULE.mapping.project(made.reshape(2, -1, 3))
        np.testing.assert_allclose(
            beads.reshape(-1, 3), batch.bead_positions, atol=TIGHT
        )

    @pytest.mark.parametrize("seed", [0, 1])
    def test_atoms_turn_and_move_with_the_beads(self, model, batch, seed):
        noise = toy_noise(batch, model.n_latents)
        isometry = random_isometry(seed)
        assert_equivariant(lambda b: model(b, noise).positions, batch, isometry)
        assert_equivariant(lambda b: model.sample(b, noise), batch, isometry)

    def test_latents_do_not_see_turns(self, model, batch):
        isometry = random_isometry(3)
        assert_invariant(lambda b: model.encoder(b).mean, batch, isometry)
        assert_invariant(lambda b: model.encoder(b).std, batch, isometry)
        for name in ("prior draw", "prior density"):
            assert_invariant(
                lambda b, n=name: prior_numbers(model.prior(b))[n], batch, isometry
            )

    def test_atoms_come_in_the_order_they_went(self, model, batch):
        order = torch.randperm(
            batch.n_atoms // 2, generator=torch.Generator().manual_seed(1)
        )
        order = torch.cat([order, order.flip(0) + len(order)])
        noise = toy_noise(batch, model.n_latents)
        made, other = model(batch, noise), model(permuted_atoms(batch, order), noise)
        assert_same(other.positions, made.positions[order])
        assert_same(other.posterior.mean, made.posterior.mean)
        for name, value in prior_numbers(made.prior).items():
            assert_same(prior_numbers(other.prior)[name], value)

    def test_numbers_of_beads_mean_nothing(self, model, batch):
        order = torch.tensor([2, 0, 3, 1, 5, 4, 7, 6])
        noise = toy_noise(batch, model.n_latents)
        made = model(batch, noise)
        other = model(permuted_beads(batch, order), noise[order])
        assert_same(other.positions, made.positions)
        assert_same(other.posterior.mean, made.posterior.mean[order])
        for name, value in prior_numbers(made.prior).items():
            assert_same(prior_numbers(other.prior)[name], value[order])

    def test_a_batch_is_its_molecules_one_at_a_time(self, model):
        molecules = [MOLECULE, SMALLER, SINGLE, MOLECULE]
        batch = ragged_batch(molecules)
        noise = toy_noise(batch, model.n_latents)
        together = coordinates(model(batch, noise))
        splits = noise.split([m.mapping.n_beads for m in molecules])
        alone = [
            coordinates(model(toy_batch(m, seed=k), own))
            for k, (m, own) in enumerate(zip(molecules, splits, strict=True))
        ]
        for name, value in together.items():
            assert_same(value, torch.cat([part[name] for part in alone]))

    def test_a_batch_of_one_kind_is_its_frames_one_at_a_time(self, model, batch):
        noise = toy_noise(batch, model.n_latents)
        together = coordinates(model(batch, noise))
        atoms, beads = toy_positions(MOLECULE, n_frames=2)
        graph = toy_batch(MOLECULE)
        alone = [
            coordinates(model(graph.with_positions(beads[k], atoms[k]), own))
            for k, own in enumerate(noise.chunk(2))
        ]
        for name, value in together.items():
            assert_same(value, torch.cat([part[name] for part in alone]))

    def test_molecules_come_in_the_order_they_went(self, model):
        first, second = toy_batch(MOLECULE, seed=0), toy_batch(SMALLER, seed=1)
        noises = (
            toy_noise(first, model.n_latents),
            toy_noise(second, model.n_latents, seed=1),
        )
        expected = torch.cat(
            [
                model(second, noises[1]).positions,
                model(first, noises[0]).positions,
            ]
        )
        swapped = _joined(second, first)
        made = model(swapped, torch.cat([noises[1], noises[0]])).positions
        assert_same(made, expected)

    def test_blocks_and_edge_lists_agree(self, model, batch):
        noise = toy_noise(batch, model.n_latents)
        leaves = list(model.parameters())
        blocks = coordinates(model(batch, noise))
        lists = coordinates(model(as_edge_lists(batch), noise))
        for name, value in blocks.items():
            assert_same_with_gradients(value, lists[name], leaves)

    def test_a_bead_out_of_reach_changes_nothing(self, model):
        near = toy_batch(MOLECULE)
        noise = toy_noise(near, model.n_latents)
        cutoff = max(model.config.bead_cutoff, model.config.atom_cutoff)
        is_last = near.bead_of_atom == near.n_beads - 1
        results = []
        for further in (3.0, 30.0):
            shift = torch.tensor([20 * cutoff + further, 0.0, 0.0])
            beads = near.bead_positions.clone()
            beads[-1] += shift
            atoms = near.atom_positions + shift * is_last[:, None]
            made = model(near.with_positions(beads, atoms), noise)
            results.append(coordinates(made))
            results[-1]["positions"] = made.positions[~is_last]
        for name in results[0]:
            assert_same(results[0][name], results[1][name])

    def test_two_beads_give_atoms_on_their_line(self, model):
        # A turn about the line through both beads changes nothing, so no direction
        # across it can be told from another.
        batch = toy_batch(toy_molecule([0, 0, 0, 1, 1]))
        made = model.sample(batch, toy_noise(batch, model.n_latents))
        first, second = batch.bead_positions
        across = torch.linalg.cross(made - first, (second - first)[None], dim=1)
        assert across.abs().max() < TIGHT

    @pytest.mark.parametrize(
        "beads",
        [
            [[0.0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]],
            [[0.0, 0, 0], [0, 0, 0], [2, 0, 0], [2, 1, 0]],
            [[0.0, 0, 0], [1, 0, 0], [3, 0, 0], [4, 0, 0]],
        ],
        ids=["all coincide", "two coincide", "collinear"],
    )
    def test_slopes_are_finite_where_geometry_is_not_generic(self, model, beads):
        batch = toy_batch(MOLECULE)
        bead_positions = torch.tensor(beads, requires_grad=True)
        atoms = bead_positions[batch.bead_of_atom]  # every atom on its bead
        check_slopes(model, batch.with_positions(bead_positions, atoms), bead_positions)

    def test_a_single_bead_keeps_its_atoms_at_its_centre(self, model):
        # Nothing breaks the symmetry: no direction to put an atom in.
        batch = toy_batch(SINGLE)
        made = model.sample(batch, toy_noise(batch, model.n_latents))
        assert_same(made, batch.bead_positions.expand(3, 3))
        beads = batch.bead_positions.requires_grad_()
        check_slopes(model, batch.with_positions(beads, batch.atom_positions), beads)

    def test_a_bead_of_one_atom_is_that_atom(self, model):
        batch = toy_batch(toy_molecule([0, 1, 2, 2]))
        made = model(batch, toy_noise(batch, model.n_latents)).positions
        assert_same(made[:2], batch.bead_positions[:2])

    def test_zero_weights_of_the_network_still_keep_the_beads(self, model, batch):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.zero_()
        made = model.sample(batch, toy_noise(batch, model.n_latents))
        assert_same(made, batch.bead_positions[batch.bead_of_atom])


def check_slopes(model, batch, beads):
    made = model(batch, toy_noise(batch, model.n_latents))
    total = made.positions.square().sum() + made.posterior.mean.square().sum()
    total = total + made.posterior.std.sum()
    total = total + sum(value.sum() for value in prior_numbers(made.prior).values())
    leaves = [beads, *model.parameters()]
    slopes = torch.autograd.grad(total, leaves, allow_unused=True)
    assert all(torch.isfinite(s).all() for s in slopes if s is not None)
    assert slopes[0] is not None


def _joined(first, second):
    """Put two batches side by side, without the code under test."""
    return with_fields(
        first,
        atom_types=torch.cat([first.atom_types, second.atom_types]),
        bead_of_atom=torch.cat(
            [first.bead_of_atom, second.bead_of_atom + first.n_beads]
        ),
        channel_of_atom=torch.cat([first.channel_of_atom, second.channel_of_atom]),
        weights=torch.cat([first.weights, second.weights]),
        close_pairs=torch.cat([first.close_pairs, second.close_pairs + first.n_atoms]),
        references=torch.cat([first.references, second.references + first.n_beads]),
        relations=torch.cat([first.relations, second.relations]),
        molecule_of_atom=torch.cat(
            [first.molecule_of_atom, second.molecule_of_atom + first.n_molecules]
        ),
        molecule_of_bead=torch.cat(
            [first.molecule_of_bead, second.molecule_of_bead + first.n_molecules]
        ),
        n_molecules=first.n_molecules + second.n_molecules,
        is_pooled=False,
        largest_bead=max(first.largest_bead, second.largest_bead),
        pair_matrix=None,
        atoms_each=None,
        beads_each=None,
        bead_positions=torch.cat([first.bead_positions, second.bead_positions]),
        atom_positions=torch.cat([first.atom_positions, second.atom_positions]),
    )
