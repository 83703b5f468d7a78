"""Rearranged batches: atoms permuted, beads renumbered, molecules side by side."""

from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from openmm_cgvae.model.graphs import GraphBatch

__all__ = [
    "as_edge_lists",
    "joined",
    "permuted_atoms",
    "permuted_beads",
    "with_fields",
]


def with_fields(batch: GraphBatch, **changes: Any) -> GraphBatch:
    """Return a batch with some fields changed.

    Parameters
    ----------
    batch : GraphBatch
        The batch.
    **changes
        Fields by name.

    Returns
    -------
    GraphBatch
        The changed batch.

    Examples
    --------
    >>> from openmm_cgvae.testing import MOLECULE, toy_batch
    >>> with_fields(toy_batch(MOLECULE), atoms_each=None).n_atoms
    11
    """
    return GraphBatch(**{**batch.__dict__, **changes})


def as_edge_lists(batch: GraphBatch) -> GraphBatch:
    """Return a batch that does not say that molecules are alike.

    Networks then use lists of edges in the place of dense blocks.

    Parameters
    ----------
    batch : GraphBatch
        Molecules of one size.

    Returns
    -------
    GraphBatch
        The same molecules.

    Examples
    --------
    >>> from openmm_cgvae.testing import MOLECULE, toy_batch
    >>> as_edge_lists(toy_batch(MOLECULE)).beads_each is None
    True
    """
    return with_fields(batch, atoms_each=None, beads_each=None)


def permuted_atoms(batch: GraphBatch, order: Int[Tensor, " n_atoms"]) -> GraphBatch:
    """Return a batch with atom ``order[k]`` in position k; each keeps its bead.

    Parameters
    ----------
    batch : GraphBatch
        The batch, with positions of its atoms.
    order : Tensor of int, shape (n_atoms,)
        A permutation that leaves atoms in their molecules.

    Returns
    -------
    GraphBatch
        The same molecules.

    Examples
    --------
    >>> from openmm_cgvae.testing import SINGLE, toy_batch
    >>> batch = toy_batch(SINGLE)
    >>> other = permuted_atoms(batch, torch.tensor([2, 0, 1]))
    >>> bool((other.atom_positions[0] == batch.atom_positions[2]).all())
    True
    """
    position = torch.argsort(order)
    atoms = batch.atom_positions
    return with_fields(
        batch,
        atom_types=batch.atom_types[order],
        bead_of_atom=batch.bead_of_atom[order],
        channel_of_atom=batch.channel_of_atom[order],
        weights=batch.weights[order],
        close_pairs=position[batch.close_pairs],
        atom_positions=None if atoms is None else atoms[order],
        pair_matrix=None,
    )


def permuted_beads(batch: GraphBatch, order: Int[Tensor, " n_beads"]) -> GraphBatch:
    """Return a batch in which bead ``order[k]`` has the index k.

    Parameters
    ----------
    batch : GraphBatch
        The batch.
    order : Tensor of int, shape (n_beads,)
        A permutation that leaves beads in their molecules.

    Returns
    -------
    GraphBatch
        The same molecules.

    Examples
    --------
    >>> from openmm_cgvae.testing import SMALLER, toy_batch
    >>> other = permuted_beads(toy_batch(SMALLER), torch.tensor([1, 0]))
    >>> other.bead_of_atom.tolist()
    [0, 1, 1, 1, 0]
    """
    rank = torch.argsort(order)
    return with_fields(
        batch,
        bead_of_atom=rank[batch.bead_of_atom],
        bead_positions=batch.bead_positions[order],
        references=rank[batch.references[order]],
        relations=batch.relations[order],
    )


def joined(first: GraphBatch, second: GraphBatch) -> GraphBatch:
    """Return two batches side by side, without the code that `collate` uses.

    Parameters
    ----------
    first, second : GraphBatch
        Batches, with positions of their atoms.

    Returns
    -------
    GraphBatch
        The molecules of both.

    Examples
    --------
    >>> from openmm_cgvae.testing import MOLECULE, SINGLE, toy_batch
    >>> joined(toy_batch(MOLECULE), toy_batch(SINGLE)).n_atoms
    14
    """
    # Indices of the second batch begin after those of the first.
    starts = {
        "bead_of_atom": first.n_beads,
        "references": first.n_beads,
        "close_pairs": first.n_atoms,
        "molecule_of_atom": first.n_molecules,
        "molecule_of_bead": first.n_molecules,
    }
    pairs = {
        name: (value, getattr(second, name))
        for name, value in first.__dict__.items()
        if isinstance(value, Tensor) and name != "pair_matrix"
    }
    return with_fields(
        first,
        **{
            name: torch.cat([one, other + starts.get(name, 0)])
            for name, (one, other) in pairs.items()
        },
        n_molecules=first.n_molecules + second.n_molecules,
        is_pooled=False,
        largest_bead=max(first.largest_bead, second.largest_bead),
        pair_matrix=None,
        atoms_each=None,
        beads_each=None,
    )
