import math

import pytest
import torch
from reference import equations

from openmm_cgvae.model import Reconstruction
from openmm_cgvae.model.gaussian import Gaussian
from openmm_cgvae.testing import (
    MOLECULE,
    SINGLE,
    SMALLER,
    assert_same,
    assert_same_with_gradients,
    ragged_batch,
    toy_batch,
    toy_model,
    toy_molecule,
    toy_noise,
    with_fields,
)
from openmm_cgvae.training import losses

GAMMA, BETA = 25.0, 0.05

pytestmark = pytest.mark.usefixtures("double_precision")


def gaussian(n_beads, seed):
    generator = torch.Generator().manual_seed(seed)
    mean, log_std = torch.randn(
        2, n_beads, 3, generator=generator, dtype=torch.float64
    ).unbind(0)
    return Gaussian(mean, log_std.exp())


def made_up(batch, seed=0):
    """A reconstruction that is off by about 0.3 A."""
    generator = torch.Generator().manual_seed(seed)
    off = 0.3 * torch.randn(batch.n_atoms, 3, generator=generator, dtype=torch.float64)
    positions = (batch.atom_positions + off).requires_grad_()
    posterior, prior = gaussian(batch.n_beads, 1), gaussian(batch.n_beads, 2)
    return Reconstruction(positions, posterior, prior)


class TestTerms:
    def test_reconstruction_is_l_msd(self):
        batch = toy_batch(MOLECULE)
        made = made_up(batch).positions
        expected = equations.l_msd(made, batch.atom_positions)
        assert_same_with_gradients(losses.reconstruction(made, batch), expected, [made])

    def test_reconstruction_by_hand(self):
        # One of two atoms is off by 3 and 4 A.
        batch = toy_batch(toy_molecule([0, 0]))
        made = batch.atom_positions + torch.tensor([[3.0, 4.0, 0.0], [0, 0, 0]])
        assert_same(losses.reconstruction(made, batch), torch.tensor(12.5))

    def test_bond_length_is_l_graph_over_bonds_and_angles(self):
        batch = toy_batch(MOLECULE)
        made = made_up(batch).positions
        table = MOLECULE.atom_table
        pairs = equations.two_hop_pairs(table.bonds.tolist(), table.n_atoms)
        expected = equations.l_graph(made, batch.atom_positions, pairs)
        assert_same_with_gradients(losses.bond_length(made, batch), expected, [made])

    def test_bond_length_does_not_see_turns(self):
        batch = toy_batch(MOLECULE)
        turned = batch.atom_positions[:, [1, 2, 0]] + 3.0
        assert losses.bond_length(turned, batch) < 1e-20

    def test_a_molecule_without_bonds_has_no_bond_term(self):
        alone = toy_molecule([0])
        for batch in (toy_batch(alone, n_frames=2), ragged_batch([alone, alone])):
            made = batch.atom_positions + 1.0
            assert losses.bond_length(made, batch) == 0

    def test_divergence_is_that_of_torch(self):
        posterior, prior = gaussian(4, 1), gaussian(4, 2)
        expected = torch.distributions.kl_divergence(
            torch.distributions.Normal(posterior.mean, posterior.std),
            torch.distributions.Normal(prior.mean, prior.std),
        ).sum(-1)
        assert_same(losses.kl_divergence(posterior, prior), expected)

    def test_divergence_from_itself_is_zero_and_its_slope_too(self):
        prior = gaussian(4, 2)
        mean = prior.mean.clone().requires_grad_()
        made = losses.kl_divergence(Gaussian(mean, prior.std), prior)
        (gradient,) = torch.autograd.grad(made.sum(), [mean])
        assert made.abs().max() < 1e-14
        assert (gradient == 0).all()

    def test_divergence_is_not_symmetric(self):
        # A wide posterior under a narrow prior costs more than the other way round.
        narrow = Gaussian(torch.zeros(1, 1), torch.full((1, 1), 0.1))
        wide = Gaussian(torch.zeros(1, 1), torch.ones(1, 1))
        expected = math.log(0.1) + 100 / 2 - 0.5
        assert_same(losses.kl_divergence(wide, narrow), torch.tensor([expected]))

    @pytest.mark.parametrize("term", [losses.reconstruction, losses.bond_length])
    def test_atoms_to_compare_with_are_needed(self, term):
        batch = toy_batch(MOLECULE)
        without = batch.with_positions(batch.bead_positions)
        with pytest.raises(ValueError, match="`batch` has no atom positions"):
            term(batch.atom_positions, without)


