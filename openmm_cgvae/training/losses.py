"""Reconstruction, bond graph and Kullback-Leibler terms of the training objective."""

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor

from openmm_cgvae.model import Model, Reconstruction, TransferableModel
from openmm_cgvae.model.gaussian import Gaussian
from openmm_cgvae.model.graphs import GraphBatch

__all__ = [
    "LossTerms",
    "bond_length",
    "crowding",
    "kl_divergence",
    "objective",
    "reconstruction",
    "strain",
]

# Standard deviation of a bond length under the learned likelihood [Å], and how much
# its term counts: neighbouring distances are far from independent.
BOND_NOISE = 0.03
BOND_FRACTION = 0.1

N_NATURAL_DEVIATIONS = 3.0


@dataclass(frozen=True, eq=False)
class LossTerms:
    """The terms of the objective; each is a mean over the molecules of a batch.

    Parameters
    ----------
    total : Tensor
        What is minimised.
    reconstruction : Tensor
        Mean squared displacement of an atom [Å^2], L_MSD.
    bond_length : Tensor
        Mean squared error of the distances of close pairs [Å^2], L_graph.
    kl_divergence : Tensor
        Kullback-Leibler divergence of the latents of a bead [nats].
    code_cross_entropy : Tensor, optional
        Cross entropy of the codes of a bead, where beads have codes [nats].
    """

    total: Tensor
    reconstruction: Tensor
    bond_length: Tensor
    kl_divergence: Tensor
    code_cross_entropy: Tensor | None = None

    def to_dict(self) -> dict[str, Tensor]:
        """Return the terms by their names."""
        terms = {
            "total": self.total,
            "reconstruction": self.reconstruction,
            "bond_length": self.bond_length,
            "kl_divergence": self.kl_divergence,
        }
        if self.code_cross_entropy is not None:
            terms["code_cross_entropy"] = self.code_cross_entropy
        return terms


def reconstruction(positions: Tensor, batch: GraphBatch) -> Float[Tensor, ""]:
    """Compute the mean over atoms of the squared displacement, L_MSD [Å^2].

    Parameters
    ----------
    positions : Tensor, shape (n_atoms, 3)
        Generated positions [Å].
    batch : GraphBatch
        The reference, with atom positions.

    Returns
    -------
    Tensor
        Mean over the atoms of each molecule, then over molecules.
    """
    squared = ((positions - _reference(batch)) ** 2).sum(-1)
    return _molecule_mean(squared, batch.molecule_of_atom, batch)


def bond_length(positions: Tensor, batch: GraphBatch) -> Float[Tensor, ""]:
    """Compute the mean squared error of distances at most two bonds apart, L_graph.

    Parameters
    ----------
    positions : Tensor, shape (n_atoms, 3)
        Generated positions [Å].
    batch : GraphBatch
        The reference, with atom positions.

    Returns
    -------
    Tensor
        Mean over the pairs of each molecule, then over molecules (section 4.4).
    """
    return _molecule_mean(*_pair_errors(positions, batch), batch)


def strain(
    positions: Tensor,
    batch: GraphBatch,
    mean: Float[Tensor, " n_pairs"],
    std: Float[Tensor, " n_pairs"],
) -> Float[Tensor, ""]:
    """Compute the mean squared excess of close pairs' distances over those in data.

    A distance within three standard deviations of its mean costs nothing, so that
    structures may vibrate as much as the data do.

    Parameters
    ----------
    positions : Tensor, shape (n_atoms, 3)
        Generated positions [Å].
    batch : GraphBatch
        Copies of one molecule.
    mean, std : Tensor, shape (n_pairs,)
        Of the distances of the molecule's close pairs in data [Å].

    Returns
    -------
    Tensor
        Mean over pairs and molecules.
    """
    made = _pair_distances(positions, batch).reshape(batch.n_molecules, -1)
    excess = torch.relu((made - mean).abs() - N_NATURAL_DEVIATIONS * std)
    return (excess**2).mean()


def crowding(
    positions: Tensor, batch: GraphBatch, least: Float[Tensor, "n n"]
) -> Float[Tensor, ""]:
    """Compute the squared shortfall of distances less than ever seen in data [Å^2].

    Parameters
    ----------
    positions : Tensor, shape (n_atoms, 3)
        Generated positions [Å].
    batch : GraphBatch
        Copies of one molecule of n atoms.
    least : Tensor, shape (n, n)
        Least distance of every two atoms in data [Å]; 0 for pairs that do not count,
        each atom with itself among them.

    Returns
    -------
    Tensor
        Sum over pairs for every atom, mean over atoms.
    """
    structures = positions.reshape(batch.n_molecules, -1, 3)
    shortfall = torch.relu(least - torch.cdist(structures, structures))
    return (shortfall**2).sum() / len(positions)


