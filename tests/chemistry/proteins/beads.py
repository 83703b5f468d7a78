"""Beads for the tests: by name, or of an atomistic protein."""

from collections.abc import Sequence
from typing import Any

import MDAnalysis as mda
import numpy as np

from openmm_cgvae.mapping import Mapping
from openmm_cgvae.molecules import AtomTable

FIELDS = tuple(AtomTable.__dataclass_fields__)


def make_beads(
    names: Sequence[str],
    resnames: Sequence[str],
    residue_of_bead: Sequence[int] | None = None,
    *,
    positions: Any = None,
    **attributes: Any,
) -> mda.Universe:
    """Make beads, one per residue and 3.8 A apart unless told otherwise."""
    n_residues = len(resnames)
    which = range(n_residues) if residue_of_bead is None else residue_of_bead
    universe = mda.Universe.empty(
        len(names), n_residues, atom_resindex=list(which), trajectory=True
    )
    attributes.setdefault("resids", np.arange(1, n_residues + 1))
    for name, values in {"names": names, "resnames": resnames, **attributes}.items():
        universe.add_TopologyAttr(name, list(values))
    line = np.arange(len(names))[:, None] * [3.8, 0.0, 0.0]
    universe.atoms.positions = line if positions is None else positions
    return universe


def alpha_carbons(sequence: str | Sequence[str], **attributes: Any) -> mda.Universe:
    """Make alpha carbons of a sequence of names with spaces between."""
    names = sequence.split() if isinstance(sequence, str) else list(sequence)
    return make_beads(["CA"] * len(names), names, **attributes)


def mapped(table: AtomTable, mapping: Mapping, positions: np.ndarray) -> mda.Universe:
    """Make the beads of a protein, with nothing left of its atoms."""
    counted = np.flatnonzero(mapping.weights)
    residue_of_bead = np.zeros(mapping.n_beads, dtype=int)
    residue_of_bead[mapping.bead_of_atom[counted]] = table.residue_of_atom[counted]
    kept, inside = np.unique(residue_of_bead, return_inverse=True)
    beads = make_beads(
        mapping.bead_names,
        [table.residue_names[residue] for residue in kept],
        inside,
        positions=mapping.project(positions),
        resids=[table.residue_ids[residue] for residue in kept],
        icodes=[table.insertion_codes[residue] for residue in kept],
    )
    chains = [table.chain_ids[residue] for residue in residue_of_bead]
    beads.add_TopologyAttr("chainIDs", chains)
    return beads


def differences(one: AtomTable, other: AtomTable) -> list[str]:
    """List the fields that differ."""
    return [
        name
        for name in FIELDS
        if not np.array_equal(getattr(one, name), getattr(other, name))
    ]