class TestObjective:
    def test_is_the_bound_of_section_4_4(self):
        batch = toy_batch(MOLECULE)
        result = made_up(batch)
        made = losses.objective(toy_model(), batch, result, GAMMA, BETA)
        table = MOLECULE.atom_table
        pairs = equations.two_hop_pairs(table.bonds.tolist(), table.n_atoms)
        q, p = result.posterior, result.prior
        expected = (
            equations.l_msd(result.positions, batch.atom_positions)
            + GAMMA * equations.l_graph(result.positions, batch.atom_positions, pairs)
            + BETA * equations.l_kl((q.mean, q.std), (p.mean, p.std))
        )
        assert_same_with_gradients(made.total, expected, [result.positions])

    def test_total_is_the_weighted_sum_of_its_terms(self):
        batch = toy_batch(MOLECULE, n_frames=3)
        made = losses.objective(toy_model(), batch, made_up(batch), GAMMA, BETA)
        total = made.reconstruction + GAMMA * made.bond_length
        assert_same(made.total, total + BETA * made.kl_divergence)

    def test_learned_likelihood_is_a_gaussian_of_every_atom_type(self):
        model = toy_model(likelihood="learned")
        with torch.no_grad():
            model.log_noise.copy_(torch.tensor([-1.0, -0.5, 0.2, -2.0]))
        batch = toy_batch(MOLECULE)
        result = made_up(batch)
        made = losses.objective(model, batch, result, GAMMA, BETA)
        expected = self.literal_bound(model, batch, result)
        leaves = [result.positions, model.log_noise]
        assert_same_with_gradients(made.total, expected, leaves)

    def literal_bound(self, model, batch, result):
        """Minus the log-likelihoods of torch, per atom, without their constants."""
        normal = torch.distributions.Normal
        half_log_two_pi = 0.5 * math.log(2 * math.pi)
        negative_log_likelihood = 0.0
        for made, true, kind in zip(
            result.positions, batch.atom_positions, batch.atom_types, strict=True
        ):
            std = model.log_noise[kind].exp()
            negative_log_likelihood = (
                negative_log_likelihood - normal(made, std).log_prob(true).sum()
            )
            negative_log_likelihood = negative_log_likelihood - 3 * half_log_two_pi
        for i, j in batch.close_pairs.tolist():
            made = equations.distance(result.positions[i], result.positions[j])
            true = equations.distance(batch.atom_positions[i], batch.atom_positions[j])
            noise = losses.BOND_NOISE
            log_likelihood = normal(made, noise).log_prob(true)
            constant = half_log_two_pi + math.log(noise)
            negative_log_likelihood = negative_log_likelihood - losses.BOND_FRACTION * (
                log_likelihood + constant
            )
        divergence = losses.kl_divergence(result.posterior, result.prior).sum()
        return (negative_log_likelihood + BETA * divergence) / batch.n_atoms

    @pytest.mark.parametrize("likelihood", ["fixed", "learned"])
    def test_of_a_batch_is_the_mean_of_its_molecules(self, likelihood):
        molecules = [MOLECULE, SINGLE, SMALLER, MOLECULE]
        model = toy_model(likelihood=likelihood)
        batch = ragged_batch(molecules)
        noise = toy_noise(batch)
        together = losses.objective(model, batch, model(batch, noise), GAMMA, BETA)
        alone = []
        splits = noise.split([m.mapping.n_beads for m in molecules])
        for k, (molecule, own) in enumerate(zip(molecules, splits, strict=True)):
            one = toy_batch(molecule, seed=k)
            alone.append(losses.objective(model, one, model(one, own), GAMMA, BETA))
        for name in ("total", "reconstruction", "bond_length", "kl_divergence"):
            mean = torch.stack([getattr(terms, name) for terms in alone]).mean()
            assert_same(getattr(together, name), mean)

    @pytest.mark.parametrize("likelihood", ["fixed", "learned"])
    def test_does_not_depend_on_being_told_that_molecules_are_alike(self, likelihood):
        model = toy_model(likelihood=likelihood)
        batch = toy_batch(MOLECULE, n_frames=3)
        result = made_up(batch)
        made = losses.objective(model, batch, result, GAMMA, BETA)
        other = losses.objective(
            model, with_fields(batch, is_pooled=False), result, GAMMA, BETA
        )
        assert_same(other.total, made.total)

    def test_every_weight_that_can_matter_gets_a_slope(self):
        model = toy_model(pseudoscalar_init=1.0)
        batch = toy_batch(MOLECULE)
        result = model(batch, toy_noise(batch))
        total = losses.objective(model, batch, result, GAMMA, BETA).total
        names, weights = zip(*model.named_parameters(), strict=True)
        gradients = torch.autograd.grad(total, weights, allow_unused=True)
        idle = [
            name
            for name, gradient in zip(names, gradients, strict=True)
            if gradient is None or not (gradient != 0).any()
        ]
        # Nothing reads the scalars that the last update makes.
        assert idle == ["decoder.updates.2.alpha.weight"]