def kl_divergence(posterior: Gaussian, prior: Gaussian) -> Float[Tensor, " n_beads"]:
    r"""Compute the divergence of the posterior from the prior, summed over channels.

    .. math::

        \mathrm{KL}(q \| p) = \sum_c \log\frac{\sigma_p}{\sigma_q}
            + \frac{\sigma_q^2 + (\mu_q - \mu_p)^2}{2 \sigma_p^2} - \frac{1}{2}

    Parameters
    ----------
    posterior, prior : Gaussian
        Distributions q and p of the latents of every bead.

    Returns
    -------
    Tensor, shape (n_beads,)
        Divergence of every bead [nats].

    Examples
    --------
    >>> unit = Gaussian(torch.zeros(1, 2), torch.ones(1, 2))
    >>> kl_divergence(Gaussian(unit.mean + 1, unit.std), unit).item()
    1.0
    """
    scale = posterior.std / prior.std
    shift = (posterior.mean - prior.mean) / prior.std
    return (0.5 * (scale**2 + shift**2 - 1) - torch.log(scale)).sum(-1)


def objective(
    model: Model | TransferableModel,
    batch: GraphBatch,
    result: Reconstruction,
    bond_weight: float | Tensor,
    kl_weight: float | Tensor,
    code_weight: float = 0.0,
) -> LossTerms:
    r"""Compute the training objective and its terms.

    With ``likelihood="fixed"`` the paper's :math:`L_\mathrm{MSD} + \gamma
    L_\mathrm{graph} + \beta L_\mathrm{KL}`, the divergence summed over channels and
    averaged over beads. With ``"learned"`` the negative evidence bound of a molecule
    per atom: a Gaussian with the learned standard deviation of each atom type, plus
    a tenth of a Gaussian of 0.03 Å on the distances of close pairs, plus
    ``kl_weight`` times the whole divergence. Where beads have codes, their cross
    entropy is added to the former.

    Parameters
    ----------
    model : Model or TransferableModel
        The model.
    batch : GraphBatch
        The reference, with atom positions.
    result : Reconstruction
        What the model made of it.
    bond_weight, kl_weight : float or Tensor
        gamma and beta.
    code_weight : float
        Weight of the cross entropy of codes.

    Returns
    -------
    LossTerms
        The terms.
    """
    squared = reconstruction(result.positions, batch)
    bonds = bond_length(result.positions, batch)
    divergence = kl_divergence(result.posterior, result.prior)
    per_bead = _molecule_mean(divergence, batch.molecule_of_bead, batch)
    if model.config.likelihood == "fixed":
        total = squared + bond_weight * bonds + kl_weight * per_bead
        if result.code_cross_entropy is None:
            return LossTerms(total, squared, bonds, per_bead)
        entropy = _molecule_mean(
            result.code_cross_entropy, batch.molecule_of_bead, batch
        )
        total = total + code_weight * entropy
        return LossTerms(total, squared, bonds, per_bead, entropy)
    log_noise = cast(Tensor, model.log_noise)[batch.atom_types]
    errors = ((result.positions - _reference(batch)) ** 2).sum(-1)
    negative_log_likelihood = 0.5 * errors * torch.exp(-2 * log_noise) + 3 * log_noise
    atoms = batch.molecule_of_atom
    fit = _molecule_mean(negative_log_likelihood, atoms, batch)
    stretch = _molecule_mean(*_pair_errors(result.positions, batch), batch, per=atoms)
    whole = _molecule_mean(divergence, batch.molecule_of_bead, batch, per=atoms)
    stiffness = 0.5 * BOND_FRACTION / BOND_NOISE**2
    total = fit + stiffness * stretch + kl_weight * whole
    return LossTerms(total, squared, bonds, per_bead)


def _reference(batch: GraphBatch) -> Tensor:
    if batch.atom_positions is None:
        raise ValueError(
            "`batch` has no atom positions to compare with; "
            "make the batch with atom_positions="
        )
    return batch.atom_positions


def _pair_errors(positions: Tensor, batch: GraphBatch) -> tuple[Tensor, Tensor]:
    """Compute squared errors of close pairs' distances, and find their molecules."""
    made = _pair_distances(positions, batch)
    true = _pair_distances(_reference(batch), batch)
    return (made - true) ** 2, batch.molecule_of_atom[batch.close_pairs[:, 0]]


def _pair_distances(positions: Tensor, batch: GraphBatch) -> Tensor:
    if batch.pair_matrix is None:
        first, second = batch.close_pairs.unbind(1)
        return torch.linalg.vector_norm(positions[first] - positions[second], dim=-1)
    columns = positions.reshape(batch.n_molecules, -1, 3).transpose(0, 1).flatten(1)
    gaps = (batch.pair_matrix @ columns).unflatten(1, (-1, 3))
    return torch.linalg.vector_norm(gaps, dim=-1).T.flatten()


def _molecule_mean(
    values: Tensor, molecules: Tensor, batch: GraphBatch, per: Tensor | None = None
) -> Tensor:
    """Compute the mean over each molecule, and over molecules.

    ``molecules`` holds the molecule of each value; ``per`` that of what to divide
    by, the values themselves by default.
    """
    divisor = molecules if per is None else per
    if batch.is_pooled:
        return values.sum() / max(len(divisor), 1)
    totals = values.new_zeros(batch.n_molecules).index_add(0, molecules, values)
    counts = torch.bincount(divisor, minlength=batch.n_molecules)
    return (totals / counts.clamp(min=1)).mean()
