"""Codebook: a discrete latent of every bead, the nearest of learned conformations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.model.graphs import GraphBatch, atom_types_of
from openmm_cgvae.model.k_means import k_means
from openmm_cgvae.model.layers.bonded_frames import LocalFrames
from openmm_cgvae.molecules import AtomTable

__all__ = ["BeadType", "Codebook", "CodedBatch", "bead_types_of"]

BeadType = tuple[str, ...]

# The logarithm of the frequency of codes that a type of bead does not have.
NEVER = -1e4
# Beads of a type that conformations are learned from, and how many there have to be
# for each code and for each subcode.
MOST_BEADS = 20_000
FEWEST_OF_CODE, FEWEST_OF_SUBCODE = 30, 20


def bead_types_of(
    atom_table: AtomTable, mapping: Mapping, vocabulary: Sequence[str]
) -> list[BeadType]:
    """Return the type of every bead: the words of its heavy atoms, sorted.

    Parameters
    ----------
    atom_table : AtomTable
        The atoms.
    mapping : Mapping
        Their beads.
    vocabulary : sequence of str
        Atom types of a model, as `graphs.atom_types_of` spells them.

    Returns
    -------
    list of tuple of str
        One type for each bead.
    """
    kind = "identity" if any(":" in word for word in vocabulary) else "element"
    words: list[list[str]] = [[] for _ in range(mapping.n_beads)]
    atom_types = atom_types_of(atom_table, kind)
    for atom in np.flatnonzero(atom_table.is_heavy):
        words[mapping.bead_of_atom[atom]].append(atom_types[atom])
    return [tuple(sorted(each)) for each in words]


class Codebook(nn.Module):
    r"""Conformations of each type of bead, in a tree of two levels.

    A vector quantisation [1]_ of the heavy atoms of a bead: the code of a bead is the
    nearest centroid :math:`k_1` of its type, and the nearest :math:`k_2` of the
    centroids that this one is divided into. Atoms are compared in the first local
    frame of the bead, so codes are invariant, and differ for mirror images. Centroids
    come from `learn`, by k-means, and from no gradient.

    Parameters
    ----------
    bead_types : sequence of tuple of str
        The words of the heavy atoms of each type of bead, as `bead_types_of` returns
        them; repeated ones count once.
    vocabulary : sequence of str
        Atom types of the model.
    n_codes, n_subcodes : int
        Centroids of a type at most, and of each of these.

    References
    ----------
    .. [1] A. van den Oord, O. Vinyals and K. Kavukcuoglu, "Neural discrete
       representation learning", *NeurIPS* (2017), arXiv:1711.00937.

    Examples
    --------
    >>> codebook = Codebook([("ALA:CA", "ALA:CB")], ["ALA:CA", "ALA:CB"], 4, 2)
    >>> codebook.fine.shape  # type, code, subcode, atom, xyz
    torch.Size([1, 4, 2, 2, 3])
    """

    def __init__(
        self,
        bead_types: Iterable[BeadType],
        vocabulary: Sequence[str],
        n_codes: int,
        n_subcodes: int,
    ) -> None:
        super().__init__()
        self.bead_types = tuple(sorted({tuple(sorted(each)) for each in bead_types}))
        self.n_codes, self.n_subcodes = n_codes, n_subcodes
        rank = {word: index for index, word in enumerate(vocabulary)}
        rows = [sorted(rank[word] for word in each) for each in self.bead_types]
        n_slots = max(map(len, rows), default=0)
        padded = [[*row, *[-1] * (n_slots - len(row))] for row in rows]
        heavy = {index for row in rows for index in row}
        is_heavy = [index in heavy for index in range(len(rank))]
        shape = (len(rows), n_codes, n_subcodes)
        for name, static in (
            ("atom_types", torch.tensor(padded, dtype=torch.int64)),
            ("is_heavy", torch.tensor(is_heavy)),
        ):
            self.register_buffer(name, static, persistent=False)
        self.register_buffer("coarse", torch.zeros(*shape[:2], n_slots, 3))
        self.register_buffer("fine", torch.zeros(*shape, n_slots, 3))
        self.register_buffer("coarse_log_frequency", torch.full(shape[:2], NEVER))
        self.register_buffer("fine_log_frequency", torch.full(shape, NEVER))
        # Until something is learned there is one code: all atoms at the bead.
        self.coarse_log_frequency[:, 0] = self.fine_log_frequency[:, :, 0] = 0.0
        self.atom_types: Int[Tensor, "n_types n_slots"]
        self.is_heavy: Tensor
        self.coarse: Float[Tensor, "n_types n_codes n_slots 3"]
        self.fine: Float[Tensor, "n_types n_codes n_subcodes n_slots 3"]
        self.coarse_log_frequency: Float[Tensor, "n_types n_codes"]
        self.fine_log_frequency: Float[Tensor, "n_types n_codes n_subcodes"]

    def check(self, bead_types: Iterable[BeadType]) -> None:
        """Check that there are codes for beads.

        Parameters
        ----------
        bead_types : iterable of tuple of str
            Types of the beads of a molecule.

        Raises
        ------
        ValueError
            If one is unknown.
        """
        unknown = sorted(set(bead_types) - set(self.bead_types))
        if unknown:
            raise ValueError(
                f"`molecule` has a bead of the heavy atoms {' '.join(unknown[0])}, for "
                "which the model has no codes; train a model on such molecules"
            )

    def read(self, batch: GraphBatch) -> "CodedBatch":
        """Find the type of every bead of a batch, and the slot of every atom.

        Parameters
        ----------
        batch : GraphBatch
            The beads.

        Returns
        -------
        CodedBatch
            The batch with types and slots.

        Raises
        ------
        ValueError
            If a bead is of an unknown type.
        """
        heavy = torch.nonzero(self.is_heavy[batch.atom_types]).squeeze(1)
        beads, words = batch.bead_of_atom[heavy], batch.atom_types[heavy]
        order = torch.argsort(beads * len(self.is_heavy) + words, stable=True)
        heavy, beads, words = heavy[order], beads[order], words[order]
        counts = torch.bincount(beads, minlength=batch.n_beads)
        starts = counts.cumsum(0) - counts
        slots = torch.arange(len(heavy), device=heavy.device) - starts[beads]
        # Of a bead of more heavy atoms than any type, the last slot holds the rest.
        n_slots = self.atom_types.shape[1]
        made_of = words.new_full((batch.n_beads, n_slots + 1), -1)
        made_of[beads, slots.clamp(max=n_slots)] = words
        padded = nn.functional.pad(self.atom_types, (0, 1), value=-1)
        matches = (made_of[:, None] == padded).all(-1)  # [n_beads, n_types]
        if not matches.any(1).all():
            raise ValueError(
                "`batch` has beads of other heavy atoms than the model has codes for; "
                "train a model on such molecules"
            )
        slot_of_atom = batch.atom_types.new_full((batch.n_atoms,), -1)
        slot_of_atom[heavy] = slots
        return CodedBatch(self, batch, matches.int().argmax(1), slot_of_atom)

    @torch.no_grad()
    def learn(self, batches: Iterable[GraphBatch], seed: int = 0) -> None:
        """Learn the conformations of each type of bead from structures, by k-means.

        Parameters
        ----------
        batches : iterable of GraphBatch
            Structures; of each type a sample of at most `MOST_BEADS` is kept.
        seed : int
            Seed of that sample and of the first centroids.
        """
        generator = torch.Generator().manual_seed(seed)
        points: list[Tensor] = [self.fine.new_zeros(0)] * len(self.bead_types)
        priorities = [torch.zeros(0)] * len(points)
        for batch in batches:
            coded = self.read(batch)
            local = coded.local_coordinates().flatten(1)
            for kind in coded.bead_types.unique().tolist():
                found = local[coded.bead_types == kind]
                found = torch.cat([points[kind].reshape(-1, found.shape[1]), found])
                # The beads of the highest of random numbers are a fair sample of all.
                drawn = torch.rand(
                    len(found) - len(priorities[kind]), generator=generator
                )
                drawn = torch.cat([priorities[kind], drawn])
                kept = drawn.topk(min(MOST_BEADS, len(drawn))).indices
                points[kind], priorities[kind] = found[kept], drawn[kept]
        for kind, found in enumerate(points):
            if len(found):
                self._learn_type(kind, found, generator)

    def _learn_type(
        self, kind: int, points: Tensor, generator: torch.Generator
    ) -> None:
        """Learn the centroids of one type, and those that each is divided into."""
        n_codes = _n_clusters(len(points), FEWEST_OF_CODE, self.n_codes)
        centroids, codes = k_means(points, n_codes, generator)
        self.coarse[kind, :n_codes] = centroids.unflatten(1, (-1, 3))
        self.coarse_log_frequency[kind] = _log_frequency(codes, n_codes, self.n_codes)
        for code in range(n_codes):
            members = points[codes == code]
            if not len(members):
                members = centroids[code : code + 1]
            n = _n_clusters(len(members), FEWEST_OF_SUBCODE, self.n_subcodes)
            children, subcodes = k_means(members, n, generator)
            self.fine[kind, code, :n] = children.unflatten(1, (-1, 3))
            self.fine_log_frequency[kind, code] = _log_frequency(
                subcodes, n, self.n_subcodes
            )


@dataclass(frozen=True, eq=False)
class CodedBatch:
    """A batch, and what a codebook knows of its beads.

    Parameters
    ----------
    codebook : Codebook
        The codebook.
    batch : GraphBatch
        The beads.
    bead_types : Tensor of int, shape (n_beads,)
        The type of every bead.
    slot_of_atom : Tensor of int, shape (n_atoms,)
        The rank of every atom among the heavy atoms of its bead by their types; -1 for
        hydrogens.
    """

    codebook: Codebook
    batch: GraphBatch
    bead_types: Int[Tensor, " n_beads"]
    slot_of_atom: Int[Tensor, " n_atoms"]

    def local_coordinates(self) -> Float[Tensor, "n_beads n_slots 3"]:
        """Compute where heavy atoms are in the first local frame of their beads [Å]."""
        batch = self.batch
        if batch.atom_positions is None:
            raise ValueError(
                "`batch` has no atom positions but codes are those of atoms; make the "
                "batch with atom_positions="
            )
        heavy, beads, slots = self._heavy_atoms()
        relative = batch.atom_positions[heavy] - batch.bead_positions[beads]
        n_slots = self.codebook.atom_types.shape[1]
        local = relative.new_zeros(batch.n_beads, n_slots, 3)
        axes = self._axes()[beads]  # [n_heavy, xyz, axis]
        local[beads, slots] = (relative[:, None] @ axes).squeeze(1)
        return local

    def codes(self) -> Int[Tensor, "n_beads 2"]:
        """Find the code and the subcode of every bead, from its atoms."""
        local, book, kinds = self.local_coordinates(), self.codebook, self.bead_types
        first = _nearest(local, book.coarse[kinds], book.coarse_log_frequency[kinds])
        second = _nearest(
            local, book.fine[kinds, first], book.fine_log_frequency[kinds, first]
        )
        return torch.stack([first, second], 1)

    def centroids(
        self, codes: Int[Tensor, "n_beads 2"]
    ) -> Float[Tensor, "n_beads n_slots 3"]:
        """Return the conformation of every bead that codes stand for [Å]."""
        return self.codebook.fine[self.bead_types, *codes.T]

    def displacements(
        self, codes: Int[Tensor, "n_beads 2"]
    ) -> Float[Tensor, "n_atoms 3"]:
        """Compute where codes put atoms from their beads; hydrogens are at them [Å]."""
        heavy, beads, slots = self._heavy_atoms()
        local = self.centroids(codes)[beads, slots]
        placed = (self._axes()[beads] @ local[:, :, None]).squeeze(-1)
        return local.new_zeros(self.batch.n_atoms, 3).index_copy(0, heavy, placed)

    def _axes(self) -> Float[Tensor, "n_beads 3 3"]:
        return LocalFrames.of(self.batch).axes[:, :, :3]

    def _heavy_atoms(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the heavy atoms, their beads and their slots."""
        heavy = torch.nonzero(self.slot_of_atom >= 0).squeeze(1)
        return heavy, self.batch.bead_of_atom[heavy], self.slot_of_atom[heavy]


def _nearest(local: Tensor, centroids: Tensor, log_frequency: Tensor) -> Tensor:
    """Find the nearest of the centroids of each bead that exist, [n_beads, k]."""
    squares = ((centroids - local[:, None]) ** 2).sum((-1, -2))
    return squares.masked_fill(log_frequency <= NEVER / 2, torch.inf).argmin(1)


def _n_clusters(n_points: int, fewest: int, most: int) -> int:
    return min(most, max(1, n_points // fewest))


def _log_frequency(clusters: Tensor, n_clusters: int, n_codes: int) -> Tensor:
    """Compute the logarithm of the frequency of codes, none of them zero."""
    counts = torch.bincount(clusters, minlength=n_clusters) + 1.0
    logarithms = torch.log(counts / counts.sum())
    return nn.functional.pad(logarithms, (0, n_codes - n_clusters), value=NEVER)