class TestStrain:
    def test_only_what_data_do_not_do_costs(self):
        batch = toy_batch(MOLECULE, n_frames=3)
        first, second = batch.close_pairs.unbind(1)
        gaps = batch.atom_positions[first] - batch.atom_positions[second]
        distances = gaps.norm(dim=-1).reshape(batch.n_molecules, -1)
        std = torch.full_like(distances[0], 0.05)
        mean = distances[0] + 0.25
        made = losses.strain(batch.atom_positions, batch, mean, std)
        excess = ((distances - mean).abs() - 3 * 0.05).clamp(min=0)
        assert_same(made, (excess**2).mean())

    @pytest.mark.parametrize(("off", "cost"), [(0.149, 0.0), (0.25, 0.1**2)])
    def test_three_deviations_are_free(self, off, cost):
        batch = toy_batch(MOLECULE)
        first, second = batch.close_pairs.unbind(1)
        gaps = batch.atom_positions[first] - batch.atom_positions[second]
        mean, std = gaps.norm(dim=-1) + off, torch.full((len(first),), 0.05)
        made = losses.strain(batch.atom_positions, batch, mean, std.double())
        assert made.item() == pytest.approx(cost)


class TestCrowding:
    def test_by_hand(self):
        batch = toy_batch(toy_molecule([0, 0, 1]), n_frames=2)
        structures = torch.tensor(
            [[[0.0, 0, 0], [1, 0, 0], [3, 0, 0]], [[0, 0, 0], [4, 0, 0], [0, 2, 0]]]
        )
        least = torch.tensor([[0.0, 0, 2.5], [0, 0, 2.5], [2.5, 2.5, 0]])
        made = losses.crowding(structures.reshape(-1, 3), batch, least)
        # 1 and 2 are 0.5 A too close in the first, 0 and 2 in the second; each pair
        # is counted from both ends, over six atoms.
        assert made.item() == pytest.approx(4 * 0.5**2 / 6)

    def test_what_data_do_costs_nothing_and_has_finite_slopes(self):
        batch = toy_batch(MOLECULE, n_frames=3)
        positions = batch.atom_positions.clone().requires_grad_()
        frames = batch.atom_positions.reshape(3, -1, 3)
        least = torch.cdist(frames, frames).amin(0)
        cost = losses.crowding(positions, batch, least - 1e-9)
        assert cost.item() == 0.0
        (gradient,) = torch.autograd.grad(cost, positions)
        assert torch.isfinite(gradient).all()
